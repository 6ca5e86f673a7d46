// SPDX-License-Identifier: Apache-2.0
// HTTP/2, the server's side: each stream is a task.
#include <nghttp2/nghttp2.h>

#include <tuple>

#include "base/ascii.h"
#include "net/http1_codec.h"
#include "net/http2_session.h"
#include "net/http_connection.h"

namespace keelson::net {
namespace {

// Requests being handled on a connection, and the wait for the last of them.
class Handlers {
 public:
  void enter() {
    std::lock_guard lock(mutex_);
    ++running_;
  }
  void leave() {
    // Completed without the lock: whoever waits may destroy this as soon as it resumes.
    std::optional<Completion<bool>> last;
    {
      std::lock_guard lock(mutex_);
      if (--running_ == 0) last.swap(waiter_);
    }
    if (last) last->complete(true);
  }
  std::size_t running() const {
    std::lock_guard lock(mutex_);
    return running_;
  }
  // Not to be stopped: the handlers refer to what the caller holds.
  Task<bool> wait() {
    co_return co_await suspended<bool>(false, [this](Completion<bool> done) {
      std::lock_guard lock(mutex_);
      if (running_ == 0)
        done.complete(true);
      else
        waiter_ = std::move(done);
    });
  }

 private:
  mutable std::mutex mutex_;
  std::size_t running_ = 0;
  std::optional<Completion<bool>> waiter_;
};

struct Connection {
  std::shared_ptr<ServerShared> shared;
  std::shared_ptr<Http2Session> session;
  Executor* executor = nullptr;
  Handlers handlers;
  // The date, written once a second.
  std::mutex date_mutex;
  std::chrono::seconds date_second{-1};
  std::string date_text;

  std::string date() {
    const Wall now = executor->now();
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
    std::lock_guard lock(date_mutex);
    if (second != date_second) {
      date_second = second;
      date_text = http_date(now);
    }
    return date_text;
  }
};

class Http2Exchange final : public HttpExchange {
 public:
  Http2Exchange(Connection& connection, std::shared_ptr<Http2Stream> stream)
      : connection_(connection), session_(*connection.session), stream_(std::move(stream)) {
    expects_continue_ = equal_ignoring_case(stream_->request.headers.get("expect"), "100-continue");
  }

  const HttpRequest& request() const override { return stream_->request; }
  const Peer& peer() const override { return session_.peer(); }

  Task<Result<std::string>> read_body(std::size_t limit_bytes) override {
    std::string body = std::exchange(rest_, {});
    while (true) {
      CO_TRY(std::string more, co_await receive());
      if (more.empty()) co_return body;
      if (body.empty())
        body = std::move(more);
      else
        body += more;
      if (body.size() > limit_bytes)
        co_return fail(Reason::RequestEntityTooLarge, "http: request body too large");
    }
  }

  Task<Result<std::size_t>> read_some(std::span<char> into) override {
    if (rest_.empty()) {
      CO_TRY(rest_, co_await receive());
    }
    const std::size_t size = std::min(into.size(), rest_.size());
    std::memcpy(into.data(), rest_.data(), size);
    rest_.erase(0, size);
    co_return size;
  }

  Task<Result<void>> respond(HttpResponse response) override {
    std::vector<Bytes> body;
    if (!response.body.empty())
      body.push_back(std::make_shared<const std::string>(std::move(response.body)));
    response.body.clear();
    co_return co_await respond_shared(std::move(response), std::move(body));
  }

  Task<Result<void>> respond_shared(HttpResponse head,
                                    std::vector<std::shared_ptr<const std::string>> body) override {
    CHECK(!std::exchange(responded_, true));
    finished_ = true;
    std::size_t size = 0;
    for (const auto& piece : body) size += piece->size();
    if (head.status != 204 && head.status != 304)
      head.headers.set("content-length", std::to_string(size));
    if (bodiless(head)) body.clear();
    finish_head(head);
    CO_TRY_OK(session_.respond(*stream_, head, std::move(body), true));
    co_return co_await session_.drained(stream_);
  }

  Task<Result<void>> start(HttpResponse head) override {
    CHECK(!std::exchange(responded_, true));
    bodiless_ = bodiless(head);
    finished_ = bodiless_;
    finish_head(head);
    co_return session_.respond(*stream_, head, {}, bodiless_);
  }

  Task<Result<void>> write(std::shared_ptr<const std::string> chunk) override {
    if (bodiless_) co_return Result<void>{};
    std::vector<Bytes> chunks;
    chunks.push_back(std::move(chunk));
    CO_TRY_OK(session_.send(*stream_, std::move(chunks), false));
    co_return co_await session_.drained(stream_);
  }

  Task<Result<void>> finish() override {
    if (std::exchange(finished_, true)) co_return Result<void>{};
    co_return session_.send(*stream_, {}, true);
  }

  Task<Result<void>> finish_with(Headers trailers) override {
    if (std::exchange(finished_, true)) co_return Result<void>{};
    co_return session_.send_trailers(*stream_, std::move(trailers));
  }

  std::stop_token closed() const override { return session_.gone(*stream_); }

  Task<Result<std::unique_ptr<Stream>>> upgrade(HttpResponse) override {
    co_return fail(Status::bad_request("unable to upgrade: HTTP/2 has no upgrades"));
  }

  // After the handler.
  Task<void> complete() {
    if (!responded_) {
      (void)co_await respond({.status = 500, .headers = {}, .body = {}});
    } else if (!finished_) {
      session_.abort(*stream_);
    }
    session_.discard_inbound(*stream_);
  }

 private:
  bool bodiless(const HttpResponse& head) const {
    return stream_->request.method == "HEAD" || head.status == 204 || head.status == 304;
  }

  void finish_head(HttpResponse& head) {
    if (!head.headers.has("date")) head.headers.add("date", connection_.date());
  }

  Task<Result<std::string>> receive() {
    if (!session_.receive_would_wait(*stream_)) co_return co_await session_.receive(stream_);
    if (std::exchange(expects_continue_, false)) CO_TRY_OK(session_.send_continue(*stream_));
    auto more =
        co_await with_timeout(connection_.shared->limits.body_idle, session_.receive(stream_));
    if (!more && more.error().is(Reason::Timeout))
      co_return fail(Reason::Timeout, "timed out reading the request body");
    co_return more;
  }

  Connection& connection_;
  Http2Session& session_;
  const std::shared_ptr<Http2Stream> stream_;
  std::string rest_;  // Received, not yet taken.
  bool expects_continue_ = false;
  bool responded_ = false, finished_ = false, bodiless_ = false;
};

Task<void> handle(Connection* connection, std::shared_ptr<Http2Stream> stream) {
  {
    Http2Exchange exchange(*connection, std::move(stream));
    co_await connection->shared->handler(exchange);
    co_await exchange.complete();
  }
  connection->handlers.leave();
}

void begin(Connection& connection, std::shared_ptr<Http2Stream> stream) {
  const HttpLimits& limits = connection.shared->limits;
  if (stream->head_too_large) {
    // Fails only when the stream has closed: nobody waits for the answer then.
    std::ignore = connection.session->respond(
        *stream, {.status = 431, .headers = {{"content-length", "0"}}, .body = {}}, {}, true);
    connection.session->discard_inbound(*stream);
    return;
  }
  // A peer that resets its streams may open others, but the work behind the first has not ended
  // yet: more than this is not taken on. RFC 9113, 8.7: safe to try again.
  if (connection.handlers.running() >= 2 * static_cast<std::size_t>(limits.streams)) {
    connection.session->reset(*stream, NGHTTP2_REFUSED_STREAM);
    return;
  }
  connection.handlers.enter();
  const std::stop_token stop = stream->stop.get_token();
  spawn(*connection.executor, handle(&connection, std::move(stream)), stop);
}

}  // namespace

Task<void> serve_http2(std::unique_ptr<Stream> stream, std::string received,
                       std::shared_ptr<ServerShared> shared) {
  const TaskContext& context = co_await this_context();
  const HttpLimits& limits = shared->limits;
  Connection connection;
  connection.executor = context.executor;
  connection.session = std::make_shared<Http2Session>(
      Http2Session::Role::Server, std::move(stream),
      Http2Session::Settings{.header_bytes = limits.header_bytes,
                             .streams = limits.streams,
                             .resets_per_minute = limits.resets_per_minute,
                             .first = limits.header_read,
                             .idle = limits.idle});
  connection.session->on_request = [&connection](std::shared_ptr<Http2Stream> request) {
    begin(connection, std::move(request));
  };
  connection.shared = std::move(shared);
  {
    std::stop_callback on_closing(connection.shared->closing.get_token(),
                                  [&connection] { connection.session->begin_shutdown(); });
    co_await connection.session->run(std::move(received));
  }
  co_await run_in(TaskContext{context.executor, {}}, connection.handlers.wait());
}

}  // namespace keelson::net
