// SPDX-License-Identifier: Apache-2.0
// A node changes itself and its own pods only, whatever the node authorizer lets it try.
// Source: Kubernetes documentation, "NodeRestriction"; KEP-279, KEP-2400.
#include <algorithm>

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "apiserver/admission/plugins/plugins.h"
#include "podspec/annotations.h"
#include "podspec/references.h"

namespace keelson::apiserver {
namespace {

using core::v1::Node;
using core::v1::Pod;

constexpr std::string_view kUserPrefix = "system:node:";

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

// What a pod names beside its node, in the words of the refusal; empty: nothing.
std::string_view named_by(const Pod& pod) {
  if (!pod.spec.serviceAccountName.empty()) return "a service account";
  if (!podspec::secrets_of(pod).empty()) return "secrets";
  if (!podspec::config_maps_of(pod).empty()) return "configmaps";
  for (const auto& volume : pod.spec.volumes) {
    if (!volume.projected) continue;
    for (const auto& source : volume.projected->sources) {
      if (source.clusterTrustBundle) return "clustertrustbundles";
    }
  }
  if (!podspec::claims_of(pod).empty()) return "persistentvolumeclaims";
  if (!pod.spec.resourceClaims.empty()) return "resourceclaims";
  return {};
}

// What is wrong with the owner of a mirror pod but its uid; empty: nothing.
std::string_view owner_problem(const Pod& pod, const std::string& node) {
  const auto& owners = pod.metadata.ownerReferences;
  if (owners.size() > 1) {
    return "can only create pods with a single owner reference set to itself";
  }
  if (owners.empty() || owners[0].apiVersion != "v1" || owners[0].kind != "Node" ||
      owners[0].name != node) {
    return "can only create pods with an owner reference set to itself";
  }
  if (!owners[0].controller.value_or(false)) {
    return "can only create pods with a controller owner reference set to itself";
  }
  if (owners[0].blockOwnerDeletion.value_or(false)) {
    return "must not set blockOwnerDeletion on an owner reference";
  }
  return {};
}

class NodeRestriction final : public AdmissionPlugin {
 public:
  explicit NodeRestriction(CacheSet& caches) : caches_(caches) {}

  std::string_view name() const override { return "NodeRestriction"; }

  Task<Result<void>> admit(AdmissionRequest& request) override { return check(request); }

 private:
  struct Asker {
    const AdmissionRequest& request;
    std::string node;

    std::unexpected<Status> refuse(std::string_view why) const {
      return refuse_plainly("node \"" + node + "\" " + std::string(why));
    }
    std::unexpected<Status> refuse_plainly(std::string_view why) const {
      return fail(admission_forbidden(request, why));
    }
  };

  Task<Result<void>> check(const AdmissionRequest& request) const {
    const User& user = request.call.user;
    if (!user.name.starts_with(kUserPrefix) || !user.in_group("system:nodes")) {
      co_return Result<void>{};
    }
    const Asker asker{request, user.name.substr(kUserPrefix.size())};
    const std::string_view group = request.resource.group;
    const std::string_view plural = request.resource.plural;
    if (group.empty() && plural == "pods") {
      if (request.operation == Operation::Create) co_return co_await check_new_pod(asker);
      co_return check_pod(asker);
    }
    if (group.empty() && plural == "nodes") co_return check_node(asker);
    if ((group == "coordination.k8s.io" && plural == "leases") ||
        (group == "storage.k8s.io" && plural == "csinodes")) {
      if (request.key.name != asker.node) {
        co_return asker.refuse_plainly("can only access " + std::string(plural) +
                                       " with the same name as the requesting node");
      }
    }
    co_return Result<void>{};
  }

  // A node shows what it runs of its own accord; that must not open other objects to it.
  Task<Result<void>> check_new_pod(const Asker& asker) const {
    const AdmissionRequest& request = asker.request;
    if (!request.call.info.subresource.empty()) co_return refuse_subresource(asker);
    CO_TRY(const Pod pod, api::decode<Pod>(*request.object));
    if (!podspec::is_mirror(pod)) {
      co_return asker.refuse_plainly(
          "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"" + asker.node +
          "\" can only create mirror pods");
    }
    if (pod.spec.nodeName != asker.node) {
      co_return asker.refuse("can only create pods with spec.nodeName set to itself");
    }
    if (const auto problem = owner_problem(pod, asker.node); !problem.empty()) {
      co_return asker.refuse(problem);
    }
    CO_TRY(const auto node, co_await find_admission_object(caches_, api::resource_of<Node>(),
                                                           api::ObjectKey{{}, asker.node}));
    if (!node) co_return fail(Status::not_found("", "nodes", asker.node));
    const std::string& uid = pod.metadata.ownerReferences[0].uid;
    if (uid != node->uid()) {
      co_return asker.refuse_plainly("node " + asker.node + " UID mismatch: expected " + uid +
                                     " got " + node->uid());
    }
    if (const auto named = named_by(pod); !named.empty()) {
      co_return asker.refuse("can not create pods that reference " + std::string(named));
    }
    co_return Result<void>{};
  }

  static std::unexpected<Status> refuse_subresource(const Asker& asker) {
    return asker.refuse_plainly("unexpected pod subresource \"" +
                                asker.request.call.info.subresource +
                                "\", only 'status' and 'eviction' are allowed");
  }

  static Result<void> check_pod(const Asker& asker) {
    const AdmissionRequest& request = asker.request;
    if (!request.before) return {};
    const Pod& before = request.before->as<Pod>();
    const bool own = before.spec.nodeName == asker.node;
    const std::string& subresource = request.call.info.subresource;
    if (request.operation == Operation::Delete) {
      if (own) return {};
      if (subresource == "eviction") {
        return asker.refuse_plainly("node " + asker.node +
                                    " can only evict pods with spec.nodeName set to itself");
      }
      return asker.refuse("can only delete pods with spec.nodeName set to itself");
    }
    if (subresource.empty()) return asker.refuse("can only create and delete mirror pods");
    if (subresource != "status") return refuse_subresource(asker);
    if (!own) {
      return asker.refuse("can only update pod status for pods with spec.nodeName set to itself");
    }
    TRY(const Pod now, api::decode<Pod>(*request.object));
    // Labels say which Services and policies a pod belongs to.
    if (now.metadata.labels != before.metadata.labels) {
      return asker.refuse("cannot update labels through pod status");
    }
    if (now.status.resourceClaimStatuses != before.status.resourceClaimStatuses) {
      return asker.refuse("cannot update resource claim statues");  // Upstream's word.
    }
    return {};
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
      return asker.refuse_plainly("is not allowed to modify labels: " + refused);
    }
    if (before != nullptr && request.call.info.subresource.empty() &&
        now.spec.taints != before->spec.taints) {
      return asker.refuse("is not allowed to modify taints");
    }
    return {};
  }

  CacheSet& caches_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_node_restriction(CacheSet& caches) {
  return std::make_unique<NodeRestriction>(caches);
}

}  // namespace keelson::apiserver
