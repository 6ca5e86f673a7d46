// SPDX-License-Identifier: Apache-2.0
#include "net/http_dial.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

// Upstream: client-go's transport.
constexpr Duration kDialTimeout = 30s;
constexpr Duration kHandshakeTimeout = 10s;

}  // namespace

Task<Result<std::unique_ptr<Stream>>> dial(Runtime& runtime, Origin origin,
                                           std::vector<std::string> alpn) {
  if (!origin.unix_path.empty()) co_return co_await connect_unix(runtime, origin.unix_path);
  CO_TRY(auto stream, co_await connect_tcp(runtime, origin.host, origin.port, kDialTimeout));
  if (!origin.tls) co_return stream;
  co_return co_await connect_tls(std::move(stream), origin.tls, origin.host, kHandshakeTimeout,
                                 std::move(alpn));
}

std::string authority_of(const Origin& origin) {
  if (!origin.unix_path.empty()) return origin.host.empty() ? "localhost" : origin.host;
  const bool v6 = origin.host.find(':') != std::string::npos;
  std::string authority = v6 ? "[" + origin.host + "]" : origin.host;
  const std::uint16_t usual = origin.tls ? 443 : 80;
  if (origin.port != usual) authority += ":" + std::to_string(origin.port);
  return authority;
}

std::shared_ptr<Http2Session> start_http2_client(Runtime& runtime, std::unique_ptr<Stream> stream,
                                                 Http2Session::Settings settings) {
  auto session =
      std::make_shared<Http2Session>(Http2Session::Role::Client, std::move(stream), settings);
  spawn(runtime, [](std::shared_ptr<Http2Session> running) -> Task<void> {
    co_await running->run("");
  }(session));
  return session;
}

Http2Session::Settings http2_client_settings() {
  return {.header_bytes = 10 << 20, .stream_window = 4 << 20, .connection_window = 1 << 30};
}

}  // namespace keelson::net
