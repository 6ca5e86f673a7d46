// SPDX-License-Identifier: Apache-2.0
// Connected byte streams: TCP, unix sockets, TLS, and whatever is upgraded from HTTP.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "net/runtime.h"

namespace keelson::net {

// What is known of the other side.
struct Peer {
  std::string address;  // "10.0.0.1"
  std::uint16_t port = 0;
  bool tls = false;
  std::string alpn;  // "h2", "http/1.1"
  // Of a verified client certificate: subject CN and O values. Empty without one.
  std::string common_name;
  std::vector<std::string> organizations;
  bool has_certificate = false;
  // The certificate offered did not verify; why.
  std::string certificate_error;
};

// One reader and one writer at a time, which may be different tasks. Stopping the waiting task ends
// the wait with Canceled; after a canceled write() nobody knows how much was sent, so only close()
// is left. Destroy a stream when no task waits on it.
class Stream {
 public:
  virtual ~Stream() = default;

  // At least one byte; 0 at the end of the stream.
  virtual Task<Result<std::size_t>> read(std::span<char> into) = 0;
  // Waits until read() has something to say, so that an idle connection needs no buffer. May return
  // early: read() waits for the rest.
  virtual Task<Result<void>> readable();
  // All of it. Errors: Unavailable when the peer is gone.
  virtual Task<Result<void>> write(std::string_view bytes) = 0;
  // All pieces in order, in as few packets as the kind of stream allows. The pieces stay valid
  // until the task has ended.
  virtual Task<Result<void>> write_all(std::span<const std::string_view> pieces);
  // Says that nothing more will be written; reading goes on.
  virtual Task<Result<void>> shutdown_write() = 0;
  // Ends both directions at once; waits end with Unavailable. Thread-safe.
  virtual void close() = 0;

  virtual const Peer& peer() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
  virtual std::uint16_t port() const = 0;
  virtual void close() = 0;
};

// `address` is an IP; "" or "::" all. Port 0: any. Errors: Unavailable ("listen tcp 0.0.0.0:6443:
// bind: address already in use").
Result<std::unique_ptr<Listener>> listen_tcp(Runtime& runtime, const std::string& address,
                                             std::uint16_t port);
Result<std::unique_ptr<Listener>> listen_unix(Runtime& runtime, const std::string& path);

// `host` is an IP or a name. Errors: Unavailable ("dial tcp 127.0.0.1:80: connect: connection
// refused"), Timeout.
Task<Result<std::unique_ptr<Stream>>> connect_tcp(Runtime& runtime, std::string host,
                                                  std::uint16_t port, Duration timeout);
Task<Result<std::unique_ptr<Stream>>> connect_unix(Runtime& runtime, std::string path);

// An in-memory pair, each the other's peer; for tests and in-process streams.
std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_pipe();

}  // namespace keelson::net
