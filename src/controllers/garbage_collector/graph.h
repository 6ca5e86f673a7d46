// SPDX-License-Identifier: Apache-2.0
// Who owns whom, over all kinds. Pure data: knows nothing of informers or clients.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/meta/v1.h"
#include "api/object.h"

namespace keelson::controllers::gc {

// One object as far as ownership goes.
struct Node {
  const api::Resource* resource = nullptr;
  api::ObjectKey key;
  std::string uid;
  std::int64_t resource_version = 0;
  std::vector<meta::v1::OwnerReference> owners;
  std::vector<std::string> finalizers;
  bool deleting = false;

  bool has_finalizer(std::string_view name) const;
};

class Graph {
 public:
  // Adds or replaces; returns the node.
  const Node& set(Node node);
  // Forgets the object; its dependents stay.
  void remove(const std::string& uid);

  const Node* find(const std::string& uid) const;  // null if it has never been seen
  // uids of the objects that name `owner` among their owners.
  std::vector<std::string> dependents(const std::string& owner) const;
  std::size_t size() const { return nodes_.size(); }

 private:
  void unlink(const Node& node);

  std::unordered_map<std::string, Node> nodes_;
  std::unordered_map<std::string, std::set<std::string>> dependents_;
};

// Reads what the graph needs from an object's metadata.
Node node_of(const api::Resource& resource, const api::Object& object);

}  // namespace keelson::controllers::gc
