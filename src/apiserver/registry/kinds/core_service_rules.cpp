// SPDX-License-Identifier: Apache-2.0
// What a Service may ask for. Addresses and node ports are checked where they are allocated.
// Source: upstream, pkg/apis/core/validation, ValidateService and ValidateServiceUpdate.
#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "api/core/v1.h"
#include "api/ip.h"
#include "api/names.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/addresses.h"
#include "apiserver/registry/kinds/core_service.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::Service;
using core::v1::ServicePort;
using core::v1::ServiceSpec;

constexpr std::string_view kHeadless = "None";

bool is_headless(const ServiceSpec& spec) {
  return spec.clusterIPs.size() == 1 && spec.clusterIPs.front() == kHeadless;
}

bool has_name_only(const ServiceSpec& spec) { return spec.type == "ExternalName"; }

void check_port(const ServicePort& port, bool needs_name, std::set<std::string>& names,
                const FieldPath& path, FieldErrors& errors) {
  if (port.name.empty()) {
    if (needs_name) errors.required(path.child("name"));
  } else {
    errors.invalid_each(path.child("name"), port.name, api::validate_dns1123_label(port.name));
    if (!names.insert(port.name).second) errors.duplicate(path.child("name"), port.name);
  }
  errors.invalid_each(path.child("port"), port.port, api::validate_port_number(port.port));
  if (port.protocol.empty()) errors.required(path.child("protocol"));
  const FieldPath target = path.child("targetPort");
  if (port.targetPort.is_int()) {
    errors.invalid_each(target, port.targetPort.int_value(),
                        api::validate_port_number(port.targetPort.int_value()));
  } else {
    errors.invalid_each(target, port.targetPort.string_value(),
                        api::validate_port_name(port.targetPort.string_value()));
  }
  if (port.appProtocol) {
    errors.invalid_each(path.child("appProtocol"), *port.appProtocol,
                        api::validate_qualified_name(*port.appProtocol));
  }
}

void check_ports(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("ports");
  std::set<std::string> names;
  for (std::size_t i = 0; i < spec.ports.size(); ++i) {
    check_port(spec.ports[i], spec.ports.size() > 1, names, path.index(i), errors);
  }
}

// Of each port and protocol one, and of each node port.
void check_ports_together(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("ports");
  std::set<std::tuple<std::string, std::int32_t>> seen;
  std::set<std::tuple<std::string, std::int32_t>> node_ports;
  for (std::size_t i = 0; i < spec.ports.size(); ++i) {
    const ServicePort& port = spec.ports[i];
    const FieldPath at = path.index(i);
    if (port.nodePort != 0) {
      if (spec.type == "ClusterIP") {
        errors.forbidden(at.child("nodePort"), "may not be used when `type` is 'ClusterIP'");
      } else if (!node_ports.emplace(port.protocol, port.nodePort).second) {
        errors.duplicate(at.child("nodePort"), port.nodePort);
      }
    }
    if (!seen.emplace(port.protocol, port.port).second) {
      // Source: upstream, which shows its own struct with these two set.
      errors.duplicate(at, boost::json::value{{"Name", ""},
                                              {"Protocol", port.protocol},
                                              {"AppProtocol", nullptr},
                                              {"Port", port.port},
                                              {"TargetPort", 0},
                                              {"NodePort", 0}});
    }
  }
}

void check_type(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec");
  if (has_name_only(spec)) {
    constexpr std::string_view kWhy = "may not be set for ExternalName services";
    if (!spec.clusterIPs.empty()) errors.forbidden(path.child("clusterIPs"), kWhy);
    if (!spec.ipFamilies.empty()) errors.forbidden(path.child("ipFamilies"), kWhy);
    if (spec.ipFamilyPolicy) errors.forbidden(path.child("ipFamilyPolicy"), kWhy);
    std::string_view name = spec.externalName;
    if (name.ends_with('.')) name.remove_suffix(1);
    if (name.empty()) {
      errors.required(path.child("externalName"));
    } else {
      errors.invalid_each(path.child("externalName"), name, api::validate_dns1123_subdomain(name));
    }
  } else if (is_headless(spec) && (spec.type == "NodePort" || spec.type == "LoadBalancer")) {
    errors.invalid(path.child("clusterIPs").index(0), kHeadless,
                   "may not be set to 'None' for " + spec.type + " services");
  }
}

void check_affinity(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("sessionAffinityConfig");
  if (spec.sessionAffinity.empty()) errors.required(FieldPath("spec").child("sessionAffinity"));
  if (spec.sessionAffinity != "ClientIP") return;
  constexpr std::string_view kWhy = "when session affinity type is ClientIP";
  if (!spec.sessionAffinityConfig) return errors.required(path, kWhy);
  const auto& client = spec.sessionAffinityConfig->clientIP;
  if (!client) return errors.required(path.child("clientIP"), kWhy);
  const FieldPath at = path.child("clientIP", "timeoutSeconds");
  if (!client->timeoutSeconds) return errors.required(at, kWhy);
  constexpr std::int32_t kSecondsMax = 86400;
  if (*client->timeoutSeconds <= 0 || *client->timeoutSeconds > kSecondsMax) {
    errors.invalid(at, *client->timeoutSeconds,
                   "must be greater than 0 and less than " + std::to_string(kSecondsMax));
  }
}

bool is_v6(const std::string& address) {
  const auto parsed = api::IpAddress::parse(address, true);
  return parsed && parsed->is_v6();
}

void check_families(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("ipFamilies");
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < spec.ipFamilies.size(); ++i) {
    const std::string& family = spec.ipFamilies[i];
    if (family != "IPv4" && family != "IPv6") {
      errors.not_supported(path.index(i), family, {"IPv4", "IPv6"});
    }
    if (!seen.insert(family).second) errors.duplicate(path.index(i), family);
  }
}

// False: some are no addresses, and nothing more can be said of them.
bool check_each_cluster_ip(const ServiceSpec& spec, const FieldPath& path, FieldErrors& errors) {
  FieldErrors own;
  for (std::size_t i = 0; i < spec.clusterIPs.size(); ++i) {
    if (i > 0 || spec.clusterIPs[i] != kHeadless) {
      own += api::validate_ip(path.index(i), spec.clusterIPs[i], {.legacy = true});
    } else if (spec.clusterIPs.size() > 1) {
      own.invalid(path, spec.clusterIPs, "'None' must be the first and only value");
    }
  }
  const bool valid = own.empty();
  errors += std::move(own);
  if (spec.clusterIPs.size() > 2) {
    errors.invalid(path, spec.clusterIPs, "may only hold up to 2 values");
  }
  return valid;
}

// Source: upstream, ValidateServiceClusterIPsRelatedFields.
void check_cluster_ips(const ServiceSpec& spec, FieldErrors& errors) {
  if (has_name_only(spec)) return;
  const FieldPath path = FieldPath("spec").child("clusterIPs");
  if (spec.clusterIP.empty()) {
    if (!spec.clusterIPs.empty()) {
      errors.invalid(path, spec.clusterIPs, "must be empty when `clusterIP` is not specified");
    }
  } else if (spec.clusterIPs.empty()) {
    errors.required(path);
  } else if (spec.clusterIPs.front() != spec.clusterIP) {
    errors.invalid(path, spec.clusterIPs, "first value must match `clusterIP`");
  }
  check_families(spec, errors);
  if (!check_each_cluster_ip(spec, path, errors)) return;
  if (spec.clusterIPs.size() > 1 &&
      (spec.clusterIPs.size() > 2 || is_v6(spec.clusterIPs[0]) == is_v6(spec.clusterIPs[1]))) {
    errors.invalid(path, spec.clusterIPs, "may specify no more than one IP for each IP family");
  }
  if (is_headless(spec)) return;
  for (std::size_t i = 0; i < std::min(spec.clusterIPs.size(), spec.ipFamilies.size()); ++i) {
    const std::string& family = spec.ipFamilies[i];
    if ((family == "IPv4" || family == "IPv6") && (family == "IPv6") != is_v6(spec.clusterIPs[i])) {
      errors.invalid(path.index(i), spec.clusterIPs[i],
                     "expected an " + family + " value as indicated by `ipFamilies[" +
                         std::to_string(i) + "]`");
    }
  }
}

void check_external_ips(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("externalIPs");
  for (std::size_t i = 0; i < spec.externalIPs.size(); ++i) {
    FieldErrors own = api::validate_ip(path.index(i), spec.externalIPs[i], {.legacy = true});
    if (own.empty()) check_not_special(spec.externalIPs[i], path.index(i), own);
    errors += std::move(own);
  }
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n\v\f\r";
  const auto start = text.find_first_not_of(kSpaces);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kSpaces) - start + 1);
}

constexpr std::string_view kLoadBalancersOnly = "may only be used when `type` is 'LoadBalancer'";

void check_source_ranges(const Service& service, FieldErrors& errors) {
  constexpr std::string_view kAnnotation = "service.beta.kubernetes.io/load-balancer-source-ranges";
  const bool balanced = service.spec.type == "LoadBalancer";
  if (const auto& ranges = service.spec.loadBalancerSourceRanges; !ranges.empty()) {
    // Source: upstream's own spelling.
    const FieldPath path = FieldPath("spec").child("LoadBalancerSourceRanges");
    if (!balanced) errors.forbidden(path, kLoadBalancersOnly);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      errors += api::validate_cidr(path.index(i), trimmed(ranges[i]), {.legacy = true});
    }
    return;
  }
  const auto found = service.metadata.annotations.find(kAnnotation);
  if (found == service.metadata.annotations.end()) return;
  const FieldPath path = FieldPath("metadata").child("annotations").key(kAnnotation);
  if (!balanced) errors.forbidden(path, kLoadBalancersOnly);
  std::string_view rest = trimmed(found->second);
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    errors += api::validate_cidr(path, trimmed(rest.substr(0, comma)), {.legacy = true});
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
}

void check_load_balancer(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec");
  if (spec.type == "LoadBalancer") {
    if (spec.loadBalancerClass) {
      errors.invalid_each(path.child("loadBalancerClass"), *spec.loadBalancerClass,
                          api::validate_qualified_name(*spec.loadBalancerClass));
    }
    return;
  }
  if (spec.allocateLoadBalancerNodePorts) {
    errors.forbidden(path.child("allocateLoadBalancerNodePorts"), kLoadBalancersOnly);
  }
  if (spec.loadBalancerClass) {
    errors.forbidden(path.child("loadBalancerClass"), kLoadBalancersOnly);
  }
}

bool needs_health_check(const ServiceSpec& spec) {
  return spec.type == "LoadBalancer" && spec.externalTrafficPolicy == "Local";
}

void check_traffic(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec");
  const bool outside = spec.type == "NodePort" || spec.type == "LoadBalancer" ||
                       (spec.type == "ClusterIP" && !spec.externalIPs.empty());
  if (!outside && !spec.externalTrafficPolicy.empty()) {
    errors.invalid(path.child("externalTrafficPolicy"), spec.externalTrafficPolicy,
                   "may only be set for externally-accessible services");
  } else if (outside && spec.externalTrafficPolicy.empty()) {
    errors.required(path.child("externalTrafficPolicy"));
  }
  // One that was left out is given later.
  if (spec.healthCheckNodePort != 0) {
    const FieldPath at = path.child("healthCheckNodePort");
    if (needs_health_check(spec)) {
      errors.invalid_each(at, spec.healthCheckNodePort,
                          api::validate_port_number(spec.healthCheckNodePort));
    } else {
      errors.invalid(at, spec.healthCheckNodePort,
                     "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` "
                     "is 'Local'");
    }
  }
  const bool known =
      spec.type == "ClusterIP" || spec.type == "NodePort" || spec.type == "LoadBalancer";
  if (known && !spec.internalTrafficPolicy) errors.required(path.child("internalTrafficPolicy"));
  const std::string distribution = spec.trafficDistribution.value_or("PreferClose");
  if (distribution != "PreferClose" && distribution != "PreferSameZone" &&
      distribution != "PreferSameNode") {
    errors.not_supported(path.child("trafficDistribution"), distribution,
                         {"PreferClose", "PreferSameNode", "PreferSameZone"});
  }
}

void check_annotations(const Service& service, FieldErrors& errors) {
  constexpr std::string_view kMode = "service.kubernetes.io/topology-mode";
  constexpr std::string_view kHints = "service.kubernetes.io/topology-aware-hints";
  const auto& annotations = service.metadata.annotations;
  const auto mode = annotations.find(kMode);
  const auto hints = annotations.find(kHints);
  if (mode == annotations.end() || hints == annotations.end() || mode->second == hints->second) {
    return;
  }
  errors.invalid(FieldPath("metadata").child("annotations").key(kMode), mode->second,
                 "must match annotations[" + std::string(kHints) + "] when both are specified");
}

void check_service(const Service& service, FieldErrors& errors) {
  const ServiceSpec& spec = service.spec;
  const FieldPath path("spec");
  check_annotations(service, errors);
  if (spec.ports.empty() && !is_headless(spec) && !has_name_only(spec)) {
    errors.required(path.child("ports"));
  }
  check_type(spec, errors);
  check_ports(spec, errors);
  errors += api::validate_labels(spec.selector, path.child("selector"));
  check_affinity(spec, errors);
  check_cluster_ips(spec, errors);
  check_external_ips(spec, errors);
  if (spec.type.empty()) errors.required(path.child("type"));
  check_ports_together(spec, errors);
  check_source_ranges(service, errors);
  check_load_balancer(spec, errors);
  check_traffic(spec, errors);
}

// Of clusterIPs and ipFamilies: the first stays, a second may come and go.
void check_list_change(const std::vector<std::string>& now, const std::vector<std::string>& before,
                       const std::optional<std::string>& policy, std::string_view member,
                       std::string_view singular, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child(member);
  constexpr std::string_view kOnce = "may not change once set";
  if (now.size() == before.size()) {
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (now[i] != before[i]) errors.invalid(path.index(i), now, kOnce);
    }
    return;
  }
  if (before.empty()) return;
  if (now.empty()) {
    errors.invalid(path.index(0), now, "primary " + std::string(singular) + " can not be unset");
    return;
  }
  if (now.front() != before.front()) errors.invalid(path.index(0), now, kOnce);
  if (now.size() == 1 && policy != "SingleStack") {
    errors.invalid(
        FieldPath("spec").child("ipFamilyPolicy"), policy,
        "must be set to 'SingleStack' when releasing the secondary " + std::string(singular));
  }
}

void check_change(const ServiceSpec& now, const ServiceSpec& before, FieldErrors& errors) {
  const FieldPath path("spec");
  if (!has_name_only(now) && !has_name_only(before)) {
    const bool headless = is_headless(now);
    if (!headless || !is_headless(before)) {
      check_list_change(now.clusterIPs, before.clusterIPs, now.ipFamilyPolicy, "clusterIPs",
                        "clusterIP", errors);
    }
    if (!headless && !is_headless(before)) {
      check_list_change(now.ipFamilies, before.ipFamilies, now.ipFamilyPolicy, "ipFamilies",
                        "ipFamily", errors);
    }
  }
  if (now.type == "LoadBalancer" && before.type == "LoadBalancer" &&
      now.loadBalancerClass != before.loadBalancerClass) {
    errors.invalid(path.child("loadBalancerClass"), now.loadBalancerClass,
                   "may not change once set");
  }
  if (needs_health_check(now) && needs_health_check(before) &&
      now.healthCheckNodePort != before.healthCheckNodePort) {
    errors.forbidden(path.child("healthCheckNodePort"), api::kImmutableMessage);
  }
}

void check_service_status(const Service& service, FieldErrors& errors) {
  const auto& points = service.status.loadBalancer.ingress;
  const FieldPath path = FieldPath("status").child("loadBalancer", "ingress");
  if (!points.empty() && service.spec.type != "LoadBalancer") {
    errors.forbidden(path, "may only be used when `spec.type` is LoadBalancer");
    return;
  }
  check_ingress_points(points, path, errors);
}

}  // namespace

FieldErrors ServiceStrategy::validate(const api::Document& object) const {
  return check_typed<Service>(object, Strategy::validate(object), check_service);
}

FieldErrors ServiceStrategy::validate_update(const api::Document& now,
                                             const api::Document& before) const {
  FieldErrors errors;
  const auto old = api::decode<Service>(before);
  if (old) {
    errors = check_typed<Service>(now, {}, [&](const Service& service, FieldErrors& found) {
      check_change(service.spec, old->spec, found);
    });
  }
  errors += validate(now);
  return errors;
}

FieldErrors ServiceStrategy::validate_status_update(const api::Document& now,
                                                    const api::Document&) const {
  return check_typed<Service>(now, {}, check_service_status);
}

}  // namespace keelson::apiserver
