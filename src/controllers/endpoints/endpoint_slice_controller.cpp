// SPDX-License-Identifier: Apache-2.0
#include "api/core/v1.h"
#include "api/discovery/v1.h"
#include "controllers/endpoints/controllers.h"
#include "controllers/endpoints/slices.h"
#include "controllers/endpoints/trigger.h"

namespace keelson::controllers {
namespace {

using core::v1::Service;
using discovery::v1::EndpointSlice;

constexpr std::string_view kByService = "service";

class EndpointSliceController final : public Controller {
 public:
  explicit EndpointSliceController(ControllerContext& context)
      : context_(context), queue_(context.executor, kEndpointDelays) {
    watch_services_and_pods(context, queue_);
    auto& slices = context.informers.of<EndpointSlice>();
    slices.add_index(std::string(kByService), [](const api::Object& object) {
      const std::string* service = object.find_label(kServiceName);
      const std::string* manager = object.find_label(kSliceManagedBy);
      if (!service || !manager || *manager != kSliceController) return std::vector<std::string>();
      return std::vector{object.namespace_() + "/" + *service};
    });
    // Somebody else's change of our slice is undone.
    slices.add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      const ObjectPtr& any = now ? now : before;
      const std::string* service = any->find_label(kServiceName);
      const std::string* manager = any->find_label(kSliceManagedBy);
      if (service && manager && *manager == kSliceController)
        queue_.add({any->namespace_(), *service});
    });
    // For zones.
    context.informers.of<core::v1::Node>();
  }

  std::string_view name() const override { return "endpointslice"; }

  Task<void> run() override {
    if (!co_await wait_services_and_pods(context_)) co_return;
    if (!co_await context_.informers.of<EndpointSlice>().wait_synced()) co_return;
    if (!co_await context_.informers.of<core::v1::Node>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 5, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto service = context_.informers.of<Service>().find<Service>(key);
    const auto slices =
        context_.informers.of<EndpointSlice>().by_index<EndpointSlice>(kByService, key.text());
    // The garbage collector removes the slices of a service that is gone.
    if (!service || service->metadata.deletionTimestamp) co_return client::Requeue::none();
    if (service->spec.selector.empty() || service->spec.type == "ExternalName") {
      for (const auto& slice : slices) CO_TRY_OK(co_await remove(*slice));
      co_return client::Requeue::none();
    }
    const auto pods = selected_pods(context_, *service);
    const auto families = address_families(*service);
    for (const auto& family : families) {
      std::vector<SlicePtr> existing;
      for (const auto& slice : slices) {
        if (slice->addressType == family && !slice->metadata.deletionTimestamp)
          existing.push_back(slice);
      }
      CO_TRY_OK(co_await apply(
          *service, plan_slices(*service, family, find_backends(*service, pods, family), existing,
                                [this](const std::string& node) { return zone_of(node); })));
    }
    for (const auto& slice : slices) {
      if (std::ranges::find(families, slice->addressType) == families.end())
        CO_TRY_OK(co_await remove(*slice));
    }
    co_return client::Requeue::none();
  }

  Task<Result<void>> apply(const Service& service, SlicePlan plan) {
    const std::string now = api::MicroTime(context_.executor.now()).text();
    for (auto& slice : plan.create) {
      slice.metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"] = now;
      auto created = co_await context_.client.create(std::move(slice));
      if (!created) {
        if (created.error().is(Reason::Forbidden) &&
            created.error().message().contains("is being terminated"))
          co_return Result<void>{};
        context_.events.record(event_target(service), client::EventType::Warning,
                               "FailedToUpdateEndpointSlices",
                               "Error updating Endpoint Slices for Service " +
                                   key_of(service).text() + ": " + created.error().message());
        co_return fail(std::move(created).error());
      }
    }
    for (auto& slice : plan.update) {
      slice.metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"] = now;
      CO_TRY_OK(co_await context_.client.update(std::move(slice)));
    }
    for (const auto& slice : plan.remove) CO_TRY_OK(co_await remove(*slice));
    co_return Result<void>{};
  }

  Task<Result<void>> remove(const EndpointSlice& slice) {
    auto removed = co_await context_.client.remove<EndpointSlice>(key_of(slice));
    if (!removed && !removed.error().is(Reason::NotFound)) co_return removed;
    co_return Result<void>{};
  }

  std::string zone_of(const std::string& node_name) const {
    const auto node = context_.informers.of<core::v1::Node>().find({"", node_name});
    const std::string* zone = node ? node->find_label("topology.kubernetes.io/zone") : nullptr;
    return zone ? *zone : std::string();
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_;
};

}  // namespace

std::unique_ptr<Controller> make_endpoint_slice_controller(ControllerContext& context) {
  return std::make_unique<EndpointSliceController>(context);
}

}  // namespace keelson::controllers
