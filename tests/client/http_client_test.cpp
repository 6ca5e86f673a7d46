// SPDX-License-Identifier: Apache-2.0
// The client over a real connection to a server that answers by script: what it asks, and what it
// makes of the answers.
#include "client/http_client.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "api/core/v1.h"
#include "net/run.h"

namespace keelson::client {
namespace {

using namespace std::chrono_literals;
using core::v1::Pod;

struct Seen {
  std::string method, target, authorization, content_type, user_agent, body;
};

// Answers each request with the next response; remembers what was asked.
struct Script {
  std::deque<net::HttpResponse> responses;
  std::vector<Seen> seen;
  std::vector<std::string> chunks;  // Of the answer to a watch.
};

Task<void> answer(Script* script, net::HttpExchange* exchange) {
  const net::HttpRequest& request = exchange->request();
  const auto header = [&](std::string_view name) { return std::string(request.headers.get(name)); };
  Seen seen{request.method,         request.target,       header("Authorization"),
            header("Content-Type"), header("User-Agent"), {}};
  seen.body = (co_await exchange->read_body(1 << 20)).value_or("");
  script->seen.push_back(seen);
  if (!script->chunks.empty() && seen.target.contains("watch=true")) {
    (void)co_await exchange->start({.status = 200, .headers = {}, .body = {}});
    for (const auto& chunk : script->chunks) {
      (void)co_await exchange->write(std::make_shared<const std::string>(chunk));
      (void)co_await sleep_for(1ms);
    }
    (void)co_await exchange->finish();
    co_return;
  }
  net::HttpResponse response{.status = 500, .headers = {}, .body = "nothing left to say"};
  if (!script->responses.empty()) {
    response = std::move(script->responses.front());
    script->responses.pop_front();
  }
  (void)co_await exchange->respond(std::move(response));
}

// Serves the script and hands a client to the test's body.
void with_client(Script& script, Connection connection, std::function<Task<void>(Client&)> body) {
  net::run_test([&](net::Runtime& runtime) -> Task<void> {
    return [](net::Runtime* loop, Script* answers, Connection to,
              std::function<Task<void>(Client&)>* test) -> Task<void> {
      auto listener = net::listen_tcp(*loop, "127.0.0.1", 0);
      CHECK(listener.has_value());
      const std::string port = std::to_string((*listener)->port());
      auto server = net::serve_http(
          *loop, *std::move(listener), nullptr,
          [answers](net::HttpExchange& exchange) { return answer(answers, &exchange); });
      CHECK(server.has_value());
      to.server = "http://127.0.0.1:" + port + to.server;
      auto client = make_http_client(
          *loop, {.connection = std::move(to), .user_agent = "test/1.0", .timeout = 10s});
      CHECK(client.has_value());
      co_await (*test)(**client);
      client->reset();
      co_await (*server)->stop(1s);
    }(&runtime, &script, connection, &body);
  });
}

net::HttpResponse ok(std::string body) {
  return {
      .status = 200, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

constexpr auto kPod =
    R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"default","resourceVersion":"7"}})";

TEST(HttpClient, AsksWithItsIdentity) {
  Script script;
  script.responses = {ok(kPod), ok(kPod), ok(kPod), ok(kPod)};

  with_client(script, {.server = "/prefix", .token = "secret"}, [](Client& client) {
    return [](Client* api) -> Task<void> {
      auto pod = co_await api->get<Pod>({"default", "web"});
      EXPECT_TRUE(pod);
      if (pod) EXPECT_EQ((*pod)->metadata.resourceVersion, "7");
      Pod made;
      made.metadata.namespace_ = "default";
      made.metadata.name = "web";
      EXPECT_TRUE(co_await api->create(made));
      EXPECT_TRUE(co_await api->update_status(made));
      EXPECT_TRUE(co_await api->patch<Pod>({"default", "web"}, PatchType::Strategic, "{}"));
    }(&client);
  });

  ASSERT_EQ(script.seen.size(), 4u);
  EXPECT_EQ(script.seen[0].method, "GET");
  EXPECT_EQ(script.seen[0].target, "/prefix/api/v1/namespaces/default/pods/web");
  EXPECT_EQ(script.seen[0].authorization, "Bearer secret");
  EXPECT_EQ(script.seen[0].user_agent, "test/1.0");
  EXPECT_EQ(script.seen[1].method, "POST");
  EXPECT_EQ(script.seen[1].target, "/prefix/api/v1/namespaces/default/pods");
  EXPECT_EQ(script.seen[1].content_type, "application/json");
  EXPECT_TRUE(script.seen[1].body.contains(R"("name":"web")"));
  EXPECT_EQ(script.seen[2].method, "PUT");
  EXPECT_EQ(script.seen[2].target, "/prefix/api/v1/namespaces/default/pods/web/status");
  EXPECT_EQ(script.seen[3].method, "PATCH");
  EXPECT_EQ(script.seen[3].content_type, "application/strategic-merge-patch+json");
  EXPECT_EQ(script.seen[3].body, "{}");
}

TEST(HttpClient, MakesErrorsOfStatusObjects) {
  Script script;
  script.responses = {
      {.status = 404,
       .headers = {},
       .body =
           R"({"kind":"Status","message":"pods \"web\" not found","reason":"NotFound","code":404})"}};

  with_client(script, {}, [](Client& client) {
    return [](Client* api) -> Task<void> {
      auto pod = co_await api->get<Pod>({"default", "web"});
      EXPECT_FALSE(pod);
      if (!pod) {
        EXPECT_TRUE(pod.error().is(Reason::NotFound));
        EXPECT_EQ(pod.error().message(), "pods \"web\" not found");
      }
    }(&client);
  });
}

TEST(HttpClient, RepeatsWhatTheServerAsksToRepeat) {
  Script script;
  script.responses = {{.status = 429, .headers = {{"Retry-After", "0"}}, .body = ""},
                      {.status = 503, .headers = {{"Retry-After", "0"}}, .body = ""},
                      ok(kPod),
                      {.status = 503, .headers = {}, .body = "no hint"}};

  with_client(script, {}, [](Client& client) {
    return [](Client* api) -> Task<void> {
      EXPECT_TRUE(co_await api->get<Pod>({"default", "web"}));
      auto second = co_await api->get<Pod>({"default", "web"});
      EXPECT_FALSE(second);
      if (!second) EXPECT_TRUE(second.error().is(Reason::ServiceUnavailable));
    }(&client);
  });

  EXPECT_EQ(script.seen.size(), 4u);
}

TEST(HttpClient, RemovesWithOptionsAndTellsWhatIsLeft) {
  Script script;
  script.responses = {
      ok(kPod), ok(R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"})")};

  with_client(script, {}, [](Client& client) {
    return [](Client* api) -> Task<void> {
      const Resource& pods = api::resource_of<Pod>();
      DeleteOptions options;
      options.grace_period_seconds = 5;
      auto graceful = co_await api->remove(pods, {"default", "web"}, options);
      EXPECT_TRUE(graceful && *graceful);
      auto gone = co_await api->remove(pods, {"default", "web"}, options);
      EXPECT_TRUE(gone && !*gone);
    }(&client);
  });

  EXPECT_EQ(script.seen[0].method, "DELETE");
  EXPECT_TRUE(script.seen[0].body.contains(R"("gracePeriodSeconds":5)"));
}

TEST(HttpClient, ReadsWatchesWhateverTheirPieces) {
  Script script;
  script.chunks = {
      R"({"type":"ADDED","obj)",
      std::string(R"(ect":)") + kPod + "}\n" + R"({"type":"MODIFIED","object":)" + kPod +
          "}\n{\"ty",
      R"(pe":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}})"
      "\n"};
  std::vector<WatchEvent::Type> types;
  std::optional<Status> error;

  with_client(script, {}, [&](Client& client) {
    return [](Client* api, std::vector<WatchEvent::Type>* out,
              std::optional<Status>* ended) -> Task<void> {
      auto stream =
          co_await api->watch(api::resource_of<Pod>(), "default", {.resource_version = "5"});
      EXPECT_TRUE(stream);
      while (stream) {
        auto events = co_await (*stream)->next();
        if (!events) {
          *ended = events.error();
          break;
        }
        if (!*events) break;
        for (const auto& event : **events) out->push_back(event.type);
      }
    }(&client, &types, &error);
  });

  EXPECT_EQ(types, (std::vector{WatchEvent::Type::Added, WatchEvent::Type::Modified}));
  ASSERT_TRUE(error);
  EXPECT_TRUE(error->is(Reason::Expired));
  EXPECT_TRUE(script.seen[0].target.contains("resourceVersion=5"));
  EXPECT_TRUE(script.seen[0].target.contains("allowWatchBookmarks=true"));
}

TEST(HttpClient, AWatchThatIsRefusedIsAnError) {
  Script script;
  script.responses = {
      {.status = 403,
       .headers = {},
       .body = R"({"kind":"Status","message":"no","reason":"Forbidden","code":403})"}};

  with_client(script, {}, [](Client& client) {
    return [](Client* api) -> Task<void> {
      auto stream = co_await api->watch(api::resource_of<Pod>(), "default", {});
      EXPECT_FALSE(stream);
      if (!stream) EXPECT_TRUE(stream.error().is(Reason::Forbidden));
    }(&client);
  });
}

TEST(HttpClient, ReadsItsTokenFromAFile) {
  std::string name = (std::filesystem::temp_directory_path() / "token-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(name.data());
  std::ofstream(folder / "token") << "from-file\n";
  Script script;
  script.responses = {ok(kPod)};

  with_client(script, {.token = "old", .token_file = (folder / "token").string()},
              [](Client& client) {
                return [](Client* api) -> Task<void> {
                  EXPECT_TRUE(co_await api->get<Pod>({"default", "web"}));
                }(&client);
              });

  EXPECT_EQ(script.seen[0].authorization, "Bearer from-file");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace keelson::client
