// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_node.h"

#include <algorithm>
#include <set>
#include <utility>

#include "api/core/v1.h"
#include "api/ip.h"
#include "api/names.h"
#include "apiserver/registry/kinds/resource_names.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using api::FieldErrors;
using api::FieldPath;
using core::v1::Node;

// The older field is the first of the newer ones.
void join_pod_cidrs(api::Document& node) {
  auto* spec = api::find_at(node, {"spec"});
  if (spec == nullptr || !spec->is_object()) return;
  auto& members = spec->get_object();
  const std::string first(api::string_at(node, {"spec", "podCIDR"}));
  auto* list = members.if_contains("podCIDRs");
  const bool has_list = list != nullptr && list->is_array() && !list->get_array().empty();
  if (!first.empty() && (!has_list || list->get_array().front() != json::string(first))) {
    members["podCIDRs"] = json::array{json::string(first)};
  } else if (first.empty() && has_list) {
    members["podCIDR"] = json::value(list->get_array().front());
  }
}

void check_taints(const std::vector<core::v1::Taint>& taints, FieldErrors& errors) {
  // Source: upstream, which looks for them there.
  const FieldPath path = FieldPath("metadata").child("taints");
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (std::size_t i = 0; i < taints.size(); ++i) {
    const auto& taint = taints[i];
    const FieldPath at = path.index(i);
    errors.invalid_each(at.child("key"), taint.key, api::validate_qualified_name(taint.key));
    if (const auto messages = api::validate_label_value(taint.value); !messages.empty()) {
      errors.invalid(at.child("value"), taint.value, api::join(messages, ";"));
    }
    if (taint.effect.empty()) {
      errors.required(at.child("effect"));
    } else if (taint.effect != "NoSchedule" && taint.effect != "PreferNoSchedule" &&
               taint.effect != "NoExecute") {
      errors.not_supported(at.child("effect"), taint.effect,
                           {"NoSchedule", "PreferNoSchedule", "NoExecute"});
    }
    if (!seen.emplace(taint.key, taint.effect).second) {
      errors.add({api::FieldErrorType::Duplicate, at.text(),
                  api::FieldValue(api::encode_document(taint)).text(),
                  "taints must be unique by key and effect pair"});
    }
  }
}

void check_resources(const core::v1::NodeStatus& status, FieldErrors& errors) {
  const FieldPath path("status");
  for (const auto& [name, amount] : status.capacity) {
    check_resource_amount(name, amount, path.child("capacity", name), errors);
  }
  for (const auto& [name, amount] : status.allocatable) {
    check_resource_amount(name, amount, path.child("allocatable", name), errors);
  }
}

void check_pod_cidrs(const std::vector<std::string>& cidrs, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("podCIDRs");
  FieldErrors own;
  for (std::size_t i = 0; i < cidrs.size(); ++i) {
    own += api::validate_cidr(path.index(i), cidrs[i], {.legacy = true});
  }
  const bool valid = own.empty();
  errors += std::move(own);
  if (!valid || cidrs.size() < 2) return;
  const auto is_v4 = [](const std::string& cidr) {
    return api::IpPrefix::parse(cidr, true)->address().is_v4();
  };
  if (cidrs.size() > 2 || is_v4(cidrs[0]) == is_v4(cidrs[1])) {
    errors.invalid(path, cidrs, "may specify no more than one CIDR for each IP family");
  }
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < cidrs.size(); ++i) {
    if (!seen.insert(cidrs[i]).second) errors.duplicate(path.index(i), cidrs[i]);
  }
}

void check_config_source(const core::v1::NodeSpec& spec, FieldErrors& errors) {
  if (!spec.configSource || spec.configSource->configMap) return;
  errors.invalid(FieldPath("spec").child("configSource"), api::encode_document(*spec.configSource),
                 "exactly one reference subfield must be non-nil");
}

// What a change of the node may not do, whether through the node or through its status.
void check_change(const Node& now, const Node& before, FieldErrors& errors) {
  check_resources(now.status, errors);
  const auto& addresses = now.status.addresses;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto end = addresses.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(addresses.begin(), end, addresses[i]) == end) continue;
    errors.duplicate(FieldPath("status").child("addresses").index(i),
                     api::encode_document(addresses[i]));
  }
  const FieldPath path("spec");
  if (!before.spec.podCIDRs.empty() && now.spec.podCIDRs != before.spec.podCIDRs) {
    errors.forbidden(path.child("podCIDRs"),
                     R"(node updates may not change podCIDR except from "" to valid)");
  }
  if (!before.spec.providerID.empty() && now.spec.providerID != before.spec.providerID) {
    errors.forbidden(path.child("providerID"),
                     R"(node updates may not change providerID except from "" to valid)");
  }
  check_config_source(now.spec, errors);
  check_taints(now.spec.taints, errors);
  if (now.spec.externalID != before.spec.externalID) {
    errors.forbidden(path.child("externalID"), "may not be updated");
  }
}

FieldErrors validate_change(const api::Document& now, const api::Document& before,
                            FieldErrors errors) {
  return check_typed<Node>(now, std::move(errors), [&](const Node& node, FieldErrors& found) {
    if (const auto old = api::decode<Node>(before)) check_change(node, *old, found);
  });
}

}  // namespace

void NodeStrategy::prepare_for_create(api::Document& object, const CallContext&) const {
  join_pod_cidrs(object);
}

bool NodeStrategy::prepare_for_update(api::Document& now, const api::Document& before,
                                      const CallContext& call) const {
  join_pod_cidrs(now);
  return Strategy::prepare_for_update(now, before, call);
}

FieldErrors NodeStrategy::validate(const api::Document& object) const {
  return check_typed<Node>(object, {}, [](const Node& node, FieldErrors& errors) {
    check_taints(node.spec.taints, errors);
    check_resources(node.status, errors);
    check_pod_cidrs(node.spec.podCIDRs, errors);
  });
}

FieldErrors NodeStrategy::validate_update(const api::Document& now,
                                          const api::Document& before) const {
  return validate_change(now, before, validate(now));
}

FieldErrors NodeStrategy::validate_status_update(const api::Document& now,
                                                 const api::Document& before) const {
  return validate_change(now, before, {});
}

}  // namespace keelson::apiserver
