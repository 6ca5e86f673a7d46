// SPDX-License-Identifier: Apache-2.0
// kube-proxy: keeps the rules of one node in step with Services and EndpointSlices.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "client/informer.h"
#include "proxy/backend.h"

namespace keelson::proxy {

struct ProxyOptions {
  std::string node_name;
  IpFamily family = IpFamily::V4;
  // Changes that come within this time are written together.
  Duration settle = std::chrono::milliseconds(5);
  // All rules are made anew so often, in case somebody else has changed them.
  Duration resync = std::chrono::hours(1);
};

class Proxy {
 public:
  // `executor` is serial; all outlive the proxy.
  Proxy(client::Client& client, Executor& executor, Backend& backend, ProxyOptions options);
  ~Proxy();

  // Until stopped. The rules stay, so that a restart disturbs nobody.
  Task<void> run();
  // True once the first rules are in the kernel.
  bool is_ready() const { return ready_; }

 private:
  using ServiceKey = api::ObjectKey;

  std::vector<ServicePort> ports_of(const ServiceKey& key) const;
  Result<void> replace_all();
  Result<void> write(const std::set<ServiceKey>& dirty);

  Executor& executor_;
  Backend& backend_;
  const ProxyOptions options_;
  client::InformerSet informers_;
  std::set<ServiceKey> dirty_;
  Event changed_;
  bool ready_ = false;
  // What the backend has, by service.
  std::map<ServiceKey, std::vector<ServicePort>> written_;
};

}  // namespace keelson::proxy
