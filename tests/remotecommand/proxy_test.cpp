// SPDX-License-Identifier: Apache-2.0
#include "remotecommand/proxy.h"

#include "fake_http.h"
#include "net/spdy/session.h"
#include "net/websocket/websocket.h"
#include "remotecommand/port_forward.h"
#include "remotecommand/session.h"

namespace keelson::remotecommand {
namespace {

const CommandOptions kOutput{.with_stdin = true, .with_stdout = true};

// client -> front_ (relays) -> back_ (serves)
class ProxyTest : public RemoteCommandTest {
 protected:
  using Relay = std::function<Task<Result<void>>(net::HttpExchange&, net::HttpRequest)>;

  void set_up(net::HttpHandler back, Relay relay) {
    back_ = std::make_unique<FakeClient>(executor_, std::move(back));
    relay_ = std::move(relay);
    front_ = std::make_unique<FakeClient>(
        executor_, [this](net::HttpExchange& exchange) { return handle(exchange); });
  }
  void relay_raw(net::HttpHandler back) {
    set_up(std::move(back), [this](net::HttpExchange& exchange, net::HttpRequest request) {
      return proxy_upgrade(exchange, *back_, std::move(request));
    });
  }
  void relay_commands(net::HttpHandler back) {
    set_up(std::move(back), [this](net::HttpExchange& exchange, net::HttpRequest request) {
      return relay_command(exchange, *back_, std::move(request), kOutput);
    });
  }
  Task<void> handle(net::HttpExchange& exchange) {
    net::HttpRequest request;
    request.method = exchange.request().method;
    request.target = "/exec/token";
    request.headers = {{"Authorization", "Bearer ours"}};
    relayed_ = co_await relay_(exchange, std::move(request));
  }

  static Task<void> greet(net::HttpExchange& exchange) {
    auto session = co_await accept_command(exchange, kOutput);
    if (!session) co_return;
    (void)co_await (*session)->streams().output->write("hello");
    co_await (*session)->finish(CommandStatus::exited(2));
  }

  std::unique_ptr<FakeClient> back_, front_;
  Relay relay_;
  std::optional<Result<void>> relayed_;
  const std::unique_ptr<Random> random_ = make_seeded_random(1);
};

TEST_F(ProxyTest, PassesSpdyThroughUnchanged) {
  relay_raw(greet);
  const auto command = run(connect_command(*front_, {}, kOutput)).value();
  EXPECT_EQ(read_all(*command->streams().output), "hello");
  EXPECT_EQ(run(command->wait()).value(), CommandStatus::exited(2));
  run(command->close());
  executor_.run_ready();
  ASSERT_TRUE(relayed_);
  EXPECT_TRUE(*relayed_);
}

TEST_F(ProxyTest, SendsOnlyTheUpgradeAndItsOwnCredentials) {
  relay_raw(greet);
  auto request = websocket_request("/api/v1/namespaces/x/pods/y/exec", "v4.channel.k8s.io");
  request.headers.add("Authorization", "Bearer theirs");
  request.headers.add("Cookie", "secret");
  request.headers.add("Sec-WebSocket-Extensions", "permessage-deflate");

  const auto upgraded = run(front_->upgrade(std::move(request))).value();

  EXPECT_EQ(upgraded.head.status, 101);
  EXPECT_EQ(upgraded.head.headers.get("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(upgraded.head.headers.get("Sec-WebSocket-Protocol"), "v4.channel.k8s.io");
  const net::HttpRequest& sent = back_->requests.at(0);
  EXPECT_EQ(sent.target, "/exec/token");
  EXPECT_EQ(sent.headers.all("Authorization"), std::vector<std::string_view>{"Bearer ours"});
  EXPECT_FALSE(sent.headers.has("Cookie"));
  EXPECT_FALSE(sent.headers.has("Sec-WebSocket-Extensions"));
}

TEST_F(ProxyTest, PassesARefusalOn) {
  for (const bool raw : {true, false}) {
    const auto refuse = [](net::HttpExchange& exchange) -> Task<void> {
      net::HttpResponse response;
      response.status = 404;
      response.headers = {{"Content-Type", "text/plain"}, {"Connection", "close"}};
      response.body = "no such container";
      (void)co_await exchange.respond(response);
    };
    raw ? relay_raw(refuse) : relay_commands(refuse);
    const auto answer =
        run(front_->upgrade(websocket_request("/exec", "v5.channel.k8s.io"))).value();
    EXPECT_EQ(answer.stream, nullptr);
    EXPECT_EQ(answer.head.status, 404);
    EXPECT_EQ(answer.head.body, "no such container");
    EXPECT_EQ(answer.head.headers.get("Content-Type"), "text/plain");
    EXPECT_FALSE(answer.head.headers.has("Connection"));
  }
}

TEST_F(ProxyTest, AnswersForAServerThatCannotBeReached) {
  for (const bool raw : {true, false}) {
    raw ? relay_raw(greet) : relay_commands(greet);
    back_->unreachable = "dial tcp 10.0.0.1:10250: connect: connection refused";
    const auto answer =
        run(front_->upgrade(websocket_request("/exec", "v5.channel.k8s.io"))).value();
    EXPECT_EQ(answer.head.status, 500);
    EXPECT_EQ(answer.head.body,
              R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
              R"("message":"error dialing backend: dial tcp 10.0.0.1:10250: connect: )"
              R"(connection refused","code":500})");
  }
}

TEST_F(ProxyTest, RequiresAnUpgrade) {
  relay_raw(greet);
  const auto answer = run(front_->upgrade({})).value();
  EXPECT_EQ(answer.head.status, 400);
  EXPECT_TRUE(back_->requests.empty());
}

TEST_F(ProxyTest, TranslatesV5ForServersThatOnlyKnowSpdy) {
  relay_commands(greet);
  auto upgraded = run(front_->upgrade(websocket_request("/exec", "v5.channel.k8s.io"))).value();
  EXPECT_EQ(upgraded.head.headers.get("Sec-WebSocket-Protocol"), "v5.channel.k8s.io");
  net::WebSocket socket(executor_, std::move(upgraded.stream), net::WebSocketRole::Client,
                        *random_);

  std::vector<std::string> messages;
  while (true) {
    auto message = run(socket.receive_message(1000)).value();
    if (!message) break;
    messages.push_back(message->bytes);
  }

  EXPECT_EQ(messages, (std::vector<std::string>{
                          "\x01", "\x01hello",
                          "\x03" + encode_command_status(CommandStatus::exited(2), true)}));
  EXPECT_EQ(back_->requests.at(0).headers.get("Upgrade"), "SPDY/3.1");
  EXPECT_EQ(back_->requests.at(0).method, "POST");
}

TEST_F(ProxyTest, LeavesV4AndSpdyAsTheyAre) {
  relay_commands(greet);
  (void)run(front_->upgrade(websocket_request("/exec", "v4.channel.k8s.io"))).value();
  (void)run(front_->upgrade(spdy_request("/exec", {"v3.channel.k8s.io"}))).value();
  EXPECT_EQ(back_->requests.at(0).headers.get("Upgrade"), "websocket");
  EXPECT_EQ(back_->requests.at(1).headers.get("X-Stream-Protocol-Version"), "v3.channel.k8s.io");
}

TEST_F(ProxyTest, TakesPortForwardsOutOfTheirTunnel) {
  set_up(
      [](net::HttpExchange& exchange) -> Task<void> {
        auto session = co_await accept_port_forward(exchange);
        if (!session) co_return;
        const Dial refuse = [](std::uint16_t port) -> Task<Result<std::unique_ptr<net::Stream>>> {
          co_return fail(Status::unavailable("no port " + std::to_string(port)));
        };
        co_await serve_port_forward(**session, refuse);
      },
      [this](net::HttpExchange& exchange, net::HttpRequest request) {
        return relay_port_forward(exchange, *back_, std::move(request));
      });
  auto upgraded =
      run(front_->upgrade(websocket_request("/portforward", "SPDY/3.1+portforward.k8s.io")))
          .value();
  EXPECT_EQ(upgraded.head.headers.get("Sec-WebSocket-Protocol"), "SPDY/3.1+portforward.k8s.io");
  EXPECT_EQ(back_->requests.at(0).headers.get("Upgrade"), "SPDY/3.1");
  net::SpdySession session(
      executor_,
      net::make_websocket_stream(std::make_unique<net::WebSocket>(
          executor_, std::move(upgraded.stream), net::WebSocketRole::Client, *random_)),
      net::SpdyRole::Client);

  net::Headers headers{{"streamType", "error"}, {"port", "81"}, {"requestID", "0"}};
  const auto error = run(session.open(headers)).value();
  headers.set("streamType", "data");
  const auto data = run(session.open(headers)).value();

  EXPECT_EQ(read_all(*error), "no port 81");
}

TEST(StreamUrl, IsSplitIntoOriginAndTarget) {
  struct Case {
    std::string_view url, host;
    std::uint16_t port;
    std::string_view target;
    bool tls;
  };
  const Case cases[] = {
      {"http://127.0.0.1:34567/exec/abc", "127.0.0.1", 34567, "/exec/abc", false},
      {"http://[::1]:10010/attach/x?y=1", "::1", 10010, "/attach/x?y=1", false},
      {"https://node", "node", 443, "/", true},
      {"http://node?x", "node", 80, "/?x", false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.url);
    const auto url = parse_stream_url(c.url).value();
    EXPECT_EQ(url.origin.host, c.host);
    EXPECT_EQ(url.origin.port, c.port);
    EXPECT_EQ(url.target, c.target);
    EXPECT_EQ(url.tls, c.tls);
  }
}

TEST(StreamUrl, RefusesOtherText) {
  for (const std::string_view url : {"", "/exec/abc", "unix:///run/x", "http://", "http://:80/x",
                                     "http://host:0/", "http://host:x/", "http://host:70000/",
                                     "http://[::1/x", "http://[::1]80/x", "http://user@host/"}) {
    SCOPED_TRACE(url);
    EXPECT_FALSE(parse_stream_url(url));
  }
}

}  // namespace
}  // namespace keelson::remotecommand
