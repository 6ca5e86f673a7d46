// SPDX-License-Identifier: Apache-2.0
// HTTP messages, whatever the version on the wire.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/stream.h"

namespace keelson::net {

// Names compare without case; order and repetition are kept.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  void add(std::string name, std::string value);
  void set(std::string_view name, std::string value);  // Replaces all of that name.
  void remove(std::string_view name);
  // The first of that name; empty if there is none (use has() to tell).
  std::string_view get(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;
  bool has(std::string_view name) const;
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  // Path and query as on the wire.
  std::string authority;     // Host
  Headers headers;
  std::string body;  // Client side only; a server reads it from the exchange.
  int version = 11;  // 10, 11 or 20
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;
};

// One request being served. Exactly one of respond(), start() or upgrade() is called; a handler
// that returns without any of them answers 500.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  virtual const HttpRequest& request() const = 0;
  virtual const Peer& peer() const = 0;

  // The whole body. Errors: RequestEntityTooLarge beyond `limit_bytes`, Timeout, Unavailable.
  virtual Task<Result<std::string>> read_body(std::size_t limit_bytes) = 0;
  // For streamed bodies: 0 at the end. Errors: Timeout, Unavailable.
  virtual Task<Result<std::size_t>> read_some(std::span<char> into) = 0;

  // Sends a whole response; Content-Length is set. Returns when all but a little is on its way.
  virtual Task<Result<void>> respond(HttpResponse response) = 0;
  // As respond(), for a body that others share too: no copy is made.
  virtual Task<Result<void>> respond_shared(
      HttpResponse head, std::vector<std::shared_ptr<const std::string>> body) = 0;

  // A streamed response: start, any number of writes (each is flushed), finish.
  virtual Task<Result<void>> start(HttpResponse head) = 0;
  // Waits while the peer does not read (flow control). Errors: Unavailable when the peer has gone.
  // An empty chunk sends nothing.
  virtual Task<Result<void>> write(std::shared_ptr<const std::string> chunk) = 0;
  virtual Task<Result<void>> finish() = 0;
  // finish() with fields behind the body, as gRPC needs them; HTTP/1.1 leaves them out.
  virtual Task<Result<void>> finish_with(Headers trailers);

  // Requested when the peer goes away or the server stops; watches end on it.
  virtual std::stop_token closed() const = 0;

  // HTTP/1.1 only: answers 101 with `head` and hands over the connection, which is then the
  // caller's to close. Errors: BadRequest on HTTP/2.
  virtual Task<Result<std::unique_ptr<Stream>>> upgrade(HttpResponse head) = 0;
};

using HttpHandler = std::function<Task<void>(HttpExchange&)>;

struct HttpLimits {
  std::size_t header_bytes = 1 << 20;  // Go's default, which upstream runs with.
  std::uint32_t streams = 250;         // Concurrent requests of one HTTP/2 connection; upstream's.
  std::uint32_t resets_per_minute = 1000;  // Of streams by the peer (CVE-2023-44487).
  std::size_t connections = 10'000;
  Duration handshake = std::chrono::seconds(10);
  Duration header_read = std::chrono::seconds(32);  // Upstream's ReadHeaderTimeout.
  Duration idle = std::chrono::seconds(90);         // Between requests; upstream's IdleTimeout.
  Duration body_idle = std::chrono::seconds(60);    // Until more of a body comes.
};

// Serves HTTP/1.1 and HTTP/2, chosen by ALPN under TLS and by preface without. Each request is a
// task on the runtime, so that requests of one connection run in parallel. stop() it before
// destroying it.
class HttpServer {
 public:
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
  // Accepts no more, lets requests finish for `grace`, ends the rest, and closes.
  virtual Task<void> stop(Duration grace) = 0;
};

// `tls` null: plain text (health ports on loopback, unix sockets).
Result<std::unique_ptr<HttpServer>> serve_http(Runtime& runtime, std::unique_ptr<Listener> listener,
                                               std::shared_ptr<class TlsServerContext> tls,
                                               HttpHandler handler, HttpLimits limits = {});

// Serves one connection, until it ends or the task is stopped, on the caller's executor.
Task<void> serve_http_connection(std::unique_ptr<Stream> stream, HttpHandler handler,
                                 HttpLimits limits = {});

// A response whose body is read as it comes.
class HttpBody {
 public:
  virtual ~HttpBody() = default;
  virtual const HttpResponse& head() const = 0;
  // Some bytes; empty at the end.
  virtual Task<Result<std::string>> read() = 0;
};

struct Origin {
  std::string host;  // IP or name; with `unix_path`, only the authority header.
  std::uint16_t port = 0;
  std::shared_ptr<class TlsClientContext> tls;  // null: plain text
  std::string unix_path;
};

// Requests to one origin over pooled connections; HTTP/2 where ALPN gives it. Thread-safe. A
// stopped task gives up its request. Destroying the client closes the connections that no body
// still reads.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Whole response. Errors: Unavailable, Timeout, RequestEntityTooLarge beyond the limit.
  virtual Task<Result<HttpResponse>> send(HttpRequest request, Duration timeout,
                                          std::size_t limit_bytes = 256 << 20) = 0;
  // Returns when the head has come; destroying the body cancels the rest.
  virtual Task<Result<std::unique_ptr<HttpBody>>> open(HttpRequest request) = 0;
  // A connection of its own, HTTP/1.1: returns the stream after a 101, or the response that came
  // instead as `refused`.
  struct Upgraded {
    HttpResponse head;
    std::unique_ptr<Stream> stream;  // null: refused, `head.body` says why
  };
  virtual Task<Result<Upgraded>> upgrade(HttpRequest request) = 0;
};

std::unique_ptr<HttpClient> make_http_client(Runtime& runtime, Origin origin);

// --- Targets and forms --------------------------------------------------------------------------

struct Target {
  std::string path;  // Percent-decoded, still with its slashes.
  std::vector<std::pair<std::string, std::string>> query;

  std::string_view get(std::string_view name) const;  // First; empty if there is none.
  bool has(std::string_view name) const;
  bool is_on(std::string_view name) const;  // There, and means_true().
  std::vector<std::string_view> all(std::string_view name) const;
};
// A boolean parameter that is there, whatever its value: only "0" and "false" mean no, and those
// who write "False" are many. Source: upstream, Convert_Slice_string_To_bool.
bool means_true(std::string_view parameter);
// Errors: BadRequest for a bad escape.
Result<Target> parse_target(std::string_view target);
std::string percent_encode(std::string_view text);

}  // namespace keelson::net
