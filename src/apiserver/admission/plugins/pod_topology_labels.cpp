// SPDX-License-Identifier: Apache-2.0
#include "api/core/v1.h"
#include "apiserver/admission/plugins/plugins.h"

namespace keelson::apiserver {
namespace {

using core::v1::Node;

constexpr std::string_view kLabels[] = {"topology.kubernetes.io/region",
                                        "topology.kubernetes.io/zone"};

class PodTopologyLabels final : public AdmissionPlugin {
 public:
  explicit PodTopologyLabels(CacheSet& caches) : caches_(caches) {}

  std::string_view name() const override { return "PodTopologyLabels"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    // A binding is an update of its pod, through either of two paths.
    const RequestInfo& info = request.call.info;
    const bool binds = info.subresource == "binding" || info.resource == "bindings";
    if (!binds || !request.resource.group.empty() || request.resource.plural != "pods" ||
        request.operation != Operation::Update) {
      co_return Result<void>{};
    }
    const std::string node_name(api::string_at(*request.object, {"spec", "nodeName"}));
    const auto object = caches_.find(api::resource_of<Node>())->find(api::ObjectKey{{}, node_name});
    // Pods may be bound to nodes that are not there.
    if (!object) co_return Result<void>{};
    for (const std::string_view label : kLabels) {
      if (const std::string* value = object->find_label(label)) {
        api::object_at(*request.object, {"metadata", "labels"})[label] = *value;
      }
    }
    co_return Result<void>{};
  }

 private:
  CacheSet& caches_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_pod_topology_labels(CacheSet& caches) {
  return std::make_unique<PodTopologyLabels>(caches);
}

}  // namespace keelson::apiserver
