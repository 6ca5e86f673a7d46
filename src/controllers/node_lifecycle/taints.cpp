// SPDX-License-Identifier: Apache-2.0
#include "controllers/node_lifecycle/taints.h"

#include <algorithm>

#include "controllers/node_lifecycle/health.h"

namespace keelson::controllers::node_lifecycle {
namespace {

using core::v1::Node;
using core::v1::Taint;

constexpr std::string_view kNotReady = "node.kubernetes.io/not-ready";
constexpr std::string_view kUnreachable = "node.kubernetes.io/unreachable";
constexpr std::string_view kUnschedulable = "node.kubernetes.io/unschedulable";
constexpr std::string_view kNoSchedule = "NoSchedule";
constexpr std::string_view kNoExecute = "NoExecute";

// Source: upstream's nodeConditionToTaintKeyStatusMap.
struct Rule {
  std::string_view condition, status, key;
};
constexpr Rule kRules[] = {
    {"Ready", "False", kNotReady},
    {"Ready", "Unknown", kUnreachable},
    {"MemoryPressure", "True", "node.kubernetes.io/memory-pressure"},
    {"DiskPressure", "True", "node.kubernetes.io/disk-pressure"},
    {"NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"},
    {"PIDPressure", "True", "node.kubernetes.io/pid-pressure"},
};

bool set_taint(Node& node, std::string_view key, std::string_view effect, bool wanted, Wall now) {
  auto& taints = node.spec.taints;
  const auto found = std::ranges::find_if(
      taints, [&](const Taint& taint) { return taint.key == key && taint.effect == effect; });
  if ((found != taints.end()) == wanted) return false;
  if (wanted) {
    taints.push_back({.key = std::string(key),
                      .value = {},
                      .effect = std::string(effect),
                      .timeAdded = api::Time(now)});
  } else {
    taints.erase(found);
  }
  return true;
}

bool has_taint(const Node& node, std::string_view key) {
  return std::ranges::any_of(node.spec.taints, [key](const Taint& taint) {
    return taint.key == key && taint.effect == kNoExecute;
  });
}

}  // namespace

bool set_condition_taints(Node& node, Wall now) {
  bool changed = false;
  for (const auto& rule : kRules) {
    const auto* condition = find_condition(node, rule.condition);
    const bool wanted = condition && condition->status == rule.status;
    changed |= set_taint(node, rule.key, kNoSchedule, wanted, now);
  }
  changed |= set_taint(node, kUnschedulable, kNoSchedule, node.spec.unschedulable, now);
  return changed;
}

bool set_eviction_taint(Node& node, Wall now) {
  const std::string ready = ready_status(node);
  bool changed = set_taint(node, kNotReady, kNoExecute, ready == "False", now);
  changed |= set_taint(node, kUnreachable, kNoExecute, ready == "Unknown", now);
  return changed;
}

bool clear_eviction_taints(Node& node) {
  bool changed = set_taint(node, kNotReady, kNoExecute, false, {});
  changed |= set_taint(node, kUnreachable, kNoExecute, false, {});
  return changed;
}

bool has_eviction_taint(const Node& node) {
  return has_taint(node, kNotReady) || has_taint(node, kUnreachable);
}

bool set_beta_labels(Node& node) {
  bool changed = false;
  auto& labels = node.metadata.labels;
  for (const std::string name : {"kubernetes.io/os", "kubernetes.io/arch"}) {
    const auto stable = labels.find(name);
    if (stable == labels.end()) continue;
    std::string& beta = labels["beta." + name];
    changed |= beta != stable->second;
    beta = stable->second;
  }
  return changed;
}

}  // namespace keelson::controllers::node_lifecycle
