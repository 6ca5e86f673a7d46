// SPDX-License-Identifier: Apache-2.0
// Probes over the node's network.
#include "kubelet/local_host.h"
#include "net/grpc.h"
#include "net/tls.h"

namespace keelson::kubelet {

namespace {

constexpr std::size_t kBodyLimit = 10 << 10;
constexpr Duration kConnectTimeout = std::chrono::seconds(1);

Task<Result<HttpAnswer>> ask(net::Runtime& loop, net::Origin origin, net::HttpRequest request) {
  const auto client = net::make_http_client(loop, std::move(origin));
  CO_TRY(const auto body, co_await client->open(std::move(request)));
  HttpAnswer answer{.status = body->head().status,
                    .location = std::string(body->head().headers.get("Location"))};
  while (answer.body.size() < kBodyLimit) {
    CO_TRY(const auto chunk, co_await body->read());
    if (chunk.empty()) break;
    answer.body += chunk;
  }
  if (answer.body.size() > kBodyLimit) answer.body.resize(kBodyLimit);
  co_return answer;
}

// grpc.health.v1.HealthCheckRequest {service = 1}.
std::string health_request(const std::string& service) {
  std::string out;
  if (service.empty()) return out;
  out += '\x0a';
  for (std::size_t size = service.size(); true; size >>= 7) {
    out += static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0));
    if (size <= 0x7f) break;
  }
  return out + service;
}

// HealthCheckResponse {status = 1}, where SERVING is 1.
bool is_serving(std::string_view response) {
  return response.size() >= 2 && response[0] == '\x08' && response[1] == '\x01';
}

}  // namespace

Task<Result<HttpAnswer>> LocalHost::http_get(HttpProbe probe) {
  net::Origin origin{.host = probe.address, .port = probe.port};
  if (probe.scheme == "https") {
    if (!probe_tls_) {
      CO_TRY(probe_tls_, net::make_tls_client({.insecure = true, .alpn = {"http/1.1"}}));
    }
    origin.tls = probe_tls_;
  }
  net::HttpRequest request;
  request.target = probe.path;
  request.authority = probe.host;
  if (request.authority.empty()) {
    const bool v6 = probe.address.find(':') != std::string::npos;
    request.authority =
        (v6 ? "[" + probe.address + "]" : probe.address) + ":" + std::to_string(probe.port);
  }
  for (auto& [name, value] : probe.headers) request.headers.add(std::move(name), std::move(value));
  request.headers.set("Connection", "close");
  const Duration timeout = probe.timeout;
  auto answer = co_await with_timeout(timeout, ask(loop_, std::move(origin), std::move(request)));
  if (!answer && answer.error().is(Reason::Timeout)) {
    co_return fail(Reason::Timeout,
                   "context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
  }
  co_return answer;
}

Task<Result<void>> LocalHost::tcp_connect(std::string address, std::uint16_t port,
                                          Duration timeout) {
  CO_TRY(const auto stream, co_await net::connect_tcp(loop_, std::move(address), port, timeout));
  stream->close();
  co_return Result<void>{};
}

Task<Result<bool>> LocalHost::grpc_health(std::string address, std::uint16_t port,
                                          std::string service, Duration timeout) {
  const auto channel = net::make_grpc_channel(loop_, {.host = std::move(address), .port = port});
  CO_TRY(const auto response,
         co_await channel->call("/grpc.health.v1.Health/Check", health_request(service),
                                std::max(timeout, kConnectTimeout)));
  co_return is_serving(response);
}

}  // namespace keelson::kubelet
