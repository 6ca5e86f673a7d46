// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/endpoints.h"

#include <set>

#include "api/core/v1.h"
#include "api/discovery/v1.h"
#include "api/ip.h"
#include "api/names.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/addresses.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

constexpr std::size_t kEndpointsMax = 1000;
constexpr std::size_t kPortsMax = 20000;
constexpr std::size_t kTopologyMax = 16;
constexpr std::size_t kHintsMax = 8;

void check_node_name(const std::optional<std::string>& name, const FieldPath& path,
                     FieldErrors& errors) {
  if (name) errors.invalid_each(path, *name, api::name_is_dns_subdomain(*name, false));
}

void check_address(const core::v1::EndpointAddress& address, const FieldPath& path,
                   FieldErrors& errors) {
  errors += api::validate_ip(path.child("ip"), address.ip, {.legacy = true});
  if (!address.hostname.empty()) {
    errors.invalid_each(path.child("hostname"), address.hostname,
                        api::validate_dns1123_label(address.hostname));
  }
  check_node_name(address.nodeName, path.child("nodeName"), errors);
  check_not_special(address.ip, path.child("ip"), errors);
}

void check_port(const core::v1::EndpointPort& port, bool needs_name, const FieldPath& path,
                FieldErrors& errors) {
  if (!port.name.empty()) {
    errors.invalid_each(path.child("name"), port.name, api::validate_dns1123_label(port.name));
  } else if (needs_name) {
    errors.required(path.child("name"));
  }
  errors.invalid_each(path.child("port"), port.port, api::validate_port_number(port.port));
  if (port.protocol.empty()) errors.required(path.child("protocol"));
  if (port.appProtocol) {
    errors.invalid_each(path.child("appProtocol"), *port.appProtocol,
                        api::validate_qualified_name(*port.appProtocol));
  }
}

void check_endpoints(const core::v1::Endpoints& endpoints, FieldErrors& errors) {
  for (std::size_t i = 0; i < endpoints.subsets.size(); ++i) {
    const auto& subset = endpoints.subsets[i];
    const FieldPath path = FieldPath("subsets").index(i);
    if (subset.addresses.empty() && subset.notReadyAddresses.empty()) {
      errors.required(path, "must specify `addresses` or `notReadyAddresses`");
    }
    for (std::size_t j = 0; j < subset.addresses.size(); ++j) {
      check_address(subset.addresses[j], path.child("addresses").index(j), errors);
    }
    for (std::size_t j = 0; j < subset.notReadyAddresses.size(); ++j) {
      check_address(subset.notReadyAddresses[j], path.child("notReadyAddresses").index(j), errors);
    }
    for (std::size_t j = 0; j < subset.ports.size(); ++j) {
      check_port(subset.ports[j], subset.ports.size() > 1, path.child("ports").index(j), errors);
    }
  }
}

void check_slice_address(const std::string& address, std::string_view type, const FieldPath& path,
                         FieldErrors& errors) {
  if (type == "FQDN") {
    errors += api::validate_fully_qualified_domain_name(path, address);
  } else if (type == "IPv4" || type == "IPv6") {
    const auto family = type == "IPv4" ? api::IpRules::Family::V4 : api::IpRules::Family::V6;
    FieldErrors own = api::validate_ip(path, address, {.legacy = true, .family = family});
    if (own.empty()) check_not_special(address, path, own);
    errors += std::move(own);
  }
}

// Zones by label rules, nodes by their names'.
template <class Hint>
void check_hints(const std::vector<Hint>& hints, api::Messages (*rule)(std::string_view),
                 const FieldPath& path, FieldErrors& errors) {
  if (hints.size() > kHintsMax) {
    errors.too_many(path, static_cast<std::int64_t>(hints.size()), kHintsMax);
    return;
  }
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < hints.size(); ++i) {
    const FieldPath at = path.index(i).child("name");
    if (!names.insert(hints[i].name).second) errors.duplicate(at, hints[i].name);
    errors.invalid_each(at, hints[i].name, rule(hints[i].name));
  }
}

void check_endpoint(const discovery::v1::Endpoint& endpoint, std::string_view type,
                    const FieldPath& path, FieldErrors& errors) {
  const FieldPath addresses = path.child("addresses");
  if (endpoint.addresses.empty()) {
    errors.required(addresses, "must contain at least 1 address");
  }
  for (std::size_t i = 0; i < endpoint.addresses.size(); ++i) {
    check_slice_address(endpoint.addresses[i], type, addresses.index(i), errors);
  }
  check_node_name(endpoint.nodeName, path.child("nodeName"), errors);
  const FieldPath topology = path.child("deprecatedTopology");
  if (endpoint.deprecatedTopology.size() > kTopologyMax) {
    errors.too_many(topology, static_cast<std::int64_t>(endpoint.deprecatedTopology.size()),
                    kTopologyMax);
  }
  errors += api::validate_labels(endpoint.deprecatedTopology, topology);
  if (endpoint.hostname) {
    errors.invalid_each(path.child("hostname"), *endpoint.hostname,
                        api::validate_dns1123_label(*endpoint.hostname));
  }
  if (endpoint.hints) {
    check_hints(endpoint.hints->forZones, api::validate_label_value,
                path.child("hints", "forZones"), errors);
    check_hints(endpoint.hints->forNodes, api::validate_dns1123_subdomain,
                path.child("hints", "forNodes"), errors);
  }
}

void check_slice_ports(const std::vector<discovery::v1::EndpointPort>& ports, FieldErrors& errors) {
  const FieldPath path("ports");
  if (ports.size() > kPortsMax) {
    errors.too_many(path, static_cast<std::int64_t>(ports.size()), kPortsMax);
    return;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const auto& port = ports[i];
    const FieldPath at = path.index(i);
    const std::string name = port.name.value_or("");
    if (!name.empty()) {
      errors.invalid_each(at.child("name"), name, api::validate_dns1123_label(name));
    }
    if (!names.insert(name).second) errors.duplicate(at.child("name"), name);
    if (!port.protocol) errors.required(at.child("protocol"));
    if (port.appProtocol) {
      errors.invalid_each(at.child("appProtocol"), *port.appProtocol,
                          api::validate_qualified_name(*port.appProtocol));
    }
  }
}

void check_slice(const discovery::v1::EndpointSlice& slice, FieldErrors& errors) {
  if (slice.addressType.empty()) errors.required("addressType");
  const FieldPath path("endpoints");
  if (slice.endpoints.size() > kEndpointsMax) {
    errors.too_many(path, static_cast<std::int64_t>(slice.endpoints.size()), kEndpointsMax);
  } else {
    for (std::size_t i = 0; i < slice.endpoints.size(); ++i) {
      check_endpoint(slice.endpoints[i], slice.addressType, path.index(i), errors);
    }
  }
  check_slice_ports(slice.ports, errors);
}

}  // namespace

FieldErrors EndpointsStrategy::validate(const api::Document& object) const {
  return check_typed<core::v1::Endpoints>(object, Strategy::validate(object), check_endpoints);
}

FieldErrors EndpointSliceStrategy::validate(const api::Document& object) const {
  return check_typed<discovery::v1::EndpointSlice>(object, Strategy::validate(object), check_slice);
}

FieldErrors EndpointSliceStrategy::validate_update(const api::Document& now,
                                                   const api::Document& before) const {
  FieldErrors errors = validate(now);
  errors +=
      api::validate_immutable(std::string(api::string_at(now, {"addressType"})),
                              std::string(api::string_at(before, {"addressType"})), "addressType");
  return errors;
}

}  // namespace keelson::apiserver
