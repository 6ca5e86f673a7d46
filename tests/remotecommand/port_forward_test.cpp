// SPDX-License-Identifier: Apache-2.0
#include "remotecommand/port_forward.h"

#include "fake_http.h"
#include "net/spdy/session.h"
#include "net/websocket/websocket.h"

namespace keelson::remotecommand {
namespace {

class PortForwardTest : public RemoteCommandTest {
 protected:
  PortForwardTest() {
    pod_ = std::make_unique<FakeClient>(
        executor_, [this](net::HttpExchange& exchange) { return serve(exchange); });
    bridged_ = std::make_unique<FakeClient>(
        executor_, [this](net::HttpExchange& exchange) { return join(exchange); });
  }

  // A pod that echoes on every port, after the port's number, and refuses port 1.
  Task<void> serve(net::HttpExchange& exchange) {
    auto session = co_await accept_port_forward(exchange);
    if (!session) {
      accept_error_ = session.error().message();
      co_return;
    }
    const Dial dial = [this](std::uint16_t port) { return connect(port); };
    co_await serve_port_forward(**session, dial);
    ++ended_;
  }
  Task<Result<std::unique_ptr<net::Stream>>> connect(std::uint16_t port) {
    if (port == 1) co_return fail(Status::unavailable("connection refused"));
    auto [near, far] = net::make_pipe();
    auto echo = [](std::unique_ptr<net::Stream> stream, std::string greeting) -> Task<void> {
      (void)co_await stream->write(greeting);
      (void)co_await net::copy_stream(*stream, *stream);
    };
    spawn(executor_, echo(std::move(far), std::to_string(port) + ":"));
    co_return std::move(near);
  }
  Task<void> join(net::HttpExchange& exchange) {
    auto client = co_await connect_port_forward(*pod_, {});
    CHECK(client);
    auto session = co_await accept_port_forward(exchange);
    CHECK(session);
    co_await bridge(**session, **client);
    ++ended_;
  }

  std::unique_ptr<FakeClient> pod_, bridged_;
  std::string accept_error_;
  int ended_ = 0;
};

TEST_F(PortForwardTest, ForwardsSeveralConnectionsOfOneSession) {
  for (FakeClient* client : {pod_.get(), bridged_.get()}) {
    const auto forward = run(connect_port_forward(*client, {})).value();
    const auto first = run(forward->open(80)).value();
    const auto second = run(forward->open(443)).value();
    ASSERT_TRUE(run(second.data->write("second")));
    ASSERT_TRUE(run(first.data->write("first")));
    ASSERT_TRUE(run(first.data->shutdown_write()));
    ASSERT_TRUE(run(second.data->shutdown_write()));

    EXPECT_EQ(read_all(*first.data), "80:first");
    EXPECT_EQ(read_all(*second.data), "443:second");
    EXPECT_EQ(read_all(*first.error), "");
    run(forward->close());
  }
  executor_.advance(std::chrono::minutes(1));
  EXPECT_EQ(ended_, 3);  // Two sessions with the pod, one of them through a bridge.
}

TEST_F(PortForwardTest, TellsWhyAConnectionFailed) {
  for (FakeClient* client : {pod_.get(), bridged_.get()}) {
    const auto forward = run(connect_port_forward(*client, {})).value();
    const auto connection = run(forward->open(1)).value();
    EXPECT_EQ(read_all(*connection.error), "connection refused");
    EXPECT_EQ(read_all(*connection.data), "");

    const auto next = run(forward->open(8080)).value();
    EXPECT_EQ(read_some(*next.data), "8080:");
  }
}

TEST_F(PortForwardTest, EndsWhenTheClientVanishes) {
  auto forward = run(connect_port_forward(*bridged_, {})).value();
  auto connection = run(forward->open(80)).value();
  EXPECT_EQ(read_some(*connection.data), "80:");
  forward.reset();
  executor_.advance(std::chrono::minutes(1));
  EXPECT_EQ(ended_, 2);
}

// --- SPDY streams that make no sense ------------------------------------------------------------

TEST_F(PortForwardTest, RefusesStreamsItCannotPair) {
  auto upgraded = run(pod_->upgrade(spdy_request("/portForward", {"portforward.k8s.io"}))).value();
  EXPECT_EQ(upgraded.head.headers.get("X-Stream-Protocol-Version"), "portforward.k8s.io");
  net::SpdySession session(executor_, std::move(upgraded.stream), net::SpdyRole::Client);
  struct Case {
    std::string_view name;
    net::Headers headers;
  };
  const Case cases[] = {
      {"no port", {{"streamType", "data"}, {"requestID", "1"}}},
      {"port 0", {{"streamType", "data"}, {"port", "0"}, {"requestID", "1"}}},
      {"port too large", {{"streamType", "data"}, {"port", "65536"}, {"requestID", "1"}}},
      {"not a port", {{"streamType", "data"}, {"port", "http"}, {"requestID", "1"}}},
      {"no type", {{"port", "80"}, {"requestID", "1"}}},
      {"unknown type", {{"streamType", "stdin"}, {"port", "80"}, {"requestID", "1"}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_FALSE(run(session.open(c.headers)));
  }
  const net::Headers error{{"streamType", "error"}, {"port", "80"}, {"requestID", "1"}};
  const auto first = run(session.open(error)).value();
  EXPECT_FALSE(run(session.open(error)));
}

TEST_F(PortForwardTest, PairsStreamsWithoutRequestIdByTheirNumbers) {
  auto upgraded = run(pod_->upgrade(spdy_request("/portForward", {"portforward.k8s.io"}))).value();
  net::SpdySession session(executor_, std::move(upgraded.stream), net::SpdyRole::Client);
  const auto error = run(session.open({{"streamType", "error"}, {"port", "80"}})).value();
  const auto data = run(session.open({{"streamType", "data"}, {"port", "80"}})).value();
  EXPECT_EQ(read_some(*data), "80:");
}

// --- WebSocket ----------------------------------------------------------------------------------

class WebSocketPortForwardTest : public PortForwardTest {
 protected:
  std::unique_ptr<net::WebSocket> connect_socket(std::string target, std::string protocol) {
    auto upgraded = run(pod_->upgrade(websocket_request(std::move(target), protocol))).value();
    CHECK(upgraded.stream);
    EXPECT_EQ(upgraded.head.headers.get("Sec-WebSocket-Protocol"), protocol);
    return std::make_unique<net::WebSocket>(executor_, std::move(upgraded.stream),
                                            net::WebSocketRole::Client, *random_);
  }
  std::string receive(net::WebSocket& socket) {
    auto message = run(socket.receive_message(1000));
    if (!message) return "<" + message.error().message() + ">";
    return *message ? (*message)->bytes : "<closed>";
  }
  const std::unique_ptr<Random> random_ = make_seeded_random(1);
};

std::string bytes(std::initializer_list<int> values, std::string_view text = {}) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out.append(text);
}

TEST_F(WebSocketPortForwardTest, BeginsEachChannelWithItsPort) {
  const auto socket = connect_socket("/portForward?port=8080,1", "v4.channel.k8s.io");

  std::vector<std::string> all;
  for (int i = 0; i < 6; ++i) all.push_back(receive(*socket));
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<std::string>{bytes({0}, "8080:"), bytes({0, 0x90, 0x1f}),
                                           bytes({1, 0x90, 0x1f}), bytes({2, 1, 0}),
                                           bytes({3, 1, 0}), bytes({3}, "connection refused")}));

  ASSERT_TRUE(run(socket->send(net::WebSocketOpcode::Binary, bytes({0}, "hi"))));
  EXPECT_EQ(receive(*socket), bytes({0}, "hi"));
}

TEST_F(WebSocketPortForwardTest, CarriesSpdyInATunnel) {
  const auto socket = connect_socket("/portForward", "SPDY/3.1+portforward.k8s.io");
  auto upgraded =
      run(pod_->upgrade(websocket_request("/portForward", "SPDY/3.1+portforward.k8s.io"))).value();
  net::SpdySession session(
      executor_,
      net::make_websocket_stream(std::make_unique<net::WebSocket>(
          executor_, std::move(upgraded.stream), net::WebSocketRole::Client, *random_)),
      net::SpdyRole::Client);
  net::Headers headers{{"streamType", "error"}, {"port", "80"}, {"requestID", "0"}};
  const auto error = run(session.open(headers)).value();
  headers.set("streamType", "data");
  const auto data = run(session.open(headers)).value();
  ASSERT_TRUE(run(data->write("through")));
  ASSERT_TRUE(run(data->shutdown_write()));
  EXPECT_EQ(read_all(*data), "80:through");
  run(session.close());
  executor_.advance(std::chrono::seconds(1));
  EXPECT_EQ(ended_, 1);
}

TEST_F(WebSocketPortForwardTest, RefusesRequestsWithoutUsablePorts) {
  struct Case {
    std::string_view target, body;
  };
  const Case cases[] = {
      {"/portForward", "query parameter \"port\" is required\n"},
      {"/portForward?port=", "query parameter \"port\" cannot be empty\n"},
      {"/portForward?port=80&port=", "query parameter \"port\" cannot be empty\n"},
      {"/portForward?port=http", "unable to parse \"http\" as a port\n"},
      {"/portForward?ports=80,70000", "unable to parse \"70000\" as a port\n"},
      {"/portForward?ports=0", "port \"0\" must be > 0\n"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.target);
    const auto answer =
        run(pod_->upgrade(websocket_request(std::string(c.target), "v4.channel.k8s.io"))).value();
    EXPECT_EQ(answer.head.status, 400);
    EXPECT_EQ(answer.head.body, c.body);
  }
}

TEST_F(PortForwardTest, RequiresAnUpgrade) {
  const auto answer = run(pod_->upgrade({})).value();
  EXPECT_EQ(answer.head.status, 400);
  EXPECT_EQ(accept_error_, "Upgrade request required");
}

}  // namespace
}  // namespace keelson::remotecommand
