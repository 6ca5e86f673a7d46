// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy.h"

#include "base/log.h"

namespace keelson::proxy {
namespace {

using core::v1::Service;
using discovery::v1::EndpointSlice;

constexpr std::string_view kByService = "service";
constexpr std::string_view kServiceName = "kubernetes.io/service-name";

}  // namespace

Proxy::Proxy(client::Client& client, Executor& executor, Backend& backend, ProxyOptions options)
    : executor_(executor),
      backend_(backend),
      options_(std::move(options)),
      informers_(client, executor) {
  informers_.of<Service>().add_handler(
      [this](const api::ObjectPtr& before, const api::ObjectPtr& now) {
        dirty_.insert((now ? now : before)->key());
        changed_.set();
      });
  auto& slices = informers_.of<EndpointSlice>();
  slices.add_index(std::string(kByService), [](const api::Object& slice) {
    const std::string* service = slice.find_label(kServiceName);
    return service ? std::vector{slice.namespace_() + "/" + *service} : std::vector<std::string>();
  });
  slices.add_handler([this](const api::ObjectPtr& before, const api::ObjectPtr& now) {
    for (const auto& slice : {before, now}) {
      if (!slice) continue;
      if (const std::string* service = slice->find_label(kServiceName))
        dirty_.insert({slice->namespace_(), *service});
    }
    changed_.set();
  });
}

Proxy::~Proxy() = default;

std::vector<ServicePort> Proxy::ports_of(const ServiceKey& key) const {
  auto& informers = const_cast<client::InformerSet&>(informers_);
  const auto service = informers.of<Service>().find<Service>(key);
  if (!service) return {};
  return make_service_ports(
      *service, informers.of<EndpointSlice>().by_index<EndpointSlice>(kByService, key.text()),
      options_.node_name, options_.family);
}

Result<void> Proxy::replace_all() {
  std::map<ServiceKey, std::vector<ServicePort>> all;
  std::vector<ServicePort> flat;
  for (const auto& service : informers_.of<Service>().list()) {
    auto ports = ports_of(service->key());
    flat.insert(flat.end(), ports.begin(), ports.end());
    if (!ports.empty()) all.emplace(service->key(), std::move(ports));
  }
  TRY_OK(backend_.replace(flat));
  written_ = std::move(all);
  return {};
}

Result<void> Proxy::write(const std::set<ServiceKey>& dirty) {
  Changes changes;
  std::map<ServiceKey, std::vector<ServicePort>> next;
  for (const auto& key : dirty) {
    auto now = ports_of(key);
    const auto found = written_.find(key);
    const auto before = found == written_.end() ? std::vector<ServicePort>() : found->second;
    for (const auto& port : before) {
      if (std::ranges::find(now, port.name, &ServicePort::name) == now.end())
        changes.removed.push_back(port.name);
    }
    for (const auto& port : now) {
      if (std::ranges::find(before, port) == before.end()) changes.set.push_back(port);
    }
    next.emplace(key, std::move(now));
  }
  if (!changes.set.empty() || !changes.removed.empty()) TRY_OK(backend_.apply(changes));
  for (auto& [key, ports] : next) {
    if (ports.empty()) {
      written_.erase(key);
    } else {
      written_[key] = std::move(ports);
    }
  }
  return {};
}

Task<void> Proxy::run() {
  informers_.start();
  bool whole = true;
  Duration last_whole{};
  Duration retry = std::chrono::milliseconds(100);
  if (co_await informers_.wait_synced()) {
    while (true) {
      changed_.reset();
      const auto dirty = std::exchange(dirty_, {});
      if (executor_.monotonic() - last_whole > options_.resync) whole = true;
      if (whole || !dirty.empty()) {
        const auto done = whole ? replace_all() : write(dirty);
        if (done) {
          if (whole) last_whole = executor_.monotonic();
          if (!ready_) log_info("Service rules are in place", {{"services", written_.size()}});
          ready_ = true;
          whole = false;
          retry = std::chrono::milliseconds(100);
        } else {
          log_error("Cannot write service rules", {{"err", done.error().message()}});
          // The table may not be what we think: make it anew.
          whole = true;
          if (!co_await sleep_for(retry)) break;
          retry = std::min<Duration>(retry * 2, std::chrono::seconds(30));
          continue;
        }
      }
      if (dirty_.empty()) {
        const auto woken = co_await with_timeout(options_.resync, changed_.wait());
        if (!woken && woken.error().is(Reason::Canceled)) break;
      }
      if (!co_await sleep_for(options_.settle)) break;
    }
  }
  co_await informers_.stop();
}

}  // namespace keelson::proxy
