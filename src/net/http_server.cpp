// SPDX-License-Identifier: Apache-2.0
// Accepting connections and choosing the protocol.
#include "base/log.h"
#include "net/http_connection.h"
#include "net/tls.h"
#include "net/watchdog.h"

namespace keelson::net {
namespace {

// RFC 9113, 3.4.
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class Server final : public HttpServer {
 public:
  Server(Runtime& runtime, std::unique_ptr<Listener> listener,
         std::shared_ptr<TlsServerContext> tls, std::shared_ptr<ServerShared> shared)
      : runtime_(runtime),
        listener_(std::move(listener)),
        tls_(std::move(tls)),
        shared_(std::move(shared)),
        connections_(runtime) {
    connections_.start(accept_loop());
  }

  std::uint16_t port() const override { return listener_->port(); }

  Task<void> stop(Duration grace) override {
    listener_->close();
    shared_->closing.request_stop();
    const TimerId timer = runtime_.after(grace, [over = over_]() mutable { over.request_stop(); });
    co_await connections_.join();
    runtime_.cancel(timer);
  }

 private:
  Task<void> accept_loop() {
    while (!shared_->closing.stop_requested()) {
      auto stream = co_await listener_->accept();
      if (!stream) break;
      // One of them is this loop.
      if (connections_.running() > shared_->limits.connections) {
        log_warning("Refusing a connection: too many are open",
                    {{"limit", shared_->limits.connections}});
        continue;
      }
      connections_.start(connection(std::move(*stream)));
    }
  }

  Task<void> connection(std::unique_ptr<Stream> stream) {
    co_await run_in(TaskContext{&runtime_, over_.get_token()}, serve(std::move(stream)));
  }

  Task<bool> serve(std::unique_ptr<Stream> stream) {
    if (tls_) {
      const std::string address = stream->peer().address;
      auto secure = co_await accept_tls(std::move(stream), tls_, shared_->limits.handshake);
      if (!secure) {
        log_verbose(2, "TLS handshake failed",
                    {{"peer", address}, {"err", secure.error().message()}});
        co_return false;
      }
      stream = std::move(*secure);
    }
    co_await serve_connection(std::move(stream), shared_);
    co_return true;
  }

  Runtime& runtime_;
  const std::unique_ptr<Listener> listener_;
  const std::shared_ptr<TlsServerContext> tls_;
  const std::shared_ptr<ServerShared> shared_;
  std::stop_source over_;  // The grace is.
  TaskGroup connections_;
};

// Reads until it is clear whether the peer speaks HTTP/2 first; what was read is in `received`.
Task<Result<bool>> speaks_http2(Stream& stream, std::string& received) {
  std::array<char, kPreface.size()> buffer;
  while (received.size() < kPreface.size()) {
    CO_TRY(const std::size_t size,
           co_await stream.read(std::span(buffer).first(kPreface.size() - received.size())));
    if (size == 0) co_return false;
    received.append(buffer.data(), size);
    if (!kPreface.starts_with(received)) co_return false;
  }
  co_return true;
}

}  // namespace

Task<void> serve_connection(std::unique_ptr<Stream> stream, std::shared_ptr<ServerShared> shared) {
  std::string received;
  bool http2 = stream->peer().alpn == "h2";
  if (stream->peer().alpn.empty()) {
    Executor& executor = *(co_await this_context()).executor;
    Stream* const raw = stream.get();
    Watchdog watchdog(executor, *raw);
    std::stop_callback on_closing(shared->closing.get_token(), [raw] { raw->close(); });
    watchdog.arm(shared->limits.header_read);
    const auto found = co_await speaks_http2(*stream, received);
    if (!found) co_return;
    http2 = *found;
  }
  if (http2)
    co_await serve_http2(std::move(stream), std::move(received), std::move(shared));
  else
    co_await serve_http1(std::move(stream), std::move(received), std::move(shared));
}

Task<void> serve_http_connection(std::unique_ptr<Stream> stream, HttpHandler handler,
                                 HttpLimits limits) {
  auto shared = std::make_shared<ServerShared>();
  shared->handler = std::move(handler);
  shared->limits = limits;
  co_await serve_connection(std::move(stream), std::move(shared));
}

Result<std::unique_ptr<HttpServer>> serve_http(Runtime& runtime, std::unique_ptr<Listener> listener,
                                               std::shared_ptr<TlsServerContext> tls,
                                               HttpHandler handler, HttpLimits limits) {
  auto shared = std::make_shared<ServerShared>();
  shared->handler = std::move(handler);
  shared->limits = limits;
  return std::make_unique<Server>(runtime, std::move(listener), std::move(tls), std::move(shared));
}

}  // namespace keelson::net
