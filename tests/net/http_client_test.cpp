// SPDX-License-Identifier: Apache-2.0
// Client and server over loopback, with TLS and without; curl as a second opinion.
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/sync.h"
#include "net/http.h"
#include "pki_fixture.h"
#include "run.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

Task<void> serve_paths(HttpExchange& exchange) {
  const HttpRequest& request = exchange.request();
  const auto target = *parse_target(request.target);
  if (target.path == "/echo") {
    auto body = co_await exchange.read_body(64 << 20);
    (void)co_await exchange.respond(
        {.status = 200, .headers = {{"X-Method", request.method}}, .body = body.value_or("!")});
  } else if (target.path == "/who") {
    (void)co_await exchange.respond({.status = 200,
                                     .headers = {},
                                     .body = std::to_string(request.version) + " " +
                                             exchange.peer().common_name + " " +
                                             request.authority});
  } else if (target.path == "/large") {
    const auto piece = std::make_shared<const std::string>(std::string(1 << 20, 'x'));
    (void)co_await exchange.respond_shared({.status = 200, .headers = {}, .body = {}}, {4, piece});
  } else if (target.path == "/stream") {
    (void)co_await exchange.start({.status = 200, .headers = {}, .body = {}});
    for (int i = 0; i < 5; ++i) {
      (void)co_await exchange.write(
          std::make_shared<const std::string>("event " + std::to_string(i) + "\n"));
      (void)co_await sleep_for(1ms);
    }
    (void)co_await exchange.finish();
  } else if (target.path == "/watch") {
    (void)co_await exchange.start({.status = 200, .headers = {}, .body = {}});
    (void)co_await exchange.write(std::make_shared<const std::string>("first"));
    Event gone;
    std::stop_callback on_gone(exchange.closed(), [&] { gone.set(); });
    (void)co_await gone.wait();
    (void)co_await exchange.finish();
  } else if (target.path == "/upgrade" && request.version != 20) {
    auto stream =
        co_await exchange.upgrade({.status = 101, .headers = {{"Upgrade", "echo"}}, .body = {}});
    std::array<char, 256> buffer;
    while (stream) {
      auto size = co_await (*stream)->read(buffer);
      if (!size || *size == 0) break;
      (void)co_await (*stream)->write({buffer.data(), *size});
    }
  } else {
    (void)co_await exchange.respond({.status = 404, .headers = {}, .body = "not here"});
  }
}

struct Fixture {
  std::unique_ptr<HttpServer> server;
  Origin origin;
};

Fixture start(Runtime& runtime, bool tls, std::vector<std::string> client_alpn) {
  const auto& pki = TestPki::get();
  Fixture made;
  auto listener = listen_tcp(runtime, "127.0.0.1", 0);
  made.server =
      *serve_http(runtime, std::move(*listener), tls ? pki.server_context() : nullptr, serve_paths);
  made.origin.host = "127.0.0.1";
  made.origin.port = made.server->port();
  if (tls) made.origin.tls = pki.client_context(std::move(client_alpn));
  return made;
}

struct Variant {
  std::string name;
  bool tls;
  std::vector<std::string> alpn;
  int version;
};

class HttpClientTest : public ::testing::TestWithParam<Variant> {};

Task<void> speak(Runtime& runtime, Variant variant) {
  auto fixture = start(runtime, variant.tls, variant.alpn);
  {
    const auto client = make_http_client(runtime, fixture.origin);
    const auto who = co_await client->send({.target = "/who"}, 5s);
    EXPECT_TRUE(who);
    if (!who) co_return;
    EXPECT_EQ(who->body, std::to_string(variant.version) + (variant.tls ? " jane " : "  ") +
                             "127.0.0.1:" + std::to_string(fixture.origin.port));

    const std::string body(3 << 20, 'b');
    const auto echoed =
        co_await client->send({.method = "PUT", .target = "/echo", .body = body}, 20s);
    EXPECT_TRUE(echoed && echoed->body == body);
    EXPECT_EQ(echoed->headers.get("x-method"), "PUT");
    const auto empty = co_await client->send({.method = "POST", .target = "/echo"}, 5s);
    EXPECT_TRUE(empty && empty->body.empty());

    const auto large = co_await client->send({.target = "/large"}, 20s);
    EXPECT_TRUE(large && large->body.size() == 4u << 20);
    const auto limited = co_await client->send({.target = "/large"}, 20s, 1 << 20);
    EXPECT_TRUE(limited.error().is(Reason::RequestEntityTooLarge));

    const auto missing = co_await client->send({.target = "/nothing"}, 5s);
    EXPECT_EQ(missing->status, 404);
    const auto head = co_await client->send({.method = "HEAD", .target = "/large"}, 5s);
    EXPECT_TRUE(head && head->body.empty());
    EXPECT_EQ(head->headers.get("content-length"), std::to_string(4 << 20));

    std::string streamed;
    auto stream = co_await client->open({.target = "/stream"});
    while (stream) {
      auto more = co_await (*stream)->read();
      EXPECT_TRUE(more);
      if (!more || more->empty()) break;
      streamed += *more;
    }
    EXPECT_EQ(streamed, "event 0\nevent 1\nevent 2\nevent 3\nevent 4\n");

    const auto late = co_await client->send({.target = "/watch"}, 20ms);
    EXPECT_TRUE(late.error().is(Reason::Timeout));

    // Many at once.
    std::vector<Task<Result<HttpResponse>>> many;
    for (int i = 0; i < 50; ++i)
      many.push_back(client->send({.method = "POST",
                                   .target = "/echo",
                                   .body = std::string(1000, static_cast<char>('a' + i % 26))},
                                  20s));
    const auto answers = co_await when_all(std::move(many));
    for (int i = 0; i < 50; ++i)
      EXPECT_TRUE(answers[i] &&
                  answers[i]->body == std::string(1000, static_cast<char>('a' + i % 26)));

    auto upgraded = co_await client->upgrade(
        {.target = "/upgrade", .headers = {{"Connection", "Upgrade"}, {"Upgrade", "echo"}}});
    EXPECT_TRUE(upgraded && upgraded->stream);
    if (upgraded && upgraded->stream) {
      EXPECT_TRUE(co_await upgraded->stream->write("over the stream"));
      std::array<char, 64> buffer;
      const auto size = co_await upgraded->stream->read(buffer);
      EXPECT_EQ(std::string_view(buffer.data(), size.value_or(0)), "over the stream");
    }
    const auto refused = co_await client->upgrade({.target = "/nothing"});
    EXPECT_TRUE(refused && !refused->stream);
    EXPECT_EQ(refused->head.status, 404);
    EXPECT_EQ(refused->head.body, "not here");
  }
  co_await fixture.server->stop(5s);
}

TEST_P(HttpClientTest, SpeaksWithTheServer) {
  const Variant variant = GetParam();
  run_test([&](Runtime& runtime) { return speak(runtime, variant); }, 2);
}

INSTANTIATE_TEST_SUITE_P(Versions, HttpClientTest,
                         ::testing::Values(Variant{"plain", false, {}, 11},
                                           Variant{"tls1", true, {"http/1.1"}, 11},
                                           Variant{"tls2", true, {"h2", "http/1.1"}, 20}),
                         [](const auto& test) { return test.param.name; });

TEST(HttpServer, StopLetsRequestsFinishEndsWatchesAndRefusesNewOnes) {
  for (const bool http2 : {false, true}) {
    SCOPED_TRACE(http2);
    run_test(
        [http2](Runtime& runtime) -> Task<void> {
          auto fixture = start(runtime, true, {http2 ? "h2" : "http/1.1"});
          const auto client = make_http_client(runtime, fixture.origin);
          auto watch = co_await client->open({.target = "/watch"});
          EXPECT_TRUE(watch);
          EXPECT_EQ((co_await (*watch)->read()).value(), "first");
          auto stream = co_await client->open({.target = "/stream"});
          EXPECT_TRUE(stream);

          co_await fixture.server->stop(10s);

          EXPECT_EQ((co_await (*watch)->read()).value_or("broken"), "");
          std::string streamed;
          while (true) {
            auto more = co_await (*stream)->read();
            if (!more || more->empty()) break;
            streamed += *more;
          }
          EXPECT_TRUE(streamed.ends_with("event 4\n"));
          const auto after = co_await client->send({.target = "/who"}, 5s);
          EXPECT_FALSE(after);
        },
        2);
  }
}

TEST(HttpServer, GraceOverEndsWhatStillRuns) {
  run_test([](Runtime& runtime) -> Task<void> {
    Event arrived;
    bool stopped = false;
    auto listener = listen_tcp(runtime, "127.0.0.1", 0);
    const auto hang = [&arrived, &stopped](HttpExchange&) -> Task<void> {
      arrived.set();
      stopped = !co_await sleep_for(1h);
    };
    auto server = *serve_http(runtime, std::move(*listener), nullptr, hang);
    const auto client = make_http_client(runtime, {.host = "127.0.0.1", .port = server->port()});
    TaskGroup group(runtime);
    group.start([](HttpClient* from) -> Task<void> {
      (void)co_await from->send({.target = "/"}, 30s);
    }(client.get()));
    EXPECT_TRUE(co_await arrived.wait());

    co_await server->stop(20ms);

    EXPECT_TRUE(stopped);
    co_await group.join();
  });
}

TEST(HttpClient, ReconnectsAfterTheServerWasReplaced) {
  run_test(
      [](Runtime& runtime) -> Task<void> {
        auto first = start(runtime, true, {"h2"});
        const std::uint16_t port = first.origin.port;
        const auto client = make_http_client(runtime, first.origin);
        EXPECT_TRUE(co_await client->send({.target = "/who"}, 5s));
        co_await first.server->stop(5s);
        first.server.reset();
        EXPECT_FALSE(co_await client->send({.target = "/who"}, 5s));

        auto listener = listen_tcp(runtime, "127.0.0.1", port);
        EXPECT_TRUE(listener);
        auto second = *serve_http(runtime, std::move(*listener), TestPki::get().server_context(),
                                  serve_paths);

        EXPECT_TRUE(co_await client->send({.target = "/who"}, 5s));
        co_await second->stop(5s);
      },
      2);
}

TEST(HttpClient, RefusesRequestsThatWouldSmuggle) {
  run_test([](Runtime& runtime) -> Task<void> {
    auto fixture = start(runtime, false, {});
    const auto client = make_http_client(runtime, fixture.origin);
    for (const std::string target : {"/a b", "/a\r\nX: y", ""}) {
      const auto sent = co_await client->send({.target = target}, 5s);
      EXPECT_TRUE(sent.error().is(Reason::BadRequest)) << target;
    }
    const auto method = co_await client->send({.method = "GET /x HTTP/1.1\r\n\r\n"}, 5s);
    EXPECT_TRUE(method.error().is(Reason::BadRequest));
    co_await fixture.server->stop(5s);
  });
}

// --- curl ----------------------------------------------------------------------------------------

Task<std::string> run_curl(Runtime& runtime, std::string arguments) {
  co_return co_await suspended<std::string>("canceled", [&](Completion<std::string> done) {
    runtime.block([done, arguments] {
      std::string output;
      FILE* pipe =
          ::popen(("curl --silent --show-error --max-time 20 " + arguments + " 2>&1").c_str(), "r");
      std::array<char, 4096> buffer;
      while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe))
        output.append(buffer.data(), size);
      ::pclose(pipe);
      done.complete(std::move(output));
    });
  });
}

TEST(HttpServer, UnderstandsCurl) {
  char folder[] = "/tmp/keelson-curl-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = folder;
  const auto& pki = TestPki::get();
  ASSERT_TRUE(pki::write_file(path + "/ca.crt", pki.ca.certificate_pem, 0644));
  ASSERT_TRUE(pki::save_pair(pki.client, path + "/client.crt", path + "/client.key"));
  ASSERT_TRUE(pki::write_file(path + "/body", std::string(2 << 20, 'q'), 0644));
  run_test(
      [path](Runtime& runtime) -> Task<void> {
        auto secure = start(runtime, true, {});
        auto plain = start(runtime, false, {});
        const std::string tls =
            " --cacert " + path + "/ca.crt --cert " + path + "/client.crt --key " + path +
            "/client.key https://localhost:" + std::to_string(secure.origin.port);
        const std::string clear = " http://127.0.0.1:" + std::to_string(plain.origin.port);
        struct Case {
          std::string flags;
          const std::string* base;
          int version;
          std::string name;
        };
        const Case cases[] = {{"--http1.1", &tls, 11, "jane"},
                              {"--http2", &tls, 20, "jane"},
                              {"--http1.1", &clear, 11, ""},
                              {"--http2-prior-knowledge", &clear, 20, ""}};
        for (const auto& c : cases) {
          const std::string who = co_await run_curl(runtime, c.flags + *c.base + "/who");
          EXPECT_TRUE(who.starts_with(std::to_string(c.version) + " " + c.name + " "))
              << c.flags << ": " << who;
          const std::string echoed = co_await run_curl(
              runtime, c.flags + " --data-binary @" + path + "/body" + *c.base + "/echo");
          EXPECT_EQ(echoed.size(), 2u << 20) << echoed.substr(0, 200);
          const std::string chunked =
              co_await run_curl(runtime, c.flags + " -H 'Transfer-Encoding: chunked' -T " + path +
                                             "/body" + *c.base + "/echo");
          EXPECT_EQ(chunked.size(), 2u << 20) << chunked.substr(0, 200);
          EXPECT_EQ(co_await run_curl(runtime, c.flags + *c.base + "/stream"),
                    "event 0\nevent 1\nevent 2\nevent 3\nevent 4\n");
        }
        const std::string mistaken = co_await run_curl(
            runtime, "http://127.0.0.1:" + std::to_string(secure.origin.port) + "/");
        EXPECT_EQ(mistaken, "Client sent an HTTP request to an HTTPS server.\n");
        co_await secure.server->stop(5s);
        co_await plain.server->stop(5s);
      },
      2);
  std::filesystem::remove_all(path);
}

// --- Targets -------------------------------------------------------------------------------------

TEST(Target, SplitsAndDecodes) {
  const auto target =
      parse_target("/api/v1/pods%2Fx?labelSelector=a%3Db%2Cc&watch=true&flag&q=a+b&q=2#frag");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/api/v1/pods/x");
  EXPECT_EQ(target->get("labelSelector"), "a=b,c");
  EXPECT_EQ(target->get("q"), "a b");
  EXPECT_EQ(target->all("q"), (std::vector<std::string_view>{"a b", "2"}));
  EXPECT_TRUE(target->has("flag"));
  EXPECT_TRUE(target->is_on("flag"));
  EXPECT_TRUE(target->is_on("watch"));
  EXPECT_FALSE(target->is_on("missing"));
  EXPECT_FALSE(target->has("missing"));
  EXPECT_EQ(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
  for (const auto* bad : {"/%", "/%4", "/%zz", "/?a=%1"}) EXPECT_FALSE(parse_target(bad)) << bad;
}

TEST(Target, TakesEverythingForTrueThatDoesNotSayNo) {
  for (const auto* yes : {"", "1", "true", "True", "yes"}) EXPECT_TRUE(means_true(yes)) << yes;
  for (const auto* no : {"0", "false", "False", "FALSE"}) EXPECT_FALSE(means_true(no)) << no;
}

TEST(Headers, CompareWithoutCaseAndKeepTheirOrder) {
  Headers headers{{"Accept", "a"}, {"ACCEPT", "b"}, {"Other", "c"}};
  EXPECT_EQ(headers.get("accept"), "a");
  EXPECT_EQ(headers.all("Accept"), (std::vector<std::string_view>{"a", "b"}));
  headers.set("accept", "z");
  EXPECT_EQ(headers.all("Accept"), std::vector<std::string_view>{"z"});
  headers.remove("OTHER");
  EXPECT_FALSE(headers.has("Other"));
}

}  // namespace
}  // namespace keelson::net
