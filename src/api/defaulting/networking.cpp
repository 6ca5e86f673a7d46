// SPDX-License-Identifier: Apache-2.0
// Defaults of networking/v1 and discovery/v1.
#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"networking/v1.NetworkPolicyPort", "protocol", When::Nil, R"("TCP")"},
    {"discovery/v1.EndpointPort", "name", When::Nil, R"("")"},
    {"discovery/v1.EndpointPort", "protocol", When::Nil, R"("TCP")"},
};

void network_policy(object& value, const Context&) {
  object* spec = make_object(value, "spec");
  if (!spec || !is_left_out(*spec, "policyTypes", When::Empty)) return;
  array types = {"Ingress"};
  if (!is_left_out(*spec, "egress", When::Empty)) types.emplace_back("Egress");
  spec->insert_or_assign("policyTypes", std::move(types));
}

void ingress_class(object& value, const Context&) {
  object* spec = find_object(value, "spec");
  object* parameters = spec ? find_object(*spec, "parameters") : nullptr;
  if (parameters) fill(*parameters, "scope", When::Nil, "Cluster");
}

constexpr Function kFunctions[] = {
    {"networking/v1.NetworkPolicy", network_policy},
    {"networking/v1.IngressClass", ingress_class},
};

}  // namespace

const Rules kNetworkingRules = {kLiterals, kFunctions};

}  // namespace keelson::api::defaulting
