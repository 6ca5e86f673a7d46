// SPDX-License-Identifier: Apache-2.0
// Source: upstream, pkg/registry/core/service/strategy.go and storage: patchAllocatedValues,
// dropTypeDependentFields, normalizeClusterIPs.
#include "apiserver/registry/kinds/core_service.h"

#include <algorithm>

#include "api/names.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

std::string_view field(const api::Document& service, std::string_view name) {
  return api::string_at(service, {"spec", name});
}

bool needs_cluster_ip(const api::Document& service) {
  return field(service, "type") != "ExternalName";
}

bool needs_node_ports(const api::Document& service) {
  const auto type = field(service, "type");
  if (type == "NodePort") return true;
  const auto* allocates = api::find_at(service, {"spec", "allocateLoadBalancerNodePorts"});
  return type == "LoadBalancer" &&
         (allocates == nullptr || !allocates->is_bool() || allocates->get_bool());
}

bool needs_health_port(const api::Document& service) {
  return field(service, "type") == "LoadBalancer" &&
         field(service, "externalTrafficPolicy") == "Local";
}

bool needs_traffic_policy(const api::Document& service) {
  const auto type = field(service, "type");
  const auto* addresses = api::find_at(service, {"spec", "externalIPs"});
  return type == "NodePort" || type == "LoadBalancer" ||
         (type == "ClusterIP" && addresses != nullptr && addresses->is_array() &&
          !addresses->get_array().empty());
}

bool same(const api::Document& a, const api::Document& b, std::string_view name) {
  const auto* left = api::find_at(a, {"spec", name});
  const auto* right = api::find_at(b, {"spec", name});
  if (left == nullptr || right == nullptr) return left == right;
  return *left == *right;
}

json::array* ports_of(api::Document& service) {
  auto* ports = api::find_at(service, {"spec", "ports"});
  return ports != nullptr && ports->is_array() ? &ports->get_array() : nullptr;
}
const json::array* ports_of(const api::Document& service) {
  const auto* ports = api::find_at(service, {"spec", "ports"});
  return ports != nullptr && ports->is_array() ? &ports->get_array() : nullptr;
}

bool uses_port(const json::array& ports, std::int64_t number) {
  return std::ranges::any_of(
      ports, [&](const json::value& port) { return int_at(port, {"nodePort"}) == number; });
}

// clusterIP and the first of clusterIPs are one value; clients may know only the older one.
void join_cluster_ips(api::Document& now, const api::Document* before) {
  auto& spec = api::object_at(now, {"spec"});
  const std::string single(field(now, "clusterIP"));
  auto* list = spec.if_contains("clusterIPs");
  const bool has_list = list != nullptr && list->is_array() && !list->get_array().empty();
  if (before == nullptr) {
    if (!single.empty() && !has_list) spec["clusterIPs"] = json::array{json::string(single)};
    return;
  }
  const bool single_changed = single != field(*before, "clusterIP");
  const bool list_changed = !same(now, *before, "clusterIPs");
  if (!single_changed || list_changed) return;
  if (single.empty()) {
    spec.erase("clusterIPs");
  } else {
    spec["clusterIPs"] = json::array{json::string(single)};
  }
}

void keep_node_ports(api::Document& now, const api::Document& before) {
  json::array* ports = ports_of(now);
  const json::array* old = ports_of(before);
  if (ports == nullptr || old == nullptr) return;
  for (auto& port : *ports) {
    if (!port.is_object() || int_at(port, {"nodePort"}) != 0) continue;
    for (const auto& other : *old) {
      if (api::string_at(other, {"name"}) != api::string_at(port, {"name"})) continue;
      const std::int64_t number = int_at(other, {"nodePort"});
      if (number != 0 && !uses_port(*ports, number)) port.get_object()["nodePort"] = number;
    }
  }
}

// Values that the update left out, where the Service still has a use for them.
void keep_allocated(api::Document& now, const api::Document& before) {
  auto& spec = api::object_at(now, {"spec"});
  if (needs_cluster_ip(before) && needs_cluster_ip(now)) {
    if (field(now, "clusterIP").empty()) {
      for (const std::string_view name : {"clusterIP", "clusterIPs"}) {
        if (const auto* value = api::find_at(before, {"spec", name})) spec[name] = *value;
      }
    }
    for (const std::string_view name : {"ipFamilies", "ipFamilyPolicy"}) {
      const auto* value = api::find_at(before, {"spec", name});
      if (value != nullptr && api::find_at(now, {"spec", name}) == nullptr) spec[name] = *value;
    }
  }
  if (needs_node_ports(before) && needs_node_ports(now)) keep_node_ports(now, before);
  if (needs_health_port(before) && needs_health_port(now) &&
      int_at(now, {"spec", "healthCheckNodePort"}) == 0) {
    spec["healthCheckNodePort"] = int_at(before, {"spec", "healthCheckNodePort"});
  }
}

// Values that the client did not change, but that the new type has no use for.
void drop_unused(api::Document& now, const api::Document& before) {
  auto& spec = api::object_at(now, {"spec"});
  if (needs_cluster_ip(before) && !needs_cluster_ip(now) && same(now, before, "clusterIPs")) {
    for (const std::string_view name :
         {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"}) {
      spec.erase(name);
    }
  }
  if (needs_node_ports(before) && !needs_node_ports(now)) {
    json::array* ports = ports_of(now);
    const json::array* old = ports_of(before);
    if (ports != nullptr && old != nullptr) {
      for (auto& port : *ports) {
        if (port.is_object() && uses_port(*old, int_at(port, {"nodePort"}))) {
          port.get_object().erase("nodePort");
        }
      }
    }
  }
  if (needs_health_port(before) && !needs_health_port(now) &&
      same(now, before, "healthCheckNodePort")) {
    spec.erase("healthCheckNodePort");
  }
  if (needs_traffic_policy(before) && !needs_traffic_policy(now) &&
      same(now, before, "externalTrafficPolicy")) {
    spec.erase("externalTrafficPolicy");
  }
  if (field(before, "type") != "LoadBalancer" || field(now, "type") == "LoadBalancer") return;
  for (const std::string_view name : {"allocateLoadBalancerNodePorts", "loadBalancerClass"}) {
    if (same(now, before, name)) spec.erase(name);
  }
}

}  // namespace

void ServiceStrategy::prepare_for_create(api::Document& object, const CallContext&) const {
  join_cluster_ips(object, nullptr);
}

bool ServiceStrategy::prepare_for_update(api::Document& now, const api::Document& before,
                                         const CallContext& call) const {
  if (call.info.subresource.empty()) {
    join_cluster_ips(now, &before);
    keep_allocated(now, before);
    drop_unused(now, before);
  }
  return Strategy::prepare_for_update(now, before, call);
}

std::vector<std::string> ServiceStrategy::validate_name(std::string_view name, bool prefix) const {
  return api::name_is_dns1035_label(name, prefix);
}

}  // namespace keelson::apiserver
