// SPDX-License-Identifier: Apache-2.0
#include "apiserver/connect/kubelets.h"

#include "api/core/v1.h"

namespace keelson::apiserver {

using core::v1::Node;

Kubelets::Kubelets(client::Client& client, HttpDial dial, KubeletConnectOptions options)
    : client_(client), dial_(std::move(dial)), options_(std::move(options)) {}

Task<Result<KubeletLink>> Kubelets::find(std::string node_name) {
  CO_TRY(const auto node, co_await client_.get<Node>({"", node_name}));
  net::Origin origin{.host = {}, .port = 10250, .tls = options_.tls, .unix_path = {}};
  if (const auto port = node->status.daemonEndpoints.kubeletEndpoint.Port; port > 0)
    origin.port = static_cast<std::uint16_t>(port);
  for (const auto& type : options_.address_types) {
    for (const auto& candidate : node->status.addresses) {
      if (origin.host.empty() && candidate.type == type) origin.host = candidate.address;
    }
  }
  if (origin.host.empty())
    co_return fail(Status::internal("no preferred addresses found; known addresses: []"));
  std::string host = host_and_port(origin.host, origin.port);
  std::lock_guard lock(mutex_);
  auto& known = known_[host];
  if (!known) known = dial_(std::move(origin));
  co_return KubeletLink{known, std::move(host)};
}

std::string host_and_port(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace keelson::apiserver
