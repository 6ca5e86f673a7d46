// SPDX-License-Identifier: Apache-2.0
#include "controllers/endpoints/slices.h"

#include <map>
#include <set>

#include "controllers/ownership.h"

namespace keelson::controllers {
namespace {

using discovery::v1::Endpoint;
using discovery::v1::EndpointSlice;
using PortSet = std::vector<BackendPort>;

PortSet ports_of(const EndpointSlice& slice) {
  PortSet ports;
  for (const auto& port : slice.ports)
    ports.push_back({port.name.value_or(""), port.protocol.value_or("TCP"), port.port.value_or(0),
                     port.appProtocol});
  std::ranges::sort(ports);
  return ports;
}

std::vector<discovery::v1::EndpointPort> slice_ports(const PortSet& ports) {
  std::vector<discovery::v1::EndpointPort> out;
  for (const auto& port : ports)
    out.push_back({.name = port.name,
                   .protocol = port.protocol,
                   .port = port.port,
                   .appProtocol = port.app_protocol});
  return out;
}

Endpoint to_endpoint(const Backend& backend, const std::string& zone) {
  Endpoint endpoint;
  endpoint.addresses = {backend.address};
  endpoint.conditions = {
      .ready = backend.ready, .serving = backend.serving, .terminating = backend.terminating};
  if (!backend.hostname.empty()) endpoint.hostname = backend.hostname;
  const auto& pod = *backend.pod;
  endpoint.targetRef = core::v1::ObjectReference{.kind = "Pod",
                                                 .namespace_ = pod.metadata.namespace_,
                                                 .name = pod.metadata.name,
                                                 .uid = pod.metadata.uid};
  if (!pod.spec.nodeName.empty()) endpoint.nodeName = pod.spec.nodeName;
  if (!zone.empty()) endpoint.zone = zone;
  return endpoint;
}

// What makes two endpoints the same one, changed or not.
std::string identity(const Endpoint& endpoint) {
  std::string text = endpoint.targetRef ? endpoint.targetRef->uid : std::string();
  for (const auto& address : endpoint.addresses) text.append("/").append(address);
  return text;
}

std::map<std::string, std::string, std::less<>> labels_of(const core::v1::Service& service) {
  auto labels = service.metadata.labels;
  labels.erase(std::string("service.kubernetes.io/headless"));
  if (is_headless(service)) labels["service.kubernetes.io/headless"] = "";
  labels[std::string(kServiceName)] = service.metadata.name;
  labels[std::string(kSliceManagedBy)] = kSliceController;
  return labels;
}

EndpointSlice new_slice(const core::v1::Service& service, std::string_view ip_family,
                        const PortSet& ports) {
  EndpointSlice slice;
  slice.metadata.generateName = service.metadata.name + "-";
  slice.metadata.namespace_ = service.metadata.namespace_;
  slice.metadata.labels = labels_of(service);
  slice.metadata.ownerReferences.push_back(controller_reference(service));
  slice.addressType = ip_family;
  slice.ports = slice_ports(ports);
  return slice;
}

}  // namespace

SlicePlan plan_slices(const core::v1::Service& service, std::string_view ip_family,
                      const std::vector<Backend>& backends, const std::vector<SlicePtr>& existing,
                      const std::function<std::string(const std::string& node)>& zone_of) {
  // Pods may give one named port different numbers: a slice holds those that agree.
  std::map<PortSet, std::map<std::string, Endpoint>> wanted;
  for (const auto& backend : backends) {
    PortSet ports = backend.ports;
    std::ranges::sort(ports);
    // A headless service without ports still names its pods.
    if (ports.empty() && !service.spec.ports.empty()) continue;
    Endpoint endpoint = to_endpoint(backend, zone_of(backend.pod->spec.nodeName));
    wanted[std::move(ports)].emplace(identity(endpoint), std::move(endpoint));
  }

  struct Draft {
    SlicePtr before;
    EndpointSlice slice;
  };
  SlicePlan plan;
  std::map<PortSet, std::vector<Draft>> drafts;
  const auto labels = labels_of(service);
  for (const auto& slice : existing) {
    const auto group = wanted.find(ports_of(*slice));
    if (group == wanted.end()) {
      plan.remove.push_back(slice);
      continue;
    }
    Draft draft{slice, *slice};
    draft.slice.metadata.labels = labels;
    draft.slice.endpoints.clear();
    // Endpoints stay in their slice, so that a change of one writes one slice.
    for (const auto& endpoint : slice->endpoints) {
      const auto found = group->second.find(identity(endpoint));
      if (found == group->second.end()) continue;
      draft.slice.endpoints.push_back(std::move(found->second));
      group->second.erase(found);
    }
    drafts[group->first].push_back(std::move(draft));
  }
  for (auto& [ports, missing] : wanted) {
    auto& group = drafts[ports];
    auto target = group.begin();
    for (auto& [id, endpoint] : missing) {
      while (target != group.end() && target->slice.endpoints.size() >= kEndpointsPerSlice)
        ++target;
      if (target == group.end()) {
        group.push_back({nullptr, new_slice(service, ip_family, ports)});
        target = std::prev(group.end());
      }
      target->slice.endpoints.push_back(std::move(endpoint));
    }
  }
  bool any = false;
  for (auto& [ports, group] : drafts) {
    for (auto& draft : group) {
      if (draft.slice.endpoints.empty()) {
        if (draft.before) plan.remove.push_back(draft.before);
        continue;
      }
      any = true;
      if (!draft.before) {
        plan.create.push_back(std::move(draft.slice));
      } else if (!(draft.slice == *draft.before)) {
        plan.update.push_back(std::move(draft.slice));
      }
    }
  }
  // One empty slice says that the service is known and has nobody.
  if (!any) {
    if (plan.remove.empty()) {
      plan.create.push_back(new_slice(service, ip_family, {}));
    } else {
      const SlicePtr kept = plan.remove.back();
      plan.remove.pop_back();
      EndpointSlice placeholder = *kept;
      placeholder.endpoints.clear();
      placeholder.ports.clear();
      placeholder.metadata.labels = labels;
      if (!(placeholder == *kept)) plan.update.push_back(std::move(placeholder));
    }
  }
  return plan;
}

}  // namespace keelson::controllers
