// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "api/core/v1.h"
#include "controllers/endpoints/backends.h"
#include "controllers/endpoints/controllers.h"
#include "controllers/endpoints/trigger.h"

namespace keelson::controllers {
namespace {

using core::v1::Endpoints;
using core::v1::Service;

constexpr std::size_t kMostAddresses = 1000;  // Upstream: more are cut and the object says so.
constexpr std::string_view kOverCapacity = "endpoints.kubernetes.io/over-capacity";
constexpr std::string_view kManagedBy = "endpoints.kubernetes.io/managed-by";

core::v1::EndpointAddress to_address(const Backend& backend) {
  core::v1::EndpointAddress address;
  address.ip = backend.address;
  address.hostname = backend.hostname;
  const auto& pod = *backend.pod;
  if (!pod.spec.nodeName.empty()) address.nodeName = pod.spec.nodeName;
  address.targetRef = core::v1::ObjectReference{.kind = "Pod",
                                                .namespace_ = pod.metadata.namespace_,
                                                .name = pod.metadata.name,
                                                .uid = pod.metadata.uid};
  return address;
}

// One subset for each combination of ports; pods on their way out are left away, as always here.
std::vector<core::v1::EndpointSubset> make_subsets(const std::vector<Backend>& backends,
                                                   bool portless, bool* cut) {
  std::map<std::vector<BackendPort>, core::v1::EndpointSubset> groups;
  std::size_t count = 0;
  for (const auto& backend : backends) {
    if (backend.terminating || (backend.ports.empty() && !portless)) continue;
    if (++count > kMostAddresses) {
      *cut = true;
      break;
    }
    auto& subset = groups[backend.ports];
    (backend.ready ? subset.addresses : subset.notReadyAddresses).push_back(to_address(backend));
  }
  std::vector<core::v1::EndpointSubset> subsets;
  for (auto& [ports, subset] : groups) {
    for (const auto& port : ports)
      subset.ports.push_back({.name = port.name,
                              .port = port.port,
                              .protocol = port.protocol,
                              .appProtocol = port.app_protocol});
    std::ranges::sort(subset.addresses, {}, &core::v1::EndpointAddress::ip);
    std::ranges::sort(subset.notReadyAddresses, {}, &core::v1::EndpointAddress::ip);
    subsets.push_back(std::move(subset));
  }
  return subsets;
}

class EndpointsController final : public Controller {
 public:
  explicit EndpointsController(ControllerContext& context)
      : context_(context), queue_(context.executor, kEndpointDelays) {
    watch_services_and_pods(context, queue_);
    context.informers.of<Endpoints>().add_handler(
        [this](const ObjectPtr& before, const ObjectPtr& now) {
          queue_.add((now ? now : before)->key());
        });
  }

  std::string_view name() const override { return "endpoints"; }

  Task<void> run() override {
    if (!co_await wait_services_and_pods(context_)) co_return;
    if (!co_await context_.informers.of<Endpoints>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 5, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto service = context_.informers.of<Service>().find<Service>(key);
    const auto current = context_.informers.of<Endpoints>().find<Endpoints>(key);
    if (!service) {
      // Ours go with their service; others have another maker.
      if (current && current->metadata.labels.contains(kManagedBy)) {
        auto removed = co_await context_.client.remove<Endpoints>(key);
        if (!removed && !removed.error().is(Reason::NotFound))
          co_return fail(std::move(removed).error());
      }
      co_return client::Requeue::none();
    }
    if (service->spec.selector.empty() || service->spec.type == "ExternalName")
      co_return client::Requeue::none();

    const std::string family = address_families(*service).front();
    bool cut = false;
    Endpoints next = current ? *current : Endpoints{};
    next.metadata.name = key.name;
    next.metadata.namespace_ = key.namespace_;
    next.subsets = make_subsets(find_backends(*service, selected_pods(context_, *service), family),
                                is_headless(*service) && service->spec.ports.empty(), &cut);
    next.metadata.labels = service->metadata.labels;
    next.metadata.labels[std::string(kManagedBy)] = "endpoint-controller";
    if (is_headless(*service)) next.metadata.labels["service.kubernetes.io/headless"] = "";
    if (cut) {
      next.metadata.annotations[std::string(kOverCapacity)] = "truncated";
    } else {
      next.metadata.annotations.erase(std::string(kOverCapacity));
    }
    if (current && next == *current) co_return client::Requeue::none();
    next.metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"] =
        api::Time(context_.executor.now()).text();
    if (current) {
      CO_TRY_OK(co_await context_.client.update(std::move(next)));
      co_return client::Requeue::none();
    }
    auto created = co_await context_.client.create(std::move(next));
    // The local copy is behind, or the namespace is on its way out: an event or nothing follows.
    if (!created && !created.error().is(Reason::AlreadyExists) &&
        !created.error().message().contains("is being terminated"))
      co_return fail(std::move(created).error());
    co_return client::Requeue::none();
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_;
};

}  // namespace

std::unique_ptr<Controller> make_endpoints_controller(ControllerContext& context) {
  return std::make_unique<EndpointsController>(context);
}

}  // namespace keelson::controllers
