// SPDX-License-Identifier: Apache-2.0
#include "podspec/placement.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace keelson::podspec {
namespace {

using namespace core::v1;

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool contains(const std::vector<std::string>& values, std::string_view value) {
  return std::ranges::find(values, value) != values.end();
}

// Fields and labels share the operators; `value` is null when there is none of that key.
bool holds(const NodeSelectorRequirement& requirement, const std::string* value) {
  const std::string& op = requirement.operator_;
  if (op == NodeSelectorOperator::In) return value && contains(requirement.values, *value);
  if (op == NodeSelectorOperator::NotIn) return !value || !contains(requirement.values, *value);
  if (op == NodeSelectorOperator::Exists) return value != nullptr;
  if (op == NodeSelectorOperator::DoesNotExist) return value == nullptr;
  if (op != NodeSelectorOperator::Gt && op != NodeSelectorOperator::Lt) return false;
  if (!value || requirement.values.size() != 1) return false;
  const auto have = parse_integer(*value), bound = parse_integer(requirement.values.front());
  if (!have || !bound) return false;
  return op == NodeSelectorOperator::Gt ? *have > *bound : *have < *bound;
}

bool in_scope(const Taint& taint, TaintScope scope) {
  switch (scope) {
    case TaintScope::Scheduling:
      return taint.effect == TaintEffect::NoSchedule || taint.effect == TaintEffect::NoExecute;
    case TaintScope::Execution:
      return taint.effect == TaintEffect::NoExecute;
    case TaintScope::Preference:
      return taint.effect == TaintEffect::PreferNoSchedule;
  }
  return false;
}

}  // namespace

bool tolerates(const Toleration& toleration, const Taint& taint) {
  if (!toleration.effect.empty() && toleration.effect != taint.effect) return false;
  if (!toleration.key.empty() && toleration.key != taint.key) return false;
  const std::string& op = toleration.operator_;
  if (op.empty() || op == TolerationOperator::Equal) return toleration.value == taint.value;
  if (op == TolerationOperator::Exists) return true;
  if (op != TolerationOperator::Lt && op != TolerationOperator::Gt) return false;
  // The taint's value is compared with the toleration's, as for a node selector.
  const auto have = parse_integer(taint.value), bound = parse_integer(toleration.value);
  if (!have || !bound) return false;
  return op == TolerationOperator::Gt ? *have > *bound : *have < *bound;
}

bool tolerates(std::span<const Toleration> tolerations, const Taint& taint) {
  return std::ranges::any_of(
      tolerations, [&](const Toleration& toleration) { return tolerates(toleration, taint); });
}

const Taint* find_untolerated_taint(std::span<const Taint> taints,
                                    std::span<const Toleration> tolerations, TaintScope scope) {
  for (const Taint& taint : taints) {
    if (in_scope(taint, scope) && !tolerates(tolerations, taint)) return &taint;
  }
  return nullptr;
}

bool matches(const NodeSelectorRequirement& requirement, const Labels& labels) {
  const auto found = labels.find(requirement.key);
  return holds(requirement, found == labels.end() ? nullptr : &found->second);
}

bool matches(const NodeSelectorTerm& term, const Labels& labels, std::string_view node_name) {
  if (term.matchExpressions.empty() && term.matchFields.empty()) return false;
  for (const auto& requirement : term.matchExpressions) {
    if (!matches(requirement, labels)) return false;
  }
  for (const auto& requirement : term.matchFields) {
    if (requirement.key != "metadata.name") return false;
    const std::string name(node_name);
    if (!holds(requirement, &name)) return false;
  }
  return true;
}

bool matches(const NodeSelector& selector, const Labels& labels, std::string_view node_name) {
  return std::ranges::any_of(selector.nodeSelectorTerms, [&](const NodeSelectorTerm& term) {
    return matches(term, labels, node_name);
  });
}

bool selects_node(const PodSpec& pod, const Labels& labels, std::string_view node_name) {
  for (const auto& [key, value] : pod.nodeSelector) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  if (!pod.affinity || !pod.affinity->nodeAffinity) return true;
  const auto& required = pod.affinity->nodeAffinity->requiredDuringSchedulingIgnoredDuringExecution;
  return !required || matches(*required, labels, node_name);
}

}  // namespace keelson::podspec
