// SPDX-License-Identifier: Apache-2.0
#include "net/spdy/session.h"
#include "stream_fixture.h"

namespace keelson::net {
namespace {

class SpdySessionTest : public StreamTest {
 protected:
  explicit SpdySessionTest(SpdyLimits limits = {}) {
    auto [left, right] = make_pipe();
    client_ = std::make_unique<SpdySession>(executor_, std::move(left), SpdyRole::Client);
    server_ = std::make_unique<SpdySession>(executor_, std::move(right), SpdyRole::Server, limits);
  }

  struct Pair {
    std::unique_ptr<SpdyStream> near, far;
  };
  // A stream, with the end that the client opened and the one that the server accepted.
  Pair open(Headers headers = {}) {
    Pair pair;
    auto accept = [](SpdySession& session, std::unique_ptr<SpdyStream>* out) -> Task<void> {
      auto stream = co_await session.accept();
      if (!stream || !*stream) co_return;
      (void)co_await session.reply(**stream);
      *out = std::move(*stream);
    };
    spawn(executor_, accept(*server_, &pair.far));
    pair.near = run(client_->open(std::move(headers))).value();
    return pair;
  }

  std::unique_ptr<SpdySession> client_, server_;
};

TEST_F(SpdySessionTest, OpensStreamsWithHeaders) {
  const Pair first = open({{"streamType", "error"}});
  const Pair second = open({{"streamType", "data"}});

  EXPECT_EQ(first.near->id(), 1u);
  EXPECT_EQ(second.near->id(), 3u);
  EXPECT_EQ(second.far->id(), 3u);
  EXPECT_EQ(second.far->headers().get("streamType"), "data");
}

TEST_F(SpdySessionTest, CarriesEachStreamBothWaysWithHalfClose) {
  const Pair first = open();
  const Pair second = open();
  ASSERT_TRUE(run(first.near->write("to the server")));
  ASSERT_TRUE(run(second.near->write("another")));
  ASSERT_TRUE(run(first.near->shutdown_write()));
  EXPECT_EQ(read_all(*first.far), "to the server");

  ASSERT_TRUE(run(first.far->write("to the client")));
  ASSERT_TRUE(run(first.far->shutdown_write()));

  EXPECT_EQ(read_all(*first.near), "to the client");
  EXPECT_EQ(read_exactly(*second.far, 7), "another");
  EXPECT_FALSE(run(first.near->write("more")));
}

TEST_F(SpdySessionTest, CarriesMoreThanTheBuffersHold) {
  const Pair pair = open();
  std::string large;
  for (int i = 0; i < 5 << 20; ++i) large.push_back(static_cast<char>(i * 31 >> 3));
  auto send = [](SpdyStream& stream, const std::string& bytes) -> Task<void> {
    (void)co_await stream.write(bytes);
    (void)co_await stream.shutdown_write();
  };
  spawn(executor_, send(*pair.near, large));

  EXPECT_EQ(read_all(*pair.far), large);
}

TEST_F(SpdySessionTest, DropsAStreamAtBothEndsWhenOneIsDestroyed) {
  Pair pair = open();
  ASSERT_TRUE(run(pair.far->write("before")));
  pair.far.reset();
  executor_.run_ready();

  EXPECT_EQ(read_all(*pair.near), "before");
  EXPECT_FALSE(run(pair.near->write("after")));
}

TEST_F(SpdySessionTest, ReportsARefusedStream) {
  auto refuse = [](SpdySession& session) -> Task<void> { (void)co_await session.accept(); };
  spawn(executor_, refuse(*server_));
  EXPECT_EQ(run(client_->open({})).error().message(), "SPDY stream was refused");
}

TEST_F(SpdySessionTest, ClosesInOrder) {
  const Pair pair = open();
  ASSERT_TRUE(run(pair.far->write("last words")));
  const Duration before = executor_.monotonic();
  bool closed = false;
  auto close = [](SpdySession& session, bool* done) -> Task<void> {
    co_await session.close();
    *done = true;
  };
  spawn(executor_, close(*server_, &closed));

  EXPECT_EQ(read_all(*pair.near), "last words");
  EXPECT_TRUE(server_->closed().stop_requested() || !closed);
  run(client_->close());
  executor_.run_ready();

  EXPECT_TRUE(closed);
  EXPECT_EQ(executor_.monotonic(), before);
  EXPECT_TRUE(client_->closed().stop_requested());
  EXPECT_EQ(run(server_->accept()).value(), nullptr);
  EXPECT_FALSE(run(client_->open({})));
}

TEST_F(SpdySessionTest, EndsEverythingWhenThePeerVanishes) {
  const Pair pair = open();
  server_.reset();
  EXPECT_EQ(read_all(*pair.near), "");
  EXPECT_TRUE(client_->closed().stop_requested());
  EXPECT_FALSE(run(client_->open({})));
}

TEST_F(SpdySessionTest, LetsAWaitingReaderBeStopped) {
  const Pair pair = open();
  std::stop_source stop;
  std::optional<Result<std::string>> read;
  auto read_once = [](Stream& stream, std::optional<Result<std::string>>* out) -> Task<void> {
    *out = co_await read_some(stream);
  };
  spawn(executor_, read_once(*pair.near, &read), stop.get_token());
  executor_.run_ready();
  stop.request_stop();
  executor_.run_ready();
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->error().is(Reason::Canceled));

  ASSERT_TRUE(run(pair.far->write("x")));
  EXPECT_EQ(read_exactly(*pair.near, 1), "x");
}

class LimitedSpdySessionTest : public SpdySessionTest {
 protected:
  LimitedSpdySessionTest() : SpdySessionTest({.streams = 2, .pending_streams = 1}) {}
};

TEST_F(LimitedSpdySessionTest, RefusesStreamsBeyondItsLimit) {
  const Pair first = open();
  const Pair second = open();
  EXPECT_EQ(run(client_->open({})).error().message(), "SPDY stream was refused");
}

// A session against hand-made frames.
class RawSpdyTest : public StreamTest {
 protected:
  RawSpdyTest() {
    auto [left, right] = make_pipe();
    raw_ = std::move(left);
    server_ = std::make_unique<SpdySession>(executor_, std::move(right), SpdyRole::Server);
  }
  std::unique_ptr<Stream> raw_;
  std::unique_ptr<SpdySession> server_;
  SpdyEncoder encoder_;
};

TEST_F(RawSpdyTest, EchoesPings) {
  const std::string ping = encoder_.encode(SpdyPing{7});
  ASSERT_TRUE(run(raw_->write(ping)));
  EXPECT_EQ(read_exactly(*raw_, ping.size()), ping);
}

TEST_F(RawSpdyTest, IgnoresFlowControlAndDataForUnknownStreams) {
  ASSERT_TRUE(run(raw_->write(encoder_.encode(SpdySettings{{{0, 7, 1}}}) +
                              encoder_.encode(SpdyWindowUpdate{1, 10}) +
                              encoder_.encode(SpdyData{9, true, "lost"}) +
                              encoder_.encode(SpdyRstStream{9, SpdyStatus::Cancel}) +
                              encoder_.encode(SpdySynStream{.id = 1}))));
  const auto stream = run(server_->accept()).value();
  EXPECT_EQ(stream->id(), 1u);
}

TEST_F(RawSpdyTest, RefusesStreamIdsOfTheWrongSideOrOrder) {
  struct Case {
    SpdyStreamId id;
    std::string_view hex;
  };
  ASSERT_TRUE(run(raw_->write(encoder_.encode(SpdySynStream{.id = 5}))));
  const auto accepted = run(server_->accept()).value();
  for (const Case& c : {Case{2, "80 03 00 03 00 00 00 08 00 00 00 02 00 00 00 01"},
                        Case{3, "80 03 00 03 00 00 00 08 00 00 00 03 00 00 00 01"}}) {
    ASSERT_TRUE(run(raw_->write(encoder_.encode(SpdySynStream{.id = c.id}))));
    EXPECT_EQ(read_exactly(*raw_, 16), from_hex(c.hex));
  }
}

TEST_F(RawSpdyTest, KeepsWhatCameBeforeAReset) {
  ASSERT_TRUE(run(raw_->write(encoder_.encode(SpdySynStream{.id = 1}) +
                              encoder_.encode(SpdyData{1, false, "kept"}) +
                              encoder_.encode(SpdyRstStream{1, SpdyStatus::Cancel}))));
  const auto stream = run(server_->accept()).value();
  executor_.run_ready();
  EXPECT_EQ(read_all(*stream), "kept");
  EXPECT_FALSE(run(stream->write("x")));
}

TEST_F(RawSpdyTest, EndsAfterAProtocolError) {
  ASSERT_TRUE(run(raw_->write(from_hex("80 02 00 06 00 00 00 04 00 00 00 07"))));
  EXPECT_EQ(run(server_->accept()).value(), nullptr);
  EXPECT_TRUE(server_->closed().stop_requested());
}

TEST_F(RawSpdyTest, DoesNotWaitForeverForAPeerThatStays) {
  const Duration before = executor_.monotonic();
  run(server_->close());
  EXPECT_EQ(executor_.monotonic(), before + SpdyLimits{}.linger);
  EXPECT_EQ(read_all(*raw_), from_hex("80 03 00 07 00 00 00 08 00 00 00 00 00 00 00 00"));
}

}  // namespace
}  // namespace keelson::net
