// SPDX-License-Identifier: Apache-2.0
// The server over pipes: bytes in, bytes out.
#include <gtest/gtest.h>

#include "base/virtual_executor.h"
#include "net/http.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

// A connection whose other end is the test.
class Http1 : public ::testing::Test {
 protected:
  ~Http1() override {
    far_->close();
    // Whatever still waits gives up.
    executor_.advance(10min);
  }

  void serve(HttpHandler handler, HttpLimits limits = {}) {
    auto [near, far] = make_pipe();
    far_ = std::move(far);
    ended_ = false;
    spawn(executor_,
          [](std::unique_ptr<Stream> stream, HttpHandler handler_copy, HttpLimits l,
             bool* ended) -> Task<void> {
            co_await serve_http_connection(std::move(stream), std::move(handler_copy), l);
            *ended = true;
          }(std::move(near), std::move(handler), limits, &ended_));
    spawn(executor_, [](Stream* stream, std::string* out) -> Task<void> {
      std::array<char, 1024> buffer;
      while (true) {
        auto size = co_await stream->read(buffer);
        if (!size || *size == 0) co_return;
        out->append(buffer.data(), *size);
      }
    }(far_.get(), &received_));
    executor_.run_ready();
  }

  void send(std::string bytes) {
    spawn(executor_, [](Stream* stream, std::string text) -> Task<void> {
      (void)co_await stream->write(text);
    }(far_.get(), std::move(bytes)));
    executor_.run_ready();
  }

  // What came since the last call, without the date.
  std::string take() {
    std::string text = std::exchange(received_, {});
    for (auto at = text.find("Date: "); at != text.npos; at = text.find("Date: "))
      text.erase(at, text.find("\r\n", at) + 2 - at);
    return text;
  }

  VirtualExecutor executor_;
  std::unique_ptr<Stream> far_;
  std::string received_;
  bool ended_ = false;
};

// Answers with what it saw.
Task<void> echo(HttpExchange& exchange) {
  auto body = co_await exchange.read_body(1000);
  if (!body) {
    (void)co_await exchange.respond({.status = body.error().code(), .headers = {}, .body = {}});
    co_return;
  }
  const HttpRequest& request = exchange.request();
  (void)co_await exchange.respond(
      {.status = 200,
       .headers = {},
       .body = request.method + " " + request.target + " " + request.authority + " " + *body});
}

Task<void> ignore_body(HttpExchange& exchange) {
  (void)co_await exchange.respond({.status = 200, .headers = {}, .body = "ok"});
}

Task<void> answer_later(HttpExchange& exchange) {
  (void)co_await sleep_for(1s);
  (void)co_await exchange.respond({.status = 200, .headers = {}, .body = "late"});
}

std::string ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

TEST_F(Http1, AnswersPipelinedRequestsInOrderHoweverTheyAreCut) {
  const std::string requests =
      "GET /a?b=c HTTP/1.1\r\nHost: one\r\n\r\n"
      "POST /p HTTP/1.1\r\nhost: two\r\nContent-Length: 5\r\n\r\nhello"
      "\r\nPUT /c HTTP/1.1\r\nHost: three\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
      "GET http://four/abs HTTP/1.1\r\nHost: ignored\r\n\r\n";
  const std::string expected = ok("GET /a?b=c one ") + ok("POST /p two hello") +
                               ok("PUT /c three abc0123456789") + ok("GET /abs four ");
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, requests.size()}) {
    SCOPED_TRACE(step);
    serve(echo);
    for (std::size_t at = 0; at < requests.size(); at += step) send(requests.substr(at, step));
    EXPECT_EQ(take(), expected);
    EXPECT_FALSE(ended_);
    far_->close();
    executor_.run_ready();
    EXPECT_TRUE(ended_);
  }
}

TEST_F(Http1, ServesNoFurtherRequestOnceThePeerTakesNoAnswer) {
  int served = 0;
  serve([count = &served](HttpExchange& exchange) -> Task<void> {
    ++*count;
    return answer_later(exchange);
  });
  std::string requests;
  for (int i = 0; i < 10; ++i) requests += "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  send(requests);

  far_->close();
  executor_.advance(20s);

  EXPECT_EQ(served, 1);
  EXPECT_TRUE(ended_);
}

TEST_F(Http1, RefusesWhatTwoParsersCouldReadDifferently) {
  struct Case {
    std::string_view name, request;
    int status;
  };
  const Case cases[] = {
      {"both lengths",
       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"both, other order",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
       400},
      {"two lengths",
       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
      {"signed length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\n", 400},
      {"negative length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n", 400},
      {"huge length",
       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400},
      {"foreign coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
       501},
      {"no coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 501},
      {"coding with a control byte",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0b"
       "chunked\r\n\r\n",
       400},
      {"coding twice",
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
       "chunked\r\n\r\n",
       400},
      {"chunks in 1.0", "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"space before the colon", "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400},
      {"bare line feed", "GET / HTTP/1.1\nHost: x\n\n", 400},
      {"bare carriage return", "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400},
      {"zero byte", "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"sv, 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
      {"future version", "GET / HTTP/3.0\r\nHost: x\r\n\r\n", 400},
      {"space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"no request at all", "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03\r\n\r\n", 400},
      {"empty name", "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    int handled = 0;
    serve([&handled](HttpExchange& exchange) -> Task<void> {
      ++handled;
      co_await echo(exchange);
    });
    send(std::string(c.request));
    EXPECT_TRUE(take().starts_with("HTTP/1.1 " + std::to_string(c.status) + " "));
    EXPECT_EQ(handled, 0);
    executor_.advance(2s);
    EXPECT_TRUE(ended_);
  }
}

TEST_F(Http1, MalformedChunksEndTheConnection) {
  for (const std::string_view chunk :
       {"x\r\n", "-1\r\n", "1\r\nab\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "1 1\r\n"}) {
    SCOPED_TRACE(chunk);
    serve(echo);
    send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunk));
    EXPECT_TRUE(take().starts_with("HTTP/1.1 400 ")) << received_;
    executor_.advance(2s);
    EXPECT_TRUE(ended_);
  }
}

TEST_F(Http1, LimitsHeadersAndBodies) {
  serve(echo, {.header_bytes = 1000});
  send("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(2000, 'a') + "\r\n\r\n");
  EXPECT_TRUE(take().starts_with("HTTP/1.1 431 "));

  // One field after the other, none of them long.
  serve(echo, {.header_bytes = 1000});
  send("GET / HTTP/1.1\r\nHost: x\r\n");
  for (int i = 0; i < 100; ++i) send("Name-" + std::to_string(i) + ": value\r\n");
  EXPECT_TRUE(take().starts_with("HTTP/1.1 431 "));

  serve(echo);
  send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_TRUE(take().starts_with("HTTP/1.1 413 "));

  serve(echo);
  send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
       std::string(1001, 'b') + "\r\n0\r\n\r\n");
  EXPECT_TRUE(take().starts_with("HTTP/1.1 413 "));
}

TEST_F(Http1, SlowPeersAreLeft) {
  serve(echo);
  send("GET / HTTP/1.1\r\nHo");
  executor_.advance(31s);
  EXPECT_FALSE(ended_);
  executor_.advance(3s);
  EXPECT_TRUE(ended_);

  serve(echo);  // Nothing at all: unclear which protocol.
  executor_.advance(33s);
  EXPECT_TRUE(ended_);

  serve(echo);
  send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  take();
  executor_.advance(89s);
  EXPECT_FALSE(ended_);
  executor_.advance(3s);
  EXPECT_TRUE(ended_);

  serve(echo);
  send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  executor_.advance(61s);
  EXPECT_TRUE(ended_);
}

TEST_F(Http1, KeepsOrClosesTheConnectionAsAsked) {
  struct Case {
    std::string_view request;
    std::string connection;
    bool ends;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", false},
      {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "Connection: close\r\n", true},
      {"GET / HTTP/1.0\r\n\r\n", "Connection: close\r\n", true},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive\r\n", false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.request);
    serve(ignore_body);
    send(std::string(c.request));
    EXPECT_EQ(take(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + c.connection + "\r\nok");
    executor_.advance(2s);
    EXPECT_EQ(ended_, c.ends);
  }
}

TEST_F(Http1, ReadsAwayAnUnwantedBodyOrCloses) {
  serve(ignore_body);
  send(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789GET / HTTP/1.1\r\nHost: "
      "x\r\n\r\n");
  EXPECT_EQ(take(), ok("ok") + ok("ok"));

  serve(ignore_body);
  send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
  for (int i = 0; i < 30; ++i) send(std::string(16 << 10, 'x'));
  EXPECT_TRUE(take().ends_with("ok"));
  executor_.advance(2s);
  EXPECT_TRUE(ended_);
}

TEST_F(Http1, AsksForABodyThatWaitsToBeAskedFor) {
  serve(echo);
  send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(take(), "HTTP/1.1 100 Continue\r\n\r\n");
  send("hi");
  EXPECT_EQ(take(), ok("POST / x hi"));

  serve(ignore_body);
  send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(take(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

TEST_F(Http1, HeadAnswersHaveALengthButNoBody) {
  serve(ignore_body);
  send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(take(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
}

Task<void> stream_three(HttpExchange& exchange) {
  EXPECT_TRUE(co_await exchange.start({.status = 200, .headers = {}, .body = {}}));
  for (const auto* part : {"one", "", "two"})
    EXPECT_TRUE(co_await exchange.write(std::make_shared<const std::string>(part)));
  EXPECT_TRUE(co_await exchange.finish());
}

TEST_F(Http1, StreamsInChunksOrToTheEnd) {
  serve(stream_three);
  send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(
      take(),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");

  serve(stream_three);
  send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(take(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nonetwo");
  executor_.advance(2s);
  EXPECT_TRUE(ended_);
}

TEST_F(Http1, AStreamThatIsNotFinishedDoesNotLookFinished) {
  serve([](HttpExchange& exchange) -> Task<void> {
    (void)co_await exchange.start({.status = 200, .headers = {}, .body = {}});
  });
  send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(take(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  executor_.advance(2s);
  EXPECT_TRUE(ended_);
}

TEST_F(Http1, AHandlerThatSaysNothingAnswers500) {
  serve([](HttpExchange&) -> Task<void> { co_return; });
  send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(take(), "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(Http1, HeadersThatWouldBreakTheFramingAreLeftOut) {
  serve([](HttpExchange& exchange) -> Task<void> {
    (void)co_await exchange.respond(
        {.status = 200,
         .headers = {{"Good", "yes"}, {"Bad", "a\r\nSet-Cookie: b"}, {"Na me", "x"}},
         .body = "ok"});
  });
  send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(take(), "HTTP/1.1 200 OK\r\nGood: yes\r\nContent-Length: 2\r\n\r\nok");
}

TEST_F(Http1, AHandlerThatAsksLearnsThatThePeerHasGone) {
  bool told = false;
  serve([&told](HttpExchange& exchange) -> Task<void> {
    const std::stop_token gone = exchange.closed();
    auto waited = co_await sleep_for(1h);  // The task is stopped, too.
    told = gone.stop_requested() && !waited;
  });
  send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_FALSE(told);

  far_->close();
  executor_.run_ready();

  EXPECT_TRUE(told);
  EXPECT_TRUE(ended_);
}

TEST_F(Http1, RequestsPipelinedDuringAWatchAreNotLost) {
  std::optional<Completion<bool>> go_on;
  serve([&go_on](HttpExchange& exchange) -> Task<void> {
    if (exchange.request().target == "/watch") {
      (void)exchange.closed();
      co_await suspended<bool>(false, [&](Completion<bool> done) { go_on = std::move(done); });
    }
    (void)co_await exchange.respond(
        {.status = 200, .headers = {}, .body = exchange.request().target});
  });
  send("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n");
  send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(take(), "");

  go_on->complete(true);
  executor_.run_ready();

  EXPECT_EQ(take(), ok("/watch") + ok("/next"));
}

TEST_F(Http1, UpgradesHandOverTheConnectionWithWhatCameEarly) {
  std::string early;
  serve([&early](HttpExchange& exchange) -> Task<void> {
    auto stream = co_await exchange.upgrade(
        {.status = 101, .headers = {{"Upgrade", "test"}, {"Connection", "Upgrade"}}, .body = {}});
    EXPECT_TRUE(stream);
    std::array<char, 64> buffer;
    auto size = co_await (*stream)->read(buffer);
    early.assign(buffer.data(), size.value_or(0));
    EXPECT_TRUE(co_await (*stream)->write("raw"));
  });
  send("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nearly");
  EXPECT_EQ(take(),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\n\r\nraw");
  EXPECT_EQ(early, "early");
  EXPECT_TRUE(ended_);
}

}  // namespace
}  // namespace keelson::net
