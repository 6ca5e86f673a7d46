// SPDX-License-Identifier: Apache-2.0
#include "base/virtual_executor.h"
#include "net/http.h"

// Whatever a peer sends, over HTTP/1.1 or (after its preface) HTTP/2, the connection ends by itself
// and leaves nothing behind.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keelson;
  VirtualExecutor executor;
  auto [client, server] = net::make_pipe();
  bool ended = false;
  net::HttpHandler handler = [](net::HttpExchange& exchange) -> Task<void> {
    const auto body = co_await exchange.read_body(1024);
    (void)co_await exchange.respond({.status = body ? 200 : body.error().code()});
  };
  spawn(
      executor,
      [](std::unique_ptr<net::Stream> stream, net::HttpHandler* answer, bool* done) -> Task<void> {
        co_await net::serve_http_connection(std::move(stream), *answer, {});
        *done = true;
      }(std::move(server), &handler, &ended));
  spawn(executor, [](net::Stream* stream, std::string bytes) -> Task<void> {
    (void)co_await stream->write(bytes);
    (void)co_await stream->shutdown_write();
    char buffer[4096];
    while (true) {
      const auto count = co_await stream->read(buffer);
      if (!count || *count == 0) break;
    }
    stream->close();
  }(client.get(), std::string(reinterpret_cast<const char*>(data), size)));
  executor.advance(std::chrono::minutes(10));
  CHECK(ended);
  return 0;
}
