// SPDX-License-Identifier: Apache-2.0
// Requests to one origin over whatever connections there are.
#include <nghttp2/nghttp2.h>

#include "base/sync.h"
#include "net/http1_client.h"
#include "net/http_dial.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kIdleMax = 32;    // Connections kept for later, HTTP/1.1.
constexpr Duration kIdleTimeout = 60s;  // Less than servers wait.
constexpr int kAttempts = 3;

// The connections of a client. Bodies that are still read keep it alive.
class Pool {
 public:
  Pool(Runtime& loop, Origin where) : runtime(loop), origin(std::move(where)) {}

  std::shared_ptr<Http2Session> find_session() {
    std::lock_guard lock(mutex_);
    std::erase_if(sessions_, [](const auto& session) { return !session->usable(); });
    for (const auto& session : sessions_) {
      if (session->open_streams() < session->streams_limit()) return session;
    }
    return nullptr;
  }
  void add(std::shared_ptr<Http2Session> session) {
    std::lock_guard lock(mutex_);
    if (ended_)
      session->begin_shutdown();
    else
      sessions_.push_back(std::move(session));
  }

  std::unique_ptr<Http1Client> find_idle() {
    std::lock_guard lock(mutex_);
    const Duration now = runtime.monotonic();
    std::erase_if(idle_, [&](const auto& entry) { return now - entry.since > kIdleTimeout; });
    if (idle_.empty()) return nullptr;
    auto client = std::move(idle_.back().client);
    idle_.pop_back();
    return client;
  }
  void put_idle(std::unique_ptr<Http1Client> client) {
    std::lock_guard lock(mutex_);
    if (!ended_ && idle_.size() < kIdleMax)
      idle_.push_back({std::move(client), runtime.monotonic()});
  }

  void end() {
    std::vector<std::shared_ptr<Http2Session>> sessions;
    std::vector<Idle> idle;
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
      sessions.swap(sessions_);
      idle.swap(idle_);
    }
    for (const auto& session : sessions) session->begin_shutdown();
  }

  Runtime& runtime;
  const Origin origin;
  AsyncMutex dialing;  // Requests that come at once share the connection if it speaks HTTP/2.
  std::atomic<bool> speaks_http1{false};

 private:
  struct Idle {
    std::unique_ptr<Http1Client> client;
    Duration since;
  };
  std::mutex mutex_;
  bool ended_ = false;
  std::vector<std::shared_ptr<Http2Session>> sessions_;
  std::vector<Idle> idle_;
};

class Http1Body final : public HttpBody {
 public:
  Http1Body(std::shared_ptr<Pool> pool, std::unique_ptr<Http1Client> client, HttpResponse head)
      : pool_(std::move(pool)), client_(std::move(client)), head_(std::move(head)) {}

  const HttpResponse& head() const override { return head_; }

  Task<Result<std::string>> read() override {
    if (!client_) co_return std::string();
    auto more = co_await client_->read();
    // At the end the connection is the pool's again, or gone.
    if (!more || more->empty()) {
      auto client = std::move(client_);
      if (more && client->reusable()) pool_->put_idle(std::move(client));
    }
    co_return more;
  }

 private:
  const std::shared_ptr<Pool> pool_;
  std::unique_ptr<Http1Client> client_;
  const HttpResponse head_;
};

class Http2Body final : public HttpBody {
 public:
  Http2Body(std::shared_ptr<Http2Session> session, std::shared_ptr<Http2Stream> stream)
      : session_(std::move(session)), stream_(std::move(stream)) {}
  ~Http2Body() override { session_->reset(*stream_, NGHTTP2_CANCEL); }

  Task<Result<void>> wait_for_head() { return session_->head(stream_); }
  // Nothing was done for the request yet. RFC 9113, 8.7.
  bool was_refused() const { return stream_->closed && stream_->error == NGHTTP2_REFUSED_STREAM; }

  const HttpResponse& head() const override { return stream_->response; }
  Task<Result<std::string>> read() override { return session_->receive(stream_); }

 private:
  const std::shared_ptr<Http2Session> session_;
  const std::shared_ptr<Http2Stream> stream_;
};

using Opened = Result<std::unique_ptr<HttpBody>>;

bool is_idempotent(const std::string& method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
         method == "DELETE";
}

// A connection to send a request on: one of the two.
struct Way {
  std::shared_ptr<Http2Session> http2;
  std::unique_ptr<Http1Client> http1;
  bool used_before = false;
};

Task<Result<Way>> dial_way(std::shared_ptr<Pool> pool) {
  CO_TRY(auto stream, co_await dial(pool->runtime, pool->origin));
  if (stream->peer().alpn == "h2") {
    auto session = start_http2_client(pool->runtime, std::move(stream), http2_client_settings());
    pool->add(session);
    co_return Way{.http2 = std::move(session)};
  }
  pool->speaks_http1 = true;
  co_return Way{.http1 = std::make_unique<Http1Client>(std::move(stream))};
}

std::optional<Way> find_way(Pool& pool) {
  if (auto session = pool.find_session())
    return Way{.http2 = std::move(session), .used_before = true};
  if (auto client = pool.find_idle()) return Way{.http1 = std::move(client), .used_before = true};
  return std::nullopt;
}

Task<Result<Way>> choose_way(std::shared_ptr<Pool> pool) {
  if (auto way = find_way(*pool)) co_return std::move(*way);
  if (pool->speaks_http1) co_return co_await dial_way(pool);
  CO_TRY(const auto guard, co_await pool->dialing.lock());
  if (auto way = find_way(*pool)) co_return std::move(*way);
  co_return co_await dial_way(pool);
}

// One attempt. `again`: it failed in a way that allows another.
Task<Opened> open_once(std::shared_ptr<Pool> pool, HttpRequest request, bool* again) {
  CO_TRY(auto way, co_await choose_way(pool));
  if (way.http1) {
    const bool repeatable = way.used_before && is_idempotent(request.method);
    auto head = co_await way.http1->exchange(std::move(request));
    if (!head) {
      // Most likely the server had just closed a connection it saw idle.
      *again =
          repeatable && way.http1->nothing_came() && head.error().is(Reason::ServiceUnavailable);
      co_return fail(std::move(head).error());
    }
    co_return std::make_unique<Http1Body>(std::move(pool), std::move(way.http1), std::move(*head));
  }
  std::vector<Bytes> body;
  if (!request.body.empty()) {
    request.headers.set("content-length", std::to_string(request.body.size()));
    body.push_back(std::make_shared<const std::string>(std::move(request.body)));
  }
  auto stream = way.http2->open(request, std::move(body), true);
  if (!stream) {
    *again = way.used_before;  // The connection ended since it was chosen.
    co_return fail(std::move(stream).error());
  }
  auto opened = std::make_unique<Http2Body>(std::move(way.http2), std::move(*stream));
  if (auto came = co_await opened->wait_for_head(); !came) {
    *again = opened->was_refused();
    co_return fail(std::move(came).error());
  }
  co_return opened;
}

Task<Opened> open_body(std::shared_ptr<Pool> pool, HttpRequest request) {
  if (request.authority.empty()) request.authority = authority_of(pool->origin);
  for (int attempt = 1;; ++attempt) {
    bool again = false;
    if (attempt == kAttempts) co_return co_await open_once(pool, std::move(request), &again);
    auto opened = co_await open_once(pool, request, &again);
    if (opened || !again) co_return opened;
  }
}

Task<Result<HttpResponse>> send_whole(std::shared_ptr<Pool> pool, HttpRequest request,
                                      std::size_t limit_bytes) {
  CO_TRY(auto body, co_await open_body(std::move(pool), std::move(request)));
  HttpResponse response = body->head();
  while (true) {
    CO_TRY(std::string more, co_await body->read());
    if (more.empty()) co_return response;
    if (response.body.empty())
      response.body = std::move(more);
    else
      response.body += more;
    if (response.body.size() > limit_bytes)
      co_return fail(Reason::RequestEntityTooLarge, "http: response body too large");
  }
}

class Client final : public HttpClient {
 public:
  Client(Runtime& runtime, Origin origin)
      : pool_(std::make_shared<Pool>(runtime, std::move(origin))) {}
  ~Client() override { pool_->end(); }

  Task<Result<HttpResponse>> send(HttpRequest request, Duration timeout,
                                  std::size_t limit_bytes) override {
    return with_timeout(timeout, send_whole(pool_, std::move(request), limit_bytes));
  }

  Task<Result<std::unique_ptr<HttpBody>>> open(HttpRequest request) override {
    return open_body(pool_, std::move(request));
  }

  Task<Result<Upgraded>> upgrade(HttpRequest request) override {
    return upgrade_on(pool_, std::move(request));
  }

 private:
  static Task<Result<Upgraded>> upgrade_on(std::shared_ptr<Pool> pool, HttpRequest request) {
    constexpr std::size_t kRefusalMax = 1 << 20;
    if (request.authority.empty()) request.authority = authority_of(pool->origin);
    std::vector<std::string> alpn{"http/1.1"};
    CO_TRY(auto stream, co_await dial(pool->runtime, pool->origin, std::move(alpn)));
    Http1Client connection(std::move(stream));
    Upgraded upgraded;
    CO_TRY(upgraded.head, co_await connection.exchange(std::move(request)));
    if (upgraded.head.status == 101) {
      upgraded.stream = connection.take_stream();
      co_return upgraded;
    }
    while (upgraded.head.body.size() < kRefusalMax) {
      CO_TRY(const std::string more, co_await connection.read());
      if (more.empty()) break;
      upgraded.head.body += more;
    }
    co_return upgraded;
  }

  const std::shared_ptr<Pool> pool_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(Runtime& runtime, Origin origin) {
  return std::make_unique<Client>(runtime, std::move(origin));
}

}  // namespace keelson::net
