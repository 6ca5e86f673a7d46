// SPDX-License-Identifier: Apache-2.0
// What a Service may ask for. Addresses and node ports are checked where they are allocated.
// Source: upstream, pkg/apis/core/validation, ValidateService and ValidateServiceUpdate.
#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "api/names.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/core_service.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::ServicePort;
using core::v1::ServiceSpec;

constexpr std::string_view kHeadless = "None";

bool is_headless(const ServiceSpec& spec) {
  return spec.clusterIP == kHeadless ||
         (!spec.clusterIPs.empty() && spec.clusterIPs.front() == kHeadless);
}

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
  if (spec.ports.empty() && !is_headless(spec) && spec.type != "ExternalName") {
    errors.required(path);
  }
  std::set<std::string> names;
  std::set<std::tuple<std::string, std::int32_t>> seen;
  std::set<std::tuple<std::string, std::int32_t>> node_ports;
  for (std::size_t i = 0; i < spec.ports.size(); ++i) {
    const ServicePort& port = spec.ports[i];
    const FieldPath at = path.index(i);
    check_port(port, spec.ports.size() > 1, names, at, errors);
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
  if (spec.type.empty()) errors.required(path.child("type"));
  if (spec.type == "ExternalName") {
    if (!spec.clusterIPs.empty()) {
      errors.forbidden(path.child("clusterIPs"), "may not be set for ExternalName services");
    }
    std::string_view name = spec.externalName;
    if (name.ends_with('.')) name.remove_suffix(1);
    if (name.empty()) {
      errors.required(path.child("externalName"));
    } else {
      errors.invalid_each(path.child("externalName"), spec.externalName,
                          api::validate_dns1123_subdomain(name));
    }
  } else if (is_headless(spec) && spec.type != "ClusterIP" && !spec.type.empty()) {
    errors.invalid(path.child("clusterIPs").index(0), kHeadless,
                   "may not be set to 'None' for " + spec.type + " services");
  }
  if (spec.sessionAffinity.empty()) errors.required(path.child("sessionAffinity"));
}

// Source: upstream, validateServiceExternalTrafficPolicy for what has no use for it.
void check_traffic(const ServiceSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec");
  const bool outside = spec.type == "NodePort" || spec.type == "LoadBalancer" ||
                       (spec.type == "ClusterIP" && !spec.externalIPs.empty());
  if (!outside && !spec.externalTrafficPolicy.empty()) {
    errors.invalid(path.child("externalTrafficPolicy"), spec.externalTrafficPolicy,
                   "may only be set for externally-accessible services");
  }
  if (spec.healthCheckNodePort != 0 &&
      !(spec.type == "LoadBalancer" && spec.externalTrafficPolicy == "Local")) {
    errors.invalid(path.child("healthCheckNodePort"), spec.healthCheckNodePort,
                   "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is "
                   "'Local'");
  }
}

}  // namespace

FieldErrors ServiceStrategy::validate(const api::Document& object) const {
  FieldErrors errors = Strategy::validate(object);
  const auto service = api::decode<core::v1::Service>(object);
  if (!service) {
    errors.internal({}, service.error().message());
    return errors;
  }
  check_ports(service->spec, errors);
  check_type(service->spec, errors);
  errors += api::validate_labels(service->spec.selector, FieldPath("spec").child("selector"));
  check_traffic(service->spec, errors);
  return errors;
}

FieldErrors ServiceStrategy::validate_update(const api::Document& now,
                                             const api::Document& before) const {
  FieldErrors errors = validate(now);
  const auto first = [](const api::Document& service) -> std::string {
    const auto* list = api::find_at(service, {"spec", "clusterIPs"});
    if (list == nullptr || !list->is_array() || list->get_array().empty()) return {};
    const auto& address = list->get_array().front();
    return address.is_string() ? std::string(address.get_string()) : std::string();
  };
  const auto is_named = [](const api::Document& service) {
    return api::string_at(service, {"spec", "type"}) == "ExternalName";
  };
  if (is_named(now) || is_named(before)) return errors;
  const std::string old = first(before);
  if (old.empty() || old == first(now)) return errors;
  const FieldPath path = FieldPath("spec").child("clusterIPs");
  const auto* list = api::find_at(now, {"spec", "clusterIPs"});
  if (list == nullptr) {
    errors.invalid(path.index(0), boost::json::value(boost::json::array()),
                   "primary clusterIP can not be unset");
  } else {
    errors.invalid(path.index(0), *list, "may not change once set");
  }
  return errors;
}

}  // namespace keelson::apiserver
