// SPDX-License-Identifier: Apache-2.0
#include "net/websocket/websocket.h"

#include "stream_fixture.h"

namespace keelson::net {
namespace {

using Op = WebSocketOpcode;

class WebSocketTest : public StreamTest {
 protected:
  WebSocketTest() {
    auto [left, right] = make_pipe();
    client_ =
        std::make_unique<WebSocket>(executor_, std::move(left), WebSocketRole::Client, *random_);
    server_ =
        std::make_unique<WebSocket>(executor_, std::move(right), WebSocketRole::Server, *random_);
  }

  // The message, or how the connection ended.
  std::string receive(WebSocket& socket, std::size_t limit = 1 << 20) {
    auto message = run(socket.receive_message(limit));
    if (!message) return "<" + message.error().message() + ">";
    if (!*message) return "<closed>";
    return (*message)->bytes;
  }

  const std::unique_ptr<Random> random_ = make_seeded_random(1);
  std::unique_ptr<WebSocket> client_, server_;
};

TEST_F(WebSocketTest, CarriesMessagesBothWays) {
  ASSERT_TRUE(run(client_->send(Op::Binary, "question")));
  ASSERT_TRUE(run(server_->send(Op::Text, "answer")));
  ASSERT_TRUE(run(server_->send(Op::Binary, "")));

  EXPECT_EQ(receive(*server_), "question");
  EXPECT_EQ(receive(*client_), "answer");
  EXPECT_EQ(receive(*client_), "");
}

TEST_F(WebSocketTest, CarriesMessagesLargerThanAnyBuffer) {
  const std::string large(3 << 20, 'x');
  auto send = [](WebSocket& socket, std::string bytes) -> Task<void> {
    (void)co_await socket.send(Op::Binary, std::move(bytes));
  };
  spawn(executor_, send(*client_, large));

  EXPECT_EQ(receive(*server_, 4 << 20), large);
}

TEST_F(WebSocketTest, RefusesMessagesBeyondTheLimit) {
  ASSERT_TRUE(run(client_->send(Op::Binary, std::string(11, 'x'))));
  EXPECT_EQ(receive(*server_, 10), "<websocket: message too long>");
}

TEST_F(WebSocketTest, ClosesInOrderAfterWhatWasSent) {
  ASSERT_TRUE(run(server_->send(Op::Binary, "last words")));
  auto close = [](WebSocket& socket) -> Task<void> { co_await socket.close(); };
  spawn(executor_, close(*server_));

  EXPECT_EQ(receive(*client_), "last words");
  EXPECT_EQ(receive(*client_), "<closed>");
  EXPECT_FALSE(run(client_->send(Op::Binary, "too late")));
  const Duration before = executor_.monotonic();
  executor_.run_ready();
  EXPECT_FALSE(run(server_->send(Op::Binary, "too late")));
  EXPECT_EQ(executor_.monotonic(), before);
}

TEST_F(WebSocketTest, ReportsOtherCloseCodesAsErrors) {
  ASSERT_TRUE(run(server_->send_close(1011, "out of order")));
  EXPECT_EQ(receive(*client_), "<websocket: close 1011: out of order>");
}

TEST_F(WebSocketTest, ReportsAnEndWithoutClose) {
  server_->abort();
  EXPECT_EQ(receive(*client_), "<websocket: close 1006 (abnormal closure): unexpected EOF>");
}

TEST_F(WebSocketTest, DoesNotWaitForeverForAPeerThatNeverCloses) {
  const Duration before = executor_.monotonic();
  run(server_->close());
  EXPECT_GT(executor_.monotonic(), before);
  EXPECT_LE(executor_.monotonic(), before + std::chrono::seconds(30));
}

TEST_F(WebSocketTest, GivesUpOnAPeerThatReadsNothingOnceStopped) {
  for (int i = 0; i < 40; ++i) {
    auto send = [](WebSocket& socket) -> Task<void> {
      (void)co_await socket.send(Op::Binary, std::string(100'000, 'x'));
    };
    spawn(executor_, send(*server_));
  }
  bool closed = false;
  auto close = [](WebSocket& socket, bool* done) -> Task<void> {
    co_await socket.close();
    *done = true;
  };
  std::stop_source stop;
  spawn(executor_, close(*server_, &closed), stop.get_token());
  executor_.advance(std::chrono::minutes(5));
  EXPECT_FALSE(closed);

  stop.request_stop();

  executor_.advance(std::chrono::seconds(30));
  EXPECT_TRUE(closed);
}

TEST_F(WebSocketTest, CanBeStoppedWhileReceivingAndGoOn) {
  std::stop_source stop;
  std::optional<Result<std::optional<WebSocketMessage>>> stopped;
  auto receive_once = [](WebSocket& socket, auto* out) -> Task<void> {
    out->emplace(co_await socket.receive_message(100));
  };
  spawn(executor_, receive_once(*server_, &stopped), stop.get_token());
  executor_.run_ready();
  stop.request_stop();
  executor_.run_ready();
  ASSERT_TRUE(stopped);
  EXPECT_TRUE(stopped->error().is(Reason::Canceled));

  ASSERT_TRUE(run(client_->send(Op::Binary, "later")));
  EXPECT_EQ(receive(*server_), "later");
}

class RawWebSocketTest : public StreamTest {
 protected:
  RawWebSocketTest() {
    auto [left, right] = make_pipe();
    raw_ = std::move(left);
    server_ =
        std::make_unique<WebSocket>(executor_, std::move(right), WebSocketRole::Server, *random_);
  }

  const std::unique_ptr<Random> random_ = make_seeded_random(1);
  std::unique_ptr<Stream> raw_;
  std::unique_ptr<WebSocket> server_;
};

TEST_F(RawWebSocketTest, AnswersPingsWhileReceiving) {
  ASSERT_TRUE(run(raw_->write(encode_websocket_frame(Op::Ping, "beat", 1) +
                              encode_websocket_frame(Op::Pong, "", 1) +
                              encode_websocket_frame(Op::Binary, "data", 1))));

  EXPECT_EQ(run(server_->receive_message(10)).value()->bytes, "data");

  EXPECT_EQ(read_exactly(*raw_, 6), from_hex("8a 04") + "beat");
}

TEST_F(RawWebSocketTest, EchoesTheCodeOfAClose) {
  ASSERT_TRUE(
      run(raw_->write(encode_websocket_frame(Op::Close, encode_websocket_close(1001, "bye"), 1))));

  EXPECT_EQ(run(server_->receive()).value(), std::nullopt);

  EXPECT_EQ(read_exactly(*raw_, 4), from_hex("88 02 03 e9"));
}

TEST_F(RawWebSocketTest, ClosesWith1002AfterAProtocolError) {
  ASSERT_TRUE(run(raw_->write(from_hex("83 80 00 00 00 00"))));

  EXPECT_TRUE(run(server_->receive()).error().is(Reason::BadRequest));

  EXPECT_EQ(read_exactly(*raw_, 4).substr(2), from_hex("03 ea"));
}

TEST_F(WebSocketTest, TunnelsAStream) {
  const auto near = make_websocket_stream(std::move(client_));
  const auto far = make_websocket_stream(std::move(server_));
  ASSERT_TRUE(run(near->write("hello")));
  EXPECT_EQ(read_exactly(*far, 5), "hello");
  ASSERT_TRUE(run(far->write("bye")));
  ASSERT_TRUE(run(far->shutdown_write()));

  EXPECT_EQ(read_all(*near), "bye");
}

}  // namespace
}  // namespace keelson::net
