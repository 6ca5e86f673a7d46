// SPDX-License-Identifier: Apache-2.0
// What one RBAC rule allows, and which rules are covered by others.
// Source: Kubernetes documentation, "Using RBAC Authorization".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/rbac/v1.h"
#include "apiserver/context/request.h"

namespace keelson::apiserver {

bool rule_allows(const rbac::v1::PolicyRule& rule, const RequestInfo& request);

// What of `wanted` no rule of `held` covers, in rules of one verb and one resource each.
std::vector<rbac::v1::PolicyRule> uncovered_rules(const std::vector<rbac::v1::PolicyRule>& held,
                                                  const std::vector<rbac::v1::PolicyRule>& wanted);

// As error messages show it: {APIGroups:[""], Resources:["pods"], Verbs:["get"]}
std::string compact_text(const rbac::v1::PolicyRule& rule);

// From a compact notation, words with commas for lists, for rules that are built in:
//   "get,list core pods,pods/log", "get core configmaps root-ca", "get url /healthz,/version/*"
// CHECKs that it is of that form.
rbac::v1::PolicyRule parse_rule(std::string_view text);

}  // namespace keelson::apiserver
