// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using core::v1::Node;

std::string status_of(const Node& node) {
  std::string status;
  for (const auto& condition : node.status.conditions) {
    if (condition.type == "Ready") status = condition.status == "True" ? "Ready" : "NotReady";
  }
  if (status.empty()) status = "Unknown";
  if (node.spec.unschedulable) status += ",SchedulingDisabled";
  return status;
}

// From labels "node-role.kubernetes.io/ROLE" and "kubernetes.io/role: ROLE".
std::string roles_of(const Node& node) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::set<std::string> roles;
  for (const auto& [key, value] : node.metadata.labels) {
    if (key.starts_with(kPrefix) && key.size() > kPrefix.size()) {
      roles.insert(key.substr(kPrefix.size()));
    } else if (key == "kubernetes.io/role" && !value.empty()) {
      roles.insert(value);
    }
  }
  return or_else(join(std::vector<std::string>(roles.begin(), roles.end()), ","), kNone);
}

std::string address_of(const Node& node, std::string_view type) {
  for (const auto& address : node.status.addresses) {
    if (address.type == type) return address.address;
  }
  return std::string(kNone);
}

}  // namespace

Cells node_cells(const Node& node, Wall now) {
  const auto& info = node.status.nodeInfo;
  return {node.metadata.name,
          status_of(node),
          roles_of(node),
          age_of(node, now),
          info.kubeletVersion,
          address_of(node, "InternalIP"),
          address_of(node, "ExternalIP"),
          or_else(info.osImage, kUnknown),
          or_else(info.kernelVersion, kUnknown),
          or_else(info.containerRuntimeVersion, kUnknown)};
}

}  // namespace keelson::apiserver
