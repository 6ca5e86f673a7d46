// SPDX-License-Identifier: Apache-2.0
// The server on several threads at once: what it promises must hold whatever comes between.
#include <gtest/gtest.h>

#include <algorithm>

#include "api/core/v1.h"
#include "apiserver/api_server.h"
#include "net/runtime.h"
#include "store/memory/memory_store.h"

namespace keelson::apiserver {
namespace {

constexpr int kThreads = 4;
constexpr int kWriters = 8;
constexpr int kRounds = 60;
constexpr int kWatchers = 8;

std::string map_name(int writer) { return "map-" + std::to_string(writer); }

// Creates, changes, sometimes deletes its own object, and reads each write back.
Task<std::string> write_and_read(client::Client& client, int writer) {
  const api::ObjectKey key{"default", map_name(writer)};
  std::string last;
  for (int round = 0; round < kRounds; ++round) {
    core::v1::ConfigMap map;
    map.metadata.namespace_ = key.namespace_;
    map.metadata.name = key.name;
    map.data["round"] = std::to_string(round);
    const auto created = co_await client.create(map);
    if (!created) co_return "create: " + created.error().message();
    map.data["changed"] = "yes";
    const auto changed = co_await client.update(map);
    if (!changed) co_return "update: " + changed.error().message();
    const auto read = co_await client.get<core::v1::ConfigMap>(key);
    if (!read) co_return "get: " + read.error().message();
    if ((*read)->metadata.resourceVersion != (*changed)->metadata.resourceVersion) {
      co_return "read an old version";
    }
    const auto list = co_await client.list<core::v1::ConfigMap>("default");
    if (!list) co_return "list: " + list.error().message();
    const bool there = std::ranges::any_of(
        *list, [&](const auto& item) { return item->metadata.name == key.name; });
    if (!there) co_return "a list without the object just written";
    if (round + 1 == kRounds) break;
    const auto removed = co_await client.remove<core::v1::ConfigMap>(key);
    if (!removed) co_return "remove: " + removed.error().message();
    const auto gone = co_await client.get<core::v1::ConfigMap>(key);
    if (gone) co_return "read what was deleted";
  }
  co_return std::string();
}

// Follows until every writer's last write has been seen; checks that each object's history is
// whole.
Task<std::string> follow(client::Client& client) {
  const auto& maps = api::resource_of<core::v1::ConfigMap>();
  auto stream = co_await client.watch(maps, "default", {.send_initial_events = true});
  if (!stream) co_return "watch: " + stream.error().message();
  std::map<std::string, std::int64_t> present;
  // The present state comes first, in the order of its names; only then do revisions rise.
  bool initial = true;
  std::int64_t newest = 0;
  int finished = 0;
  while (finished < kWriters) {
    auto events = co_await (*stream)->next();
    if (!events || !*events) co_return "the watch ended";
    for (const auto& event : **events) {
      using Type = client::WatchEvent::Type;
      const std::int64_t version = event.object->resource_version();
      if (event.type == Type::Bookmark) {
        if (version < newest) co_return "a bookmark behind what was seen";
        if (event.initial_events_end) initial = false;
        newest = version;
        continue;
      }
      const std::string& name = event.object->name();
      if (!initial && version <= newest) co_return "an event out of order";
      if (initial && event.type != Type::Added) co_return "a change within the present state";
      newest = std::max(newest, version);
      if ((event.type == Type::Added) != !present.contains(name)) {
        co_return "an event that does not follow from those before";
      }
      if (event.type == Type::Deleted) {
        present.erase(name);
      } else {
        present[name] = version;
        const auto& map = event.object->as<core::v1::ConfigMap>();
        if (map.data.contains("changed") && map.data.at("round") == std::to_string(kRounds - 1)) {
          ++finished;
        }
      }
    }
  }
  co_return std::string();
}

Task<void> run_all(ApiServer& server, store::Store& store, net::Runtime& runtime,
                   std::vector<std::string>& problems) {
  const auto started = co_await server.start();
  if (!started) {
    problems.push_back(started.error().message());
    runtime.stop();
    co_return;
  }
  const auto client = server.make_client(User::system_masters("test"));
  std::vector<Task<std::string>> tasks;
  for (int i = 0; i < kWatchers; ++i) tasks.push_back(follow(*client));
  for (int i = 0; i < kWriters; ++i) tasks.push_back(write_and_read(*client, i));
  for (auto& problem : co_await when_all(std::move(tasks))) {
    if (!problem.empty()) problems.push_back(std::move(problem));
  }
  co_await server.stop();
  co_await store.stop();
  runtime.stop();
}

TEST(Threads, SeeTheirOwnWritesAndWholeHistories) {
  const auto runtime = net::make_runtime();
  const auto random = make_seeded_random(3);
  const auto store = store::make_memory_store(*runtime);
  ApiServerOptions options;
  options.store = store.get();
  options.executor = runtime.get();
  options.random = random.get();
  auto server = std::make_unique<ApiServer>(std::move(options));
  std::vector<std::string> problems;
  spawn(*runtime, run_all(*server, *store, *runtime, problems));

  runtime->run(kThreads);

  EXPECT_EQ(problems, std::vector<std::string>{});
}

}  // namespace
}  // namespace keelson::apiserver
