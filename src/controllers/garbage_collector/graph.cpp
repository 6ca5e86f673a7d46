// SPDX-License-Identifier: Apache-2.0
#include "controllers/garbage_collector/graph.h"

#include <algorithm>

#include "api/codec/json.h"

namespace keelson::controllers::gc {

bool Node::has_finalizer(std::string_view name) const {
  return std::ranges::find(finalizers, name) != finalizers.end();
}

const Node& Graph::set(Node node) {
  if (const auto known = nodes_.find(node.uid); known != nodes_.end()) unlink(known->second);
  for (const auto& owner : node.owners) dependents_[owner.uid].insert(node.uid);
  const std::string uid = node.uid;
  return nodes_[uid] = std::move(node);
}

void Graph::remove(const std::string& uid) {
  const auto known = nodes_.find(uid);
  if (known == nodes_.end()) return;
  unlink(known->second);
  nodes_.erase(known);
}

void Graph::unlink(const Node& node) {
  for (const auto& owner : node.owners) {
    const auto found = dependents_.find(owner.uid);
    if (found == dependents_.end()) continue;
    found->second.erase(node.uid);
    if (found->second.empty()) dependents_.erase(found);
  }
}

const Node* Graph::find(const std::string& uid) const {
  const auto found = nodes_.find(uid);
  return found == nodes_.end() ? nullptr : &found->second;
}

std::vector<std::string> Graph::dependents(const std::string& owner) const {
  const auto found = dependents_.find(owner);
  if (found == dependents_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

Node node_of(const api::Resource& resource, const api::Object& object) {
  Node node{.resource = &resource,
            .key = object.key(),
            .uid = object.uid(),
            .resource_version = object.resource_version(),
            .owners = {},
            .finalizers = {},
            .deleting = object.is_deleting()};
  // Most objects have neither; those need not be decoded.
  const std::string& json = object.json();
  if (!json.contains("\"ownerReferences\"") && !json.contains("\"finalizers\"")) return node;
  auto partial = api::decode_json<meta::v1::PartialObjectMetadata>(json);
  if (!partial) return node;
  node.owners = std::move(partial->metadata.ownerReferences);
  node.finalizers = std::move(partial->metadata.finalizers);
  return node;
}

}  // namespace keelson::controllers::gc
