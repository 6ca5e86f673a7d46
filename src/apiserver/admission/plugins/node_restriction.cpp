// SPDX-License-Identifier: Apache-2.0
// A node changes itself and its own pods only, whatever the node authorizer lets it try.
// Source: Kubernetes documentation, "NodeRestriction"; KEP-279, KEP-2400.
#include <algorithm>

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "apiserver/admission/plugins/plugins.h"

namespace keelson::apiserver {
namespace {

using core::v1::Node;
using core::v1::Pod;

constexpr std::string_view kUserPrefix = "system:node:";
constexpr std::string_view kMirror = "kubernetes.io/config.mirror";

// Labels of Kubernetes that a node may give itself; others with these domains it may not.
constexpr std::string_view kOwnLabels[] = {
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
};

bool in_domain(std::string_view prefix, std::string_view domain) {
  return prefix == domain ||
         (prefix.ends_with(domain) && prefix[prefix.size() - domain.size() - 1] == '.');
}

bool may_label_itself(std::string_view key) {
  const auto slash = key.find('/');
  if (slash == std::string_view::npos) return true;
  const std::string_view prefix = key.substr(0, slash);
  if (in_domain(prefix, "node-restriction.kubernetes.io")) return false;
  if (!in_domain(prefix, "kubernetes.io") && !in_domain(prefix, "k8s.io")) return true;
  if (std::ranges::find(kOwnLabels, key) != std::end(kOwnLabels)) return true;
  return in_domain(prefix, "kubelet.kubernetes.io") || in_domain(prefix, "node.kubernetes.io");
}

class NodeRestriction final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "NodeRestriction"; }

  Task<Result<void>> admit(AdmissionRequest& request) override { co_return check(request); }

 private:
  struct Asker {
    const AdmissionRequest& request;
    std::string node;

    std::unexpected<Status> refuse(const std::string& why) const {
      return fail(admission_forbidden(request, "node \"" + node + "\" " + why));
    }
  };

  Result<void> check(const AdmissionRequest& request) const {
    const User& user = request.call.user;
    if (!user.name.starts_with(kUserPrefix) || !user.in_group("system:nodes")) return {};
    const Asker asker{request, user.name.substr(kUserPrefix.size())};
    const std::string_view group = request.resource.group;
    const std::string_view plural = request.resource.plural;
    if (group.empty() && plural == "pods") return check_pod(asker);
    if (group.empty() && plural == "nodes") return check_node(asker);
    if ((group == "coordination.k8s.io" && plural == "leases") ||
        (group == "storage.k8s.io" && plural == "csinodes")) {
      if (request.key.name != asker.node) {
        return fail(admission_forbidden(request, "can only access " + std::string(plural) +
                                                     " with the same name as the requesting node"));
      }
    }
    return {};
  }

  static Result<void> check_pod(const Asker& asker) {
    const AdmissionRequest& request = asker.request;
    if (request.operation == Operation::Create) {
      if (!request.call.info.subresource.empty()) return {};
      TRY(const Pod pod, api::decode<Pod>(*request.object));
      if (!pod.metadata.annotations.contains(kMirror)) {
        return asker.refuse("can only create pods with \"" + std::string(kMirror) +
                            "\" annotation set");
      }
      if (pod.spec.nodeName != asker.node) {
        return asker.refuse("can only create pods with spec.nodeName set to itself");
      }
      return {};
    }
    if (!request.before || request.before->as<Pod>().spec.nodeName == asker.node) return {};
    if (request.operation == Operation::Delete) {
      return asker.refuse("can only delete pods with spec.nodeName set to itself");
    }
    return asker.refuse("can only update pod status for pods with spec.nodeName set to itself");
  }

  static Result<void> check_node(const Asker& asker) {
    const AdmissionRequest& request = asker.request;
    if (request.key.name != asker.node) {
      return asker.refuse("is not allowed to modify node \"" + request.key.name + "\"");
    }
    if (request.object == nullptr) return {};
    TRY(const Node now, api::decode<Node>(*request.object));
    const Node* before = request.before ? &request.before->as<Node>() : nullptr;
    std::string refused;
    for (const auto& [key, value] : now.metadata.labels) {
      if (may_label_itself(key)) continue;
      if (before != nullptr) {
        const auto old = before->metadata.labels.find(key);
        if (old != before->metadata.labels.end() && old->second == value) continue;
      }
      if (!refused.empty()) refused += ", ";
      refused += key;
    }
    if (before != nullptr) {
      for (const auto& [key, value] : before->metadata.labels) {
        if (may_label_itself(key) || now.metadata.labels.contains(key)) continue;
        if (!refused.empty()) refused += ", ";
        refused += key;
      }
    }
    if (!refused.empty()) {
      return fail(admission_forbidden(request, "is not allowed to modify labels: " + refused));
    }
    if (before != nullptr && request.call.info.subresource.empty() &&
        now.spec.taints != before->spec.taints) {
      return asker.refuse("is not allowed to modify taints");
    }
    return {};
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_node_restriction() {
  return std::make_unique<NodeRestriction>();
}

}  // namespace keelson::apiserver
