// SPDX-License-Identifier: Apache-2.0
#include "apiserver/cache/object_index.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace keelson::apiserver {
namespace {

api::ObjectPtr object(const std::string& namespace_, const std::string& name, int revision = 1) {
  const std::string json = R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":")" + name +
                           R"(","namespace":")" + namespace_ + R"("}})";
  return *api::Object::from_stored(json, revision);
}

std::vector<std::string> keys(const ObjectIndex::Snapshot& snapshot,
                              const api::ObjectKey& from = {}) {
  std::vector<std::string> out;
  snapshot.each_from(from, [&](const api::ObjectPtr& found) {
    out.push_back(found->key().text() + "@" + std::to_string(found->resource_version()));
    return true;
  });
  return out;
}

TEST(ObjectIndex, OrdersAsTheStoreDoes) {
  const std::vector<api::ObjectKey> ordered = {{"a-b", "x"}, {"a.b", "x"}, {"a", "x"},
                                               {"a", "y"},   {"a0", "x"},  {"b", "a"}};
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      SCOPED_TRACE(ordered[i].text() + " " + ordered[j].text());
      EXPECT_EQ(key_less(ordered[i], ordered[j]), ordered[i].text() < ordered[j].text());
    }
  }
}

TEST(ObjectIndex, AgreesWithAMapAndKeepsItsSnapshots) {
  const auto random = make_seeded_random(7);
  ObjectIndex index;
  std::map<std::string, int> model;
  struct Taken {
    ObjectIndex::Snapshot snapshot;
    std::vector<std::string> expected;
  };
  std::vector<Taken> taken;
  const auto model_keys = [&] {
    std::vector<std::string> out;
    for (const auto& [key, revision] : model) out.push_back(key + "@" + std::to_string(revision));
    return out;
  };
  for (int step = 1; step <= 20'000; ++step) {
    const std::string namespace_ = "n" + std::to_string(random->below(3));
    const std::string name = "o" + std::to_string(random->below(900));
    const std::string key = namespace_ + "/" + name;
    if (random->below(3) == 0) {
      EXPECT_EQ(index.remove({namespace_, name}) != nullptr, model.erase(key) == 1);
    } else {
      EXPECT_EQ(index.set(object(namespace_, name, step)) != nullptr, model.contains(key));
      model[key] = step;
    }
    if (step % 2000 == 0) taken.push_back({index.snapshot(), model_keys()});
  }

  EXPECT_EQ(index.size(), model.size());
  EXPECT_EQ(keys(index.snapshot()), model_keys());
  for (const auto& earlier : taken) EXPECT_EQ(keys(earlier.snapshot), earlier.expected);
}

TEST(ObjectIndex, ReadsFromAKeyOn) {
  ObjectIndex index;
  for (const std::string name : {"a", "b", "c"}) index.set(object("n", name));
  index.set(object("m", "z"));

  EXPECT_EQ(keys(index.snapshot(), {"n", "b"}), (std::vector<std::string>{"n/b@1", "n/c@1"}));
  EXPECT_EQ(keys(index.snapshot(), {"n", std::string("b\0", 2)}),
            (std::vector<std::string>{"n/c@1"}));
  EXPECT_EQ(index.find({"n", "bb"}), nullptr);
}

TEST(ObjectIndex, CountsWhatComesBeforeAKey) {
  ObjectIndex index;
  for (int i = 0; i < 1000; ++i) index.set(object("n" + std::to_string(i % 3), std::to_string(i)));
  const auto snapshot = index.snapshot();

  EXPECT_EQ(snapshot.size(), 1000u);
  EXPECT_EQ(snapshot.count_below({}), 0u);
  EXPECT_EQ(snapshot.count_below({"n1", ""}), 334u);
  EXPECT_EQ(snapshot.count_below({"n10", ""}), 667u);
  EXPECT_EQ(snapshot.count_below({"z", ""}), 1000u);
  EXPECT_EQ(ObjectIndex().snapshot().count_below({"z", ""}), 0u);
}

}  // namespace
}  // namespace keelson::apiserver
