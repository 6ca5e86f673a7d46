// SPDX-License-Identifier: Apache-2.0
// Defaults of core/v1 but those of pods.
#include <algorithm>

#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"core/v1.Service", "spec.sessionAffinity", When::Empty, R"("None")"},
    {"core/v1.Service", "spec.type", When::Empty, R"("ClusterIP")"},
    {"core/v1.EndpointPort", "protocol", When::Empty, R"("TCP")"},
    {"core/v1.Secret", "type", When::Empty, R"("Opaque")"},
    {"core/v1.PersistentVolume", "status.phase", When::Empty, R"("Pending")"},
    {"core/v1.PersistentVolume", "spec.persistentVolumeReclaimPolicy", When::Empty, R"("Retain")"},
    {"core/v1.PersistentVolume", "spec.volumeMode", When::Nil, R"("Filesystem")"},
    {"core/v1.PersistentVolumeClaim", "status.phase", When::Empty, R"("Pending")"},
    {"core/v1.PersistentVolumeClaimSpec", "volumeMode", When::Nil, R"("Filesystem")"},
    {"core/v1.NamespaceStatus", "phase", When::Empty, R"("Active")"},
};

// Labels that the object lacks come from its template; `labels` names where they go.
void copy_template_labels(object& value, object& spec, std::string_view selector) {
  object* pod = find_object(spec, "template");
  object* pod_metadata = pod ? find_object(*pod, "metadata") : nullptr;
  object* labels = pod_metadata ? find_object(*pod_metadata, "labels") : nullptr;
  if (!labels || labels->empty()) return;
  const object copy = *labels;
  if (!selector.empty()) fill(spec, selector, When::Empty, copy);
  if (object* metadata = make_object(value, "metadata")) {
    fill(*metadata, "labels", When::Empty, copy);
  }
}

void replication_controller(object& value, const Context&) {
  if (object* spec = find_object(value, "spec")) copy_template_labels(value, *spec, "selector");
}

void service(object& value, const Context&) {
  object* spec = find_object(value, "spec");
  if (!spec) return;
  const std::string_view affinity = text_of(*spec, "sessionAffinity");
  if (affinity == "None") {
    spec->erase("sessionAffinityConfig");
  } else if (affinity == "ClientIP") {
    object* config = make_object(*spec, "sessionAffinityConfig");
    object* client_ip = config ? make_object(*config, "clientIP") : nullptr;
    // Upstream: DefaultClientIPServiceAffinitySeconds.
    if (client_ip) fill(*client_ip, "timeoutSeconds", When::Nil, 10800);
  }
  const std::string type(text_of(*spec, "type"));
  const bool external = type == "NodePort" || type == "LoadBalancer" ||
                        (type == "ClusterIP" && !is_left_out(*spec, "externalIPs", When::Empty));
  if (external) fill(*spec, "externalTrafficPolicy", When::Empty, "Cluster");
  if (type == "ClusterIP" || type == "NodePort" || type == "LoadBalancer") {
    fill(*spec, "internalTrafficPolicy", When::Nil, "Cluster");
  }
  if (type != "LoadBalancer") return;
  fill(*spec, "allocateLoadBalancerNodePorts", When::Nil, true);
  object* status = find_object(value, "status");
  object* balancer = status ? find_object(*status, "loadBalancer") : nullptr;
  array* ingresses = balancer ? find_list(*balancer, "ingress") : nullptr;
  if (!ingresses) return;
  for (Document& entry : *ingresses) {
    object* ingress = entry.if_object();
    if (ingress && !is_left_out(*ingress, "ip", When::Empty)) {
      fill(*ingress, "ipMode", When::Nil, "VIP");
    }
  }
}

void service_port(object& value, const Context&) {
  if (!is_left_out(value, "targetPort", When::Zero) &&
      !is_left_out(value, "targetPort", When::Empty)) {
    return;
  }
  if (const Document* port = value.if_contains("port"); port && port->is_number()) {
    value.insert_or_assign("targetPort", Document(*port));
  }
}

void namespace_label(object& value, const Context&) {
  object* metadata = find_object(value, "metadata");
  if (!metadata) return;
  const std::string name(text_of(*metadata, "name"));
  if (name.empty()) return;
  if (object* labels = make_object(*metadata, "labels")) {
    labels->insert_or_assign("kubernetes.io/metadata.name", name);
  }
}

void node_status(object& value, const Context&) {
  if (!is_left_out(value, "allocatable", When::Nil)) return;
  if (object* capacity = find_object(value, "capacity")) {
    value.insert_or_assign("allocatable", object(*capacity));
  }
}

// Fills `value[to]` with the amounts of `value[from]` that it lacks.
void fill_amounts(object& value, std::string_view to, std::string_view from) {
  object* source = find_object(value, from);
  if (!source) return;
  const object amounts = *source;
  if (object* target = make_object(value, to)) {
    for (const auto& amount : amounts) target->emplace(amount.key(), amount.value());
  }
}

void limit_range_item(object& value, const Context&) {
  if (text_of(value, "type") != "Container") return;
  fill_amounts(value, "default", "max");
  fill_amounts(value, "defaultRequest", "default");
  fill_amounts(value, "defaultRequest", "min");
}

constexpr Function kFunctions[] = {
    {"core/v1.ReplicationController", replication_controller},
    {"core/v1.Service", service},
    {"core/v1.ServicePort", service_port},
    {"core/v1.Namespace", namespace_label},
    {"core/v1.NodeStatus", node_status},
    {"core/v1.LimitRangeItem", limit_range_item},
};

}  // namespace

const Rules kCoreRules = {kLiterals, kFunctions};

}  // namespace keelson::api::defaulting
