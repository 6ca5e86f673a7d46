// SPDX-License-Identifier: Apache-2.0
// Network policies.
#include "api/ip.h"
#include "api/names.h"
#include "api/networking/v1.h"
#include "api/selector.h"
#include "apiserver/registry/kinds/networking.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using networking::v1::NetworkPolicyPeer;
using networking::v1::NetworkPolicyPort;

void check_port(const NetworkPolicyPort& port, const FieldPath& path, FieldErrors& errors) {
  const FieldPath end_path = path.child("endPort");
  if (!port.port) {
    if (port.endPort) {
      errors.invalid(end_path, *port.endPort, "may not be specified when `port` is not specified");
    }
    return;
  }
  if (!port.port->is_int()) {
    if (port.endPort) {
      errors.invalid(end_path, *port.endPort, "may not be specified when `port` is non-numeric");
    }
    errors.invalid_each(path.child("port"), port.port->string_value(),
                        api::validate_port_name(port.port->string_value()));
    return;
  }
  const std::int32_t number = port.port->int_value();
  errors.invalid_each(path.child("port"), number, api::validate_port_number(number));
  if (!port.endPort) return;
  if (*port.endPort < number) {
    errors.invalid(end_path, *port.endPort, "must be greater than or equal to `port`");
  }
  errors.invalid_each(end_path, *port.endPort, api::validate_port_number(*port.endPort));
}

void check_block(const networking::v1::IPBlock& block, const FieldPath& path, FieldErrors& errors) {
  if (block.cidr.empty()) {
    errors.required(path.child("cidr"));
    return;
  }
  errors += api::validate_cidr(path.child("cidr"), block.cidr, {.legacy = true});
  const auto whole = api::IpPrefix::parse(block.cidr, true);
  if (!whole) return;
  for (std::size_t i = 0; i < block.except.size(); ++i) {
    const FieldPath at = path.child("except").index(i);
    errors += api::validate_cidr(at, block.except[i], {.legacy = true});
    const auto part = api::IpPrefix::parse(block.except[i], true);
    if (part && (!whole->contains(part->address()) || whole->length() >= part->length())) {
      errors.invalid(at, block.except[i], "must be a strict subset of `cidr`");
    }
  }
}

void check_peer(const NetworkPolicyPeer& peer, const FieldPath& path, FieldErrors& errors) {
  if (peer.podSelector) {
    errors += api::validate_label_selector(*peer.podSelector, path.child("podSelector"));
  }
  if (peer.namespaceSelector) {
    errors +=
        api::validate_label_selector(*peer.namespaceSelector, path.child("namespaceSelector"));
  }
  if (peer.ipBlock) check_block(*peer.ipBlock, path.child("ipBlock"), errors);
  const bool selects = peer.podSelector.has_value() || peer.namespaceSelector.has_value();
  if (!selects && !peer.ipBlock) {
    errors.required(path, "must specify a peer");
  } else if (selects && peer.ipBlock) {
    errors.forbidden(path, "may not specify both ipBlock and another peer");
  }
}

void check_rule(const std::vector<NetworkPolicyPort>& ports,
                const std::vector<NetworkPolicyPeer>& peers, std::string_view peers_member,
                const FieldPath& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    check_port(ports[i], path.child("ports").index(i), errors);
  }
  for (std::size_t i = 0; i < peers.size(); ++i) {
    check_peer(peers[i], path.child(peers_member).index(i), errors);
  }
}

void check_policy(const networking::v1::NetworkPolicy& policy, FieldErrors& errors) {
  const auto& spec = policy.spec;
  const FieldPath path("spec");
  errors += api::validate_label_selector(spec.podSelector, path.child("podSelector"));
  for (std::size_t i = 0; i < spec.ingress.size(); ++i) {
    const auto& rule = spec.ingress[i];
    check_rule(rule.ports, rule.from, "from", path.child("ingress").index(i), errors);
  }
  for (std::size_t i = 0; i < spec.egress.size(); ++i) {
    const auto& rule = spec.egress[i];
    check_rule(rule.ports, rule.to, "to", path.child("egress").index(i), errors);
  }
  if (spec.policyTypes.size() > 2) {
    errors.invalid(path.child("policyTypes"), spec.policyTypes,
                   "may not specify more than two policyTypes");
  }
}

}  // namespace

FieldErrors NetworkPolicyStrategy::validate(const api::Document& object) const {
  return check_typed<networking::v1::NetworkPolicy>(object, Strategy::validate(object),
                                                    check_policy);
}

}  // namespace keelson::apiserver
