// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "api/core/v1.h"
#include "cluster.h"

namespace keelson::apiserver {
namespace {

core::v1::ConfigMap config(const std::string& name) {
  core::v1::ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = name;
  map.data["k"] = "v";
  return map;
}

TEST(InProcess, SharesTheServersObjects) {
  TestCluster cluster;
  const auto client = cluster.server->make_client(User::system_masters("test"));

  const auto created = cluster.run(client->create(config("a")));
  ASSERT_TRUE(created.has_value()) << created.error().message();
  const auto& maps = api::resource_of<core::v1::ConfigMap>();
  const auto first = cluster.run(client->get(maps, {"default", "a"}, {}));
  const auto second = cluster.run(client->get(maps, {"default", "a"}, {}));

  EXPECT_EQ((*created)->data.at("k"), "v");
  EXPECT_EQ(first->get(), second->get());
  EXPECT_EQ(&(*first)->as<core::v1::ConfigMap>(), &(*second)->as<core::v1::ConfigMap>());
}

TEST(InProcess, PassesAuthorization) {
  TestCluster cluster;
  User user;
  user.name = "nobody";
  const auto client = cluster.server->make_client(user);

  const auto created = cluster.run(client->create(config("a")));
  const auto listed = cluster.run(client->list<core::v1::ConfigMap>());

  ASSERT_FALSE(created.has_value());
  EXPECT_TRUE(created.error().is(Reason::Forbidden));
  ASSERT_FALSE(listed.has_value());
  EXPECT_TRUE(listed.error().is(Reason::Forbidden));
}

TEST(InProcess, RetriesAChangeUntilItFits) {
  TestCluster cluster;
  const auto client = cluster.server->make_client(User::system_masters("test"));
  ASSERT_TRUE(cluster.run(client->create(config("a"))).has_value());
  int attempts = 0;
  const std::function<bool(core::v1::ConfigMap&)> change = [&](core::v1::ConfigMap& map) {
    // Another writer comes between, once.
    if (attempts++ == 0) map.metadata.resourceVersion = "1";
    map.data["n"] = std::to_string(attempts);
    return true;
  };

  const auto updated = cluster.run(
      client::update_with_retry<core::v1::ConfigMap>(*client, {"default", "a"}, change));

  ASSERT_TRUE(updated.has_value()) << updated.error().message();
  EXPECT_EQ((*updated)->data.at("n"), "2");
}

Task<std::vector<client::WatchEvent>> read_events(client::WatchStream& stream, std::size_t count) {
  std::vector<client::WatchEvent> events;
  while (events.size() < count) {
    auto next = co_await stream.next();
    if (!next || !*next) break;
    for (auto& event : **next) events.push_back(std::move(event));
  }
  co_return events;
}

TEST(InProcess, WatchesFromTheStateOn) {
  TestCluster cluster;
  const auto client = cluster.server->make_client(User::system_masters("test"));
  ASSERT_TRUE(cluster.run(client->create(config("a"))).has_value());
  const auto& maps = api::resource_of<core::v1::ConfigMap>();
  auto stream = cluster.run(client->watch(maps, "default", {.send_initial_events = true}));
  ASSERT_TRUE(stream.has_value()) << stream.error().message();

  const auto initial = cluster.run(read_events(**stream, 2));
  ASSERT_EQ(initial.size(), 2u);
  EXPECT_EQ(initial[0].type, client::WatchEvent::Type::Added);
  EXPECT_EQ(initial[0].object->name(), "a");
  EXPECT_TRUE(initial[1].initial_events_end);
  ASSERT_TRUE(cluster.run(client->remove<core::v1::ConfigMap>({"default", "a"})).has_value());
  const auto later = cluster.run(read_events(**stream, 1));
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later[0].type, client::WatchEvent::Type::Deleted);
  EXPECT_EQ(later[0].object->name(), "a");
}

TEST(InProcess, NeverLosesAChangeToConcurrentWriters) {
  TestCluster cluster;
  const auto client = cluster.server->make_client(User::system_masters("test"));
  ASSERT_TRUE(cluster.run(client->create(config("a"))).has_value());
  constexpr int kWriters = 5;
  std::vector<Task<Result<api::ObjectPtr>>> writers;
  const auto& maps = api::resource_of<core::v1::ConfigMap>();
  for (int i = 0; i < kWriters; ++i) {
    writers.push_back(client->patch(maps, {"default", "a"}, client::PatchType::Merge,
                                    R"({"data":{"w)" + std::to_string(i) + R"(":"x"}})", {}));
  }

  const auto results = cluster.run(when_all(std::move(writers)));

  for (const auto& result : results) EXPECT_TRUE(result.has_value());
  const auto map = cluster.run(client->get<core::v1::ConfigMap>({"default", "a"}));
  EXPECT_EQ((*map)->data.size(), 1u + kWriters);
}

}  // namespace
}  // namespace keelson::apiserver
