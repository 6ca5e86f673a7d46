// SPDX-License-Identifier: Apache-2.0
// HTTP/2 over pipes: our client against our server, and frames no client would send.
#include <gtest/gtest.h>

#include "base/sync.h"
#include "base/virtual_executor.h"
#include "net/http2_session.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum Frame : char {
  kData = 0,
  kHeaders = 1,
  kRst = 3,
  kSettings = 4,
  kPing = 6,
  kGoaway = 7,
  kWindow = 8,
  kContinuation = 9,
};

std::string frame(char type, char flags, std::uint32_t stream, std::string_view payload) {
  std::string bytes;
  const auto size = static_cast<std::uint32_t>(payload.size());
  for (const int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(size >> shift));
  bytes.push_back(type);
  bytes.push_back(flags);
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(stream >> shift));
  bytes += payload;
  return bytes;
}

// GET http://x/ in HPACK's static table.
const std::string kGet = std::string("\x82\x86\x84\x41\x01x", 6);

std::string get(std::uint32_t stream) { return frame(kHeaders, 0x5, stream, kGet); }
std::string rst(std::uint32_t stream) { return frame(kRst, 0, stream, {"\0\0\0\x8", 4}); }

struct Seen {
  char type, flags;
  std::uint32_t stream;
  std::string payload;

  std::uint32_t error_code() const {
    std::uint32_t code = 0;
    const std::size_t at = type == kGoaway ? 4 : 0;
    for (std::size_t i = at; i < at + 4 && i < payload.size(); ++i)
      code = code << 8 | static_cast<unsigned char>(payload[i]);
    return code;
  }
};

// A server whose peer is the test.
class Http2Raw : public ::testing::Test {
 protected:
  ~Http2Raw() override {
    far_->close();
    executor_.advance(10min);
  }

  void serve(HttpHandler handler, HttpLimits limits = {}) {
    auto [near, far] = make_pipe();
    far_ = std::move(far);
    received_.clear();
    ended_ = false;
    spawn(executor_,
          [](std::unique_ptr<Stream> stream, HttpHandler own, HttpLimits l,
             bool* ended) -> Task<void> {
            co_await serve_http_connection(std::move(stream), std::move(own), l);
            *ended = true;
          }(std::move(near), std::move(handler), limits, &ended_));
    spawn(executor_, [](Stream* stream, std::string* out) -> Task<void> {
      std::array<char, 4096> buffer;
      while (true) {
        auto size = co_await stream->read(buffer);
        if (!size || *size == 0) co_return;
        out->append(buffer.data(), *size);
      }
    }(far_.get(), &received_));
    send(std::string(kPreface) + frame(kSettings, 0, 0, ""));
  }

  void send(std::string bytes) {
    spawn(executor_, [](Stream* stream, std::string text) -> Task<void> {
      (void)co_await stream->write(text);
    }(far_.get(), std::move(bytes)));
    executor_.run_ready();
  }

  std::vector<Seen> frames() const {
    std::vector<Seen> all;
    for (std::string_view rest = received_; rest.size() >= 9;) {
      const auto byte = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(rest[i]));
      };
      const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
      all.push_back({rest[3], rest[4], byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8),
                     std::string(rest.substr(9, size))});
      rest.remove_prefix(std::min(rest.size(), 9 + size));
    }
    return all;
  }

  std::size_t count(char type) const {
    const auto all = frames();
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [type](const Seen& seen) { return seen.type == type; }));
  }
  std::optional<std::uint32_t> goaway() const {
    for (const Seen& seen : frames()) {
      if (seen.type == kGoaway) return seen.error_code();
    }
    return std::nullopt;
  }

  VirtualExecutor executor_;
  std::unique_ptr<Stream> far_;
  std::string received_;
  bool ended_ = false;
};

Task<void> answer(HttpExchange& exchange) {
  (void)co_await exchange.respond({.status = 200, .headers = {}, .body = "ok"});
}

TEST_F(Http2Raw, AnswersOnEachStream) {
  serve(answer);
  send(get(1) + get(3));
  EXPECT_EQ(count(kHeaders), 2u);
  EXPECT_EQ(count(kData), 2u);
  send(frame(kPing, 0, 0, "12345678"));
  EXPECT_EQ(frames().back().type, kPing);
  EXPECT_EQ(frames().back().payload, "12345678");
  EXPECT_FALSE(ended_);
}

TEST_F(Http2Raw, ProtocolErrorsEndTheConnectionWithTheirCode) {
  struct Case {
    std::string_view name;
    std::string bytes;
    std::uint32_t code;
  };
  const Case cases[] = {
      {"data on stream zero", frame(kData, 0, 0, "x"), 1},
      {"settings of a wrong size", frame(kSettings, 0, 0, "12345"), 6},
      {"window of zero", frame(kWindow, 0, 0, {"\0\0\0\0", 4}), 1},
      {"frame too large", frame(kData, 0, 1, "").replace(0, 3, "\xff\xff\xff"), 6},
      {"even stream", frame(kHeaders, 0x5, 2, kGet), 1},
      {"compression error", frame(kHeaders, 0x5, 1, "\xff\xff\xff\xff\xff\xff"), 9},
      {"continuation of nothing", frame(kContinuation, 0x4, 1, kGet), 1},
      {"interrupted headers", frame(kHeaders, 0x1, 1, kGet) + frame(kPing, 0, 0, "12345678"), 1},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    serve(answer);
    send(c.bytes);
    executor_.advance(2s);
    EXPECT_EQ(goaway(), c.code);
    EXPECT_TRUE(ended_);
  }
}

TEST_F(Http2Raw, GarbageAfterThePrefaceEndsTheConnection) {
  serve(answer);
  std::string garbage;
  for (int i = 0; i < 5000; ++i) garbage.push_back(static_cast<char>(i * 31 + i / 7 + 255));
  send(garbage);
  executor_.advance(2s);
  EXPECT_TRUE(ended_);
}

TEST_F(Http2Raw, RapidResetsAreCutOffAndTheirHandlersStopped) {
  int running = 0, started = 0;
  serve(
      [&](HttpExchange&) -> Task<void> {
        ++started;
        ++running;
        (void)co_await sleep_for(1h);
        --running;
      },
      {.resets_per_minute = 100});
  for (std::uint32_t i = 0; i < 300; ++i) send(get(2 * i + 1) + rst(2 * i + 1));
  executor_.advance(2s);
  EXPECT_EQ(goaway(), 11u);  // ENHANCE_YOUR_CALM
  EXPECT_TRUE(ended_);
  EXPECT_EQ(running, 0);
  EXPECT_LE(started, 120);
}

TEST_F(Http2Raw, StreamsBeyondTheLimitAreRefused) {
  serve(
      [](HttpExchange& exchange) -> Task<void> {
        (void)co_await sleep_for(1h);
        (void)co_await answer(exchange);
      },
      {.streams = 2});
  // The peer may not have read our settings yet: not its fault, so not the connection's end.
  send(get(1) + get(3) + get(5));
  const auto all = frames();
  const auto refused = std::ranges::find_if(all, [](const Seen& f) { return f.type == kRst; });
  ASSERT_NE(refused, all.end());
  EXPECT_EQ(refused->stream, 5u);
  EXPECT_EQ(refused->error_code(), 7u);  // REFUSED_STREAM
}

TEST_F(Http2Raw, HeadersBeyondTheLimitAreAnswered431) {
  int handled = 0;
  serve(
      [&](HttpExchange& exchange) -> Task<void> {
        ++handled;
        co_await answer(exchange);
      },
      {.header_bytes = 2000});
  std::string block = kGet;
  for (int i = 0; i < 30; ++i) {
    // A literal without indexing: name "a", a value of 100 bytes.
    block += std::string(
                 "\x00\x01"
                 "a\x64",
                 4) +
             std::string(100, 'v');
  }
  send(frame(kHeaders, 0x5, 1, block));
  EXPECT_EQ(handled, 0);
  ASSERT_GE(count(kHeaders), 1u);
  EXPECT_FALSE(ended_);
  send(get(3));
  EXPECT_EQ(handled, 1);
}

TEST_F(Http2Raw, AnIdleConnectionIsClosedAndAHalfOpenOneSooner) {
  serve(answer);
  send(get(1));
  executor_.advance(80s);
  EXPECT_FALSE(ended_);
  executor_.advance(60s);
  EXPECT_TRUE(ended_);
  EXPECT_EQ(goaway(), 0u);
}

TEST_F(Http2Raw, APeerThatGivesNoWindowHoldsNothingButItsOwn) {
  std::size_t written = 0;
  serve([&](HttpExchange& exchange) -> Task<void> {
    (void)co_await exchange.start({.status = 200, .headers = {}, .body = {}});
    const auto chunk = std::make_shared<const std::string>(std::string(10'000, 'x'));
    while (co_await exchange.write(chunk)) written += chunk->size();
  });
  // A window of nothing for new streams.
  send(frame(kSettings, 0, 0, {"\0\4\0\0\0\0", 6}));
  send(get(1));
  EXPECT_LT(written, 200'000u);
  EXPECT_EQ(count(kData), 0u);
  const std::size_t before = written;
  send(frame(kWindow, 0, 1, {"\0\0\x40\0", 4}));
  EXPECT_EQ(count(kData), 1u);
  EXPECT_GT(written, before);
  send(rst(1));
}

TEST_F(Http2Raw, EmptyFramesAreMisbehaviour) {
  serve([](HttpExchange& exchange) -> Task<void> { (void)co_await exchange.read_body(100); },
        {.resets_per_minute = 100});
  send(frame(kHeaders, 0x4, 1, kGet));
  for (int i = 0; i < 200; ++i) send(frame(kData, 0, 1, ""));
  executor_.advance(2s);
  EXPECT_EQ(goaway(), 11u);
  EXPECT_TRUE(ended_);
}

// --- Our client and our server -----------------------------------------------------------------

class Http2Pair : public ::testing::Test {
 protected:
  void connect(HttpHandler handler) {
    auto [near, far] = make_pipe();
    spawn(executor_,
          [](std::unique_ptr<Stream> stream, HttpHandler own, bool* ended) -> Task<void> {
            co_await serve_http_connection(std::move(stream), std::move(own));
            *ended = true;
          }(std::move(near), std::move(handler), &server_ended_));
    client_ = std::make_shared<Http2Session>(Http2Session::Role::Client, std::move(far),
                                             Http2Session::Settings{});
    spawn(executor_, [](std::shared_ptr<Http2Session> session, bool* ended) -> Task<void> {
      co_await session->run("");
      *ended = true;
    }(client_, &client_ended_));
    executor_.run_ready();
  }
  ~Http2Pair() override {
    client_->close();
    executor_.advance(10min);
    EXPECT_TRUE(client_ended_ && server_ended_);
  }

  struct Answer {
    std::optional<int> status;
    std::string body;
    bool complete = false;
    std::optional<Status> error;
  };

  static Task<void> read_all(std::shared_ptr<Http2Session> session,
                             std::shared_ptr<Http2Stream> stream, Answer* out) {
    if (auto head = co_await session->head(stream); !head) {
      out->error = std::move(head).error();
      co_return;
    }
    out->status = stream->response.status;
    while (true) {
      auto more = co_await session->receive(stream);
      if (!more) {
        out->error = std::move(more).error();
        co_return;
      }
      out->complete = more->empty();
      if (more->empty()) co_return;
      out->body += *more;
    }
  }

  std::shared_ptr<Http2Stream> open(std::string target, std::string body, Answer* out) {
    std::vector<Bytes> chunks;
    if (!body.empty()) chunks.push_back(std::make_shared<const std::string>(std::move(body)));
    auto stream = client_->open({.method = "POST", .target = std::move(target), .authority = "x"},
                                std::move(chunks), true);
    EXPECT_TRUE(stream);
    spawn(executor_, read_all(client_, *stream, out));
    executor_.run_ready();
    return *stream;
  }

  VirtualExecutor executor_;
  std::shared_ptr<Http2Session> client_;
  bool server_ended_ = false, client_ended_ = false;
  int stopped_ = 0;
};

TEST_F(Http2Pair, CarriesMoreThanTheWindowsBothWays) {
  connect([](HttpExchange& exchange) -> Task<void> {
    auto body = co_await exchange.read_body(64 << 20);
    EXPECT_TRUE(body);
    (void)co_await exchange.respond({.status = 201, .headers = {}, .body = body.value_or("")});
  });
  std::string sent;
  for (int i = 0; i < 3'000'000; ++i) sent.push_back(static_cast<char>(i * 11 + i / 1000));
  Answer one, two;
  open("/1", sent, &one);
  open("/2", sent, &two);
  EXPECT_EQ(one.status, 201);
  EXPECT_TRUE(one.complete && two.complete);
  EXPECT_TRUE(one.body == sent && two.body == sent);
}

TEST_F(Http2Pair, SharedBodiesAndStreamsArriveInOrder) {
  const auto large = std::make_shared<const std::string>(std::string(50'000, 'l'));
  const auto small = std::make_shared<const std::string>("small");
  connect([=](HttpExchange& exchange) -> Task<void> {
    if (exchange.request().target == "/shared") {
      std::vector<Bytes> pieces;
      pieces.push_back(small);
      pieces.push_back(large);
      pieces.push_back(small);
      (void)co_await exchange.respond_shared({.status = 200, .headers = {}, .body = {}},
                                             std::move(pieces));
      co_return;
    }
    (void)co_await exchange.start({.status = 200, .headers = {}, .body = {}});
    for (int i = 0; i < 100; ++i) (void)co_await exchange.write(i % 10 == 0 ? large : small);
    (void)co_await exchange.finish();
  });
  Answer shared, streamed;
  open("/shared", "", &shared);
  open("/streamed", "", &streamed);
  EXPECT_TRUE(shared.complete && streamed.complete);
  EXPECT_EQ(shared.body, *small + *large + *small);
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += i % 10 == 0 ? *large : *small;
  EXPECT_TRUE(streamed.body == expected);
  EXPECT_EQ(large.use_count(), 2);  // Ours and the handler's: nothing is held once it is sent.
}

TEST_F(Http2Pair, CancellingAStreamStopsItsHandlerOnly) {
  connect([this](HttpExchange& exchange) -> Task<void> {
    (void)co_await exchange.start({.status = 200, .headers = {}, .body = {}});
    const std::stop_token gone = exchange.closed();
    const auto waited = co_await sleep_for(1h);
    if (!waited && gone.stop_requested()) ++stopped_;
  });
  Answer one, two;
  const auto first = open("/1", "", &one);
  open("/2", "", &two);
  EXPECT_EQ(one.status, 200);

  client_->reset(*first, 8);
  executor_.run_ready();

  EXPECT_EQ(stopped_, 1);
  EXPECT_TRUE(one.error);
  EXPECT_FALSE(two.error);

  client_->close();
  executor_.run_ready();

  EXPECT_EQ(stopped_, 2);
  EXPECT_TRUE(two.error);
}

TEST_F(Http2Pair, AResponseBeforeTheBodyEndsTheUpload) {
  connect([](HttpExchange& exchange) -> Task<void> {
    (void)co_await exchange.respond({.status = 403, .headers = {}, .body = "no"});
  });
  Answer answer_to_upload;
  open("/", std::string(10 << 20, 'x'), &answer_to_upload);
  EXPECT_EQ(answer_to_upload.status, 403);
  EXPECT_EQ(answer_to_upload.body, "no");
  EXPECT_EQ(client_->open_streams(), 0u);
}

TEST_F(Http2Pair, TooLargeABodyIsRefusedWhileItComes) {
  std::optional<Status> refusal;
  connect([&](HttpExchange& exchange) -> Task<void> {
    auto body = co_await exchange.read_body(1000);
    if (!body) refusal = body.error();
    (void)co_await exchange.respond({.status = 413, .headers = {}, .body = {}});
  });
  Answer out;
  open("/", std::string(10 << 20, 'x'), &out);
  ASSERT_TRUE(refusal);
  EXPECT_TRUE(refusal->is(Reason::RequestEntityTooLarge));
  EXPECT_EQ(out.status, 413);
}

TEST_F(Http2Pair, AnUnfinishedStreamIsReset) {
  connect([](HttpExchange& exchange) -> Task<void> {
    (void)co_await exchange.start({.status = 200, .headers = {}, .body = {}});
    (void)co_await exchange.write(std::make_shared<const std::string>("part"));
  });
  Answer out;
  open("/", "", &out);
  EXPECT_EQ(out.status, 200);
  EXPECT_FALSE(out.complete);
  EXPECT_TRUE(out.error);
}

TEST_F(Http2Pair, ASilentPeerIsGivenUp) {
  auto [near, far] = make_pipe();  // Nobody answers at the other end.
  auto session = std::make_shared<Http2Session>(Http2Session::Role::Client, std::move(far),
                                                Http2Session::Settings{});
  bool ended = false;
  spawn(executor_, [](std::shared_ptr<Http2Session> running, bool* out) -> Task<void> {
    co_await running->run("");
    *out = true;
  }(session, &ended));
  executor_.run_ready();
  auto stream = session->open({.method = "GET", .target = "/", .authority = "x"}, {}, true);
  Answer out;
  spawn(executor_, read_all(session, *stream, &out));
  executor_.advance(44s);
  EXPECT_FALSE(ended);
  executor_.advance(3s);
  EXPECT_TRUE(ended);
  EXPECT_TRUE(out.error);
  connect(answer);
}

}  // namespace
}  // namespace keelson::net
