// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1, the server's side: one request after the other, each handled within the connection's
// task.
#include "base/ascii.h"
#include "net/http1_codec.h"
#include "net/http_connection.h"
#include "net/prefixed_stream.h"
#include "net/read_buffer.h"
#include "net/watchdog.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPipelinedMax = 64 << 10;
constexpr std::size_t kDrainMax = 256 << 10;  // Of an unwanted body, to keep the connection. Go's.

class Http1Exchange;

class Http1Connection {
 public:
  Http1Connection(std::unique_ptr<Stream> stream, std::string received,
                  std::shared_ptr<ServerShared> shared, Executor& executor, std::stop_source stop)
      : shared_(std::move(shared)),
        executor_(executor),
        stop_(std::move(stop)),
        stream_(std::move(stream)),
        watchdog_(executor, *stream_),
        input_(std::move(received)) {}

  Task<void> run();

 private:
  friend class Http1Exchange;

  // True if a request's head is there; false if the connection is over.
  Task<bool> read_head();
  Task<bool> serve_one();
  // More input. False at the end of the stream. Errors: Unavailable, Canceled.
  Task<Result<bool>> read_more();
  // Moves input through the parser to `body`. False if that needs more input.
  Result<bool> parse(std::string& body);
  Task<void> refuse(Status status);
  Task<void> linger();
  // Looks out for the end of the stream while a request is being handled.
  static Task<void> watch_peer(Http1Connection* self);
  void start_watching();
  void peer_has_gone();

  const std::shared_ptr<ServerShared> shared_;
  Executor& executor_;
  std::stop_source stop_;  // Of this connection's task and so of the handler.
  std::unique_ptr<Stream> stream_;
  Watchdog watchdog_;
  std::string input_;  // Read, not yet parsed.
  std::unique_ptr<Http1Parser> parser_;
  std::atomic<bool> idle_{false};
  bool keep_ = true;
  std::optional<TaskGroup> watchers_;
  bool peer_gone_ = false;                     // Of the watcher; read when that has ended.
  std::stop_source closed_{std::nostopstate};  // Of the current exchange.
};

class Http1Exchange final : public HttpExchange {
 public:
  explicit Http1Exchange(Http1Connection& connection)
      : connection_(connection), request_(std::move(connection.parser_->request)) {
    expects_continue_ = request_.version == 11 &&
                        equal_ignoring_case(request_.headers.get("Expect"), "100-continue");
  }

  const HttpRequest& request() const override { return request_; }
  const Peer& peer() const override { return upgraded_ ? upgraded_peer_ : stream().peer(); }

  Task<Result<std::string>> read_body(std::size_t limit_bytes) override {
    const auto too_large = [] {
      return fail(Reason::RequestEntityTooLarge, "http: request body too large");
    };
    if (const auto length = connection_.parser_->content_length(); length && *length > limit_bytes)
      co_return too_large();
    while (true) {
      if (body_.size() > limit_bytes) co_return too_large();
      CO_TRY(const bool more, co_await read_into_body());
      if (!more) break;
    }
    if (body_.size() > limit_bytes) co_return too_large();
    co_return std::exchange(body_, {});
  }

  Task<Result<std::size_t>> read_some(std::span<char> into) override {
    while (body_.empty()) {
      CO_TRY(const bool more, co_await read_into_body());
      if (!more && body_.empty()) co_return std::size_t{0};
    }
    const std::size_t size = std::min(into.size(), body_.size());
    std::memcpy(into.data(), body_.data(), size);
    body_.erase(0, size);
    co_return size;
  }

  Task<Result<void>> respond(HttpResponse response) override {
    const std::string body = std::move(response.body);
    const std::string_view pieces[] = {body};
    co_return co_await respond_with(std::move(response), pieces);
  }

  Task<Result<void>> respond_shared(HttpResponse head,
                                    std::vector<std::shared_ptr<const std::string>> body) override {
    std::vector<std::string_view> pieces;
    for (const auto& piece : body) pieces.emplace_back(*piece);
    co_return co_await respond_with(std::move(head), pieces);
  }

  Task<Result<void>> start(HttpResponse head) override {
    CHECK(!std::exchange(responded_, true));
    bodiless_ = request_.method == "HEAD" || head.status == 204 || head.status == 304;
    if (!bodiless_ && !head.headers.has("Content-Length")) {
      chunked_ = request_.version == 11;
      if (chunked_)
        head.headers.set("Transfer-Encoding", "chunked");
      else
        connection_.keep_ = false;  // The body lasts until the end of the stream.
    }
    finish_head(head);
    co_return sent(co_await stream().write(write_head(head)));
  }

  Task<Result<void>> write(std::shared_ptr<const std::string> chunk) override {
    if (bodiless_ || chunk->empty()) co_return Result<void>{};
    if (!chunked_) co_return sent(co_await stream().write(*chunk));
    const std::string head = chunk_head(chunk->size());
    const std::string_view pieces[] = {head, *chunk, "\r\n"};
    co_return sent(co_await stream().write_all(pieces));
  }

  Task<Result<void>> finish() override {
    finished_ = true;
    if (!chunked_) co_return Result<void>{};
    co_return sent(co_await stream().write(kLastChunk));
  }

  std::stop_token closed() const override {
    Http1Connection& connection = connection_;
    if (!connection.closed_.stop_possible()) {
      connection.closed_ = std::stop_source();
      on_closing_.emplace(connection.shared_->closing.get_token(),
                          [closed = connection.closed_]() mutable { closed.request_stop(); });
      if (connection.parser_->done()) connection.start_watching();
    }
    return connection.closed_.get_token();
  }

  Task<Result<std::unique_ptr<Stream>>> upgrade(HttpResponse head) override {
    CHECK(!std::exchange(responded_, true));
    head.status = 101;
    if (!head.headers.has("Connection")) head.headers.set("Connection", "Upgrade");
    co_await stop_watching();
    connection_.keep_ = false;
    finished_ = true;
    CO_TRY_OK(co_await stream().write(write_head(head)));
    upgraded_ = true;
    upgraded_peer_ = stream().peer();
    auto stream = std::move(connection_.stream_);
    if (!connection_.input_.empty())
      stream = std::make_unique<PrefixedStream>(std::exchange(connection_.input_, {}),
                                                std::move(stream));
    co_return stream;
  }

  bool upgraded() const { return upgraded_; }

  Task<void> stop_watching() {
    if (connection_.watchers_) co_await connection_.watchers_->stop();
    connection_.watchers_.reset();
  }

  // After the handler: answers if it did not, and decides whether another request can follow.
  Task<void> complete() {
    co_await stop_watching();
    on_closing_.reset();
    if (!upgraded_ && !responded_)
      (void)co_await respond({.status = 500, .headers = {}, .body = ""});
    if (!finished_) connection_.keep_ = false;  // The peer must see that something is missing.
    if (connection_.keep_ && !connection_.parser_->done()) {
      std::size_t drained = 0;
      while (drained <= kDrainMax) {
        body_.clear();
        auto more = co_await read_into_body();
        if (!more) connection_.keep_ = false;
        if (!more || !*more) break;
        drained += body_.size();
      }
      if (drained > kDrainMax) connection_.keep_ = false;
    }
    connection_.closed_ = std::stop_source(std::nostopstate);
  }

 private:
  Stream& stream() const { return *connection_.stream_; }

  // A peer that took one answer no more is not served the requests that it sent ahead.
  Result<void> sent(Result<void> written) {
    if (!written) connection_.keep_ = false;
    return written;
  }

  // Appends what comes next to body_; false at the end of the body.
  Task<Result<bool>> read_into_body() {
    Http1Connection& connection = connection_;
    const std::size_t before = body_.size();
    while (!connection.parser_->done()) {
      CO_TRY(const bool progress, connection.parse(body_));
      if (body_.size() > before) co_return true;
      if (progress) continue;
      if (std::exchange(expects_continue_, false))
        CO_TRY_OK(co_await stream().write("HTTP/1.1 100 Continue\r\n\r\n"));
      connection.watchdog_.arm(connection.shared_->limits.body_idle);
      auto more = co_await connection.read_more();
      connection.watchdog_.disarm();
      if (connection.watchdog_.has_bitten())
        co_return fail(Reason::Timeout, "timed out reading the request body");
      CO_TRY(const bool alive, std::move(more));
      if (!alive) co_return fail(Status::unavailable("unexpected EOF"));
    }
    // Whoever asked for closed() before could not be served until now.
    if (connection.closed_.stop_possible()) connection.start_watching();
    co_return false;
  }

  void finish_head(HttpResponse& head) {
    // A client that was not told to go on may send its body or not.
    if (expects_continue_ && !connection_.parser_->done()) connection_.keep_ = false;
    if (!connection_.parser_->keep_alive() || connection_.shared_->closing.stop_requested())
      connection_.keep_ = false;
    if (!connection_.keep_)
      head.headers.set("Connection", "close");
    else if (request_.version == 10)
      head.headers.set("Connection", "keep-alive");
    if (!head.headers.has("Date")) head.headers.add("Date", http_date(connection_.executor_.now()));
  }

  Task<Result<void>> respond_with(HttpResponse head, std::span<const std::string_view> body) {
    CHECK(!std::exchange(responded_, true));
    finished_ = true;
    std::size_t size = 0;
    for (const auto piece : body) size += piece.size();
    if (head.status != 204 && head.status != 304)
      head.headers.set("Content-Length", std::to_string(size));
    finish_head(head);
    const std::string text = write_head(head);
    std::vector<std::string_view> pieces{text};
    if (request_.method != "HEAD" && head.status != 204 && head.status != 304)
      pieces.insert(pieces.end(), body.begin(), body.end());
    co_return sent(co_await stream().write_all(pieces));
  }

  Http1Connection& connection_;
  HttpRequest request_;
  std::string body_;  // Parsed, not yet taken.
  bool expects_continue_ = false;
  bool responded_ = false, finished_ = false;
  bool chunked_ = false, bodiless_ = false;
  bool upgraded_ = false;
  Peer upgraded_peer_;
  mutable std::optional<std::stop_callback<Work>> on_closing_;
};

Task<Result<bool>> Http1Connection::read_more() {
  CO_TRY_OK(co_await stream_->readable());
  const ReadBuffer buffer = ReadBuffer::take();
  auto size = co_await stream_->read(buffer.span());
  if (!size) co_return fail(std::move(size).error());
  input_.append(buffer.data(), *size);
  co_return *size > 0;
}

Result<bool> Http1Connection::parse(std::string& body) {
  if (input_.empty()) return false;
  TRY(const std::size_t taken, parser_->feed(input_, body));
  if (taken == input_.size())
    input_ = std::string();  // Idle connections hold no buffer.
  else
    input_.erase(0, taken);
  return taken > 0;
}

Task<bool> Http1Connection::read_head() {
  const HttpLimits& limits = shared_->limits;
  parser_ = Http1Parser::make(Http1Parser::Kind::Request, limits.header_bytes);
  bool waiting_for_first = input_.empty();
  watchdog_.arm(waiting_for_first ? limits.idle : limits.header_read);
  while (true) {
    std::string no_body;
    auto progress = parse(no_body);
    if (!progress) {
      watchdog_.disarm();
      co_await refuse(std::move(progress).error());
      co_return false;
    }
    if (parser_->head_done()) break;
    if (*progress && !input_.empty()) continue;
    idle_ = waiting_for_first;
    if (waiting_for_first && shared_->closing.stop_requested()) co_return false;
    auto more = co_await read_more();
    idle_ = false;
    if (!more || !*more) co_return false;
    if (waiting_for_first) watchdog_.arm(limits.header_read);
    waiting_for_first = false;
  }
  watchdog_.disarm();
  co_return !watchdog_.has_bitten();
}

Task<void> Http1Connection::refuse(Status status) {
  keep_ = false;
  const std::string text =
      std::to_string(status.code()) + " " + std::string(reason_phrase(status.code()));
  HttpResponse response{.status = status.code(), .headers = {}, .body = {}};
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  response.headers.add("Connection", "close");
  response.headers.add("Content-Length", std::to_string(text.size()));
  (void)co_await stream_->write(write_head(response) + text);
}

void Http1Connection::peer_has_gone() {
  peer_gone_ = true;
  closed_.request_stop();
  stop_.request_stop();
}

void Http1Connection::start_watching() {
  if (watchers_) return;
  watchers_.emplace(executor_);
  watchers_->start(watch_peer(this));
}

Task<void> Http1Connection::watch_peer(Http1Connection* self) {
  while (self->input_.size() < kPipelinedMax) {
    auto more = co_await self->read_more();
    if (!more && more.error().is(Reason::Canceled)) co_return;
    if (!more || !*more) {
      self->peer_has_gone();
      co_return;
    }
  }
}

// The peer may still be sending; closing at once would make its system drop our last answer.
Task<void> Http1Connection::linger() {
  (void)co_await stream_->shutdown_write();
  watchdog_.arm(500ms);  // As Go's server waits.
  std::vector<char> ignored(4096);
  for (std::size_t total = 0; total < kDrainMax;) {
    auto size = co_await stream_->read(ignored);
    if (!size || *size == 0) break;
    total += *size;
  }
  watchdog_.disarm();
}

Task<bool> Http1Connection::serve_one() {
  Http1Exchange exchange(*this);
  co_await shared_->handler(exchange);
  co_await exchange.complete();
  co_return !exchange.upgraded();
}

Task<void> Http1Connection::run() {
  std::stop_callback on_closing(shared_->closing.get_token(), [this] {
    if (idle_) stream_->close();
  });
  while (keep_) {
    if (!co_await read_head()) break;
    if (!co_await serve_one()) co_return;  // Somebody else's stream now.
    if (peer_gone_) break;
  }
  co_await linger();
  stream_->close();
}

}  // namespace

Task<void> serve_http1(std::unique_ptr<Stream> stream, std::string received,
                       std::shared_ptr<ServerShared> shared) {
  const TaskContext& context = co_await this_context();
  std::stop_source stop;
  std::stop_callback forward(context.stop, [&stop] { stop.request_stop(); });
  Http1Connection connection(std::move(stream), std::move(received), std::move(shared),
                             *context.executor, stop);
  co_await run_in(TaskContext{context.executor, stop.get_token()},
                  [](Http1Connection* c) -> Task<bool> {
                    co_await c->run();
                    co_return true;
                  }(&connection));
}

}  // namespace keelson::net
