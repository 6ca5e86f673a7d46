// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authz/node_authorizer.h"

#include <algorithm>

#include "api/core/v1.h"
#include "api/storage/v1.h"
#include "apiserver/authz/rbac_policy.h"
#include "apiserver/authz/rbac_rules.h"
#include "podspec/annotations.h"
#include "podspec/references.h"

namespace keelson::apiserver {
namespace {

using core::v1::PersistentVolume;
using core::v1::Pod;

constexpr std::string_view kUserPrefix = "system:node:";

bool has(const auto& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Whether only what has `value` in that field is asked for.
bool selects(const RequestInfo& request, std::string_view field, std::string_view value) {
  return std::ranges::any_of(request.field_selector.requirements(), [&](const auto& requirement) {
    return requirement.equal && requirement.field == field && requirement.value == value;
  });
}

class NodeAuthorizer final : public Authorizer {
 public:
  explicit NodeAuthorizer(const CacheSet& caches)
      : pods_(caches.find(api::resource_of<Pod>())),
        volumes_(caches.find(api::resource_of<PersistentVolume>())),
        attachments_(caches.find(api::resource_of<storage::v1::VolumeAttachment>())) {
    CHECK(pods_ && volumes_ && attachments_);
    std::string_view text = policy_node_rules();
    while (!text.empty()) {
      const auto end = text.find(';');
      rules_.push_back(parse_rule(text.substr(0, end)));
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
  }

  Decision authorize(const User& user, const RequestInfo& request) const override {
    if (!user.name.starts_with(kUserPrefix) || !user.in_group("system:nodes")) return {};
    const std::string_view node = std::string_view(user.name).substr(kUserPrefix.size());
    if (node.empty()) return {};
    if (request.is_resource) {
      if (auto decision = authorize_referenced(node, request)) return *std::move(decision);
    }
    const bool allowed =
        std::ranges::any_of(rules_, [&](const auto& rule) { return rule_allows(rule, request); });
    return {allowed, {}};
  }

 private:
  static Decision denied(std::string_view node) {
    return {false,
            "no relationship found between node '" + std::string(node) + "' and this object"};
  }

  // For what is not the same for all objects of the kind. Nothing: the rules alone decide.
  std::optional<Decision> authorize_referenced(std::string_view node,
                                               const RequestInfo& request) const {
    const auto& resource = request.resource;
    if (request.group == "coordination.k8s.io" && resource == "leases") {
      return own(node, request, "kube-node-lease");
    }
    if (request.group == "storage.k8s.io" && resource == "csinodes") {
      return own(node, request, {});
    }
    if (request.group == "storage.k8s.io" && resource == "volumeattachments") {
      return of_attachment(node, request);
    }
    if (!request.group.empty()) return std::nullopt;
    if (resource == "pods") return of_pods(node, request);
    if (resource == "nodes") return of_nodes(node, request);
    if (resource == "secrets") {
      return reading(node, request,
                     [&](const Pod& pod) { return has(podspec::secrets_of(pod), request.name); });
    }
    if (resource == "configmaps") {
      return reading(node, request, [&](const Pod& pod) {
        return has(podspec::config_maps_of(pod), request.name);
      });
    }
    if (resource == "persistentvolumeclaims") {
      const auto used = [&](const Pod& pod) { return has(podspec::claims_of(pod), request.name); };
      if (request.subresource == "status" && request.verb != "get") {
        return referenced(node, request, used);
      }
      return reading(node, request, used);
    }
    if (resource == "serviceaccounts" && request.subresource == "token") {
      if (request.verb != "create") return denied(node);
      return referenced(node, request, [&](const Pod& pod) {
        return pod.spec.serviceAccountName == request.name;
      });
    }
    if (resource == "serviceaccounts") {
      return reading(node, request,
                     [&](const Pod& pod) { return pod.spec.serviceAccountName == request.name; });
    }
    if (resource == "persistentvolumes") return of_volume(node, request);
    return std::nullopt;
  }

  // Writes are for admission to judge, which sees the pod.
  Decision of_pods(std::string_view node, const RequestInfo& request) const {
    const std::string& verb = request.verb;
    if (request.subresource == "status") return {verb == "update" || verb == "patch", {}};
    if (request.subresource == "eviction") return {verb == "create", {}};
    if (!request.subresource.empty()) return {};
    if (verb == "create" || verb == "delete") return {true, {}};
    const bool of_many = verb == "list" || verb == "watch";
    if (of_many && selects(request, "spec.nodeName", node)) return {true, {}};
    if (of_many && request.name.empty()) {
      return {false, "can only list/watch pods with spec.nodeName field selector"};
    }
    if (verb != "get" && !of_many) return {};
    const auto object = pods_->find({request.namespace_, request.name});
    if (object && object->as<Pod>().spec.nodeName == node) return {true, {}};
    return denied(node);
  }

  static Decision of_nodes(std::string_view node, const RequestInfo& request) {
    const std::string& verb = request.verb;
    const bool changes = verb == "update" || verb == "patch";
    if (request.subresource == "status") return {changes, {}};
    if (!request.subresource.empty()) return {};
    if (changes || verb == "create") return {true, {}};
    if (verb != "get" && verb != "list" && verb != "watch") return {};
    // By name: a node looks for itself before it is there.
    if (request.name == node) return {true, {}};
    const std::string who = "node '" + std::string(node) + "' cannot read ";
    if (request.name.empty()) return {false, who + "all nodes, only its own Node object"};
    return {false, who + "'" + request.name + "', only its own Node object"};
  }

  // Reads of one object, or of lists that pin its name.
  template <class Uses>
  Decision reading(std::string_view node, const RequestInfo& request, Uses uses) const {
    const bool reads = request.verb == "get" || request.verb == "list" || request.verb == "watch";
    if (!reads || !request.subresource.empty() || request.name.empty()) {
      return {false, "can only read resources of this type"};
    }
    return referenced(node, request, uses);
  }

  template <class Uses>
  Decision referenced(std::string_view node, const RequestInfo& request, Uses uses) const {
    if (any_pod(node, request.namespace_, uses)) return {true, {}};
    return denied(node);
  }

  template <class Uses>
  bool any_pod(std::string_view node, const std::string& namespace_, Uses uses) const {
    bool found = false;
    pods_->state().objects.each_from({namespace_, {}}, [&](const api::ObjectPtr& object) {
      if (object->namespace_() != namespace_) return false;
      const Pod& pod = object->as<Pod>();
      // A node makes mirror pods itself: they must give it nothing.
      found = pod.spec.nodeName == node && !podspec::is_mirror(pod) && uses(pod);
      return !found;
    });
    return found;
  }

  static Decision own(std::string_view node, const RequestInfo& request,
                      std::string_view namespace_) {
    if (request.namespace_ != namespace_) {
      return {false, "can only access objects of this type in the namespace \"" +
                         std::string(namespace_) + "\""};
    }
    const bool reads_all = request.verb == "list" || request.verb == "watch";
    if (reads_all && request.name.empty()) return {false, "can only access its own object"};
    // As upstream's: the name of a new object is in the body, which authorization does not see.
    if (request.verb == "create") return {true, {}};
    if (request.name != node) {
      return {false, "can only access the object with the same name as the requesting node"};
    }
    return {request.verb != "deletecollection", {}};
  }

  Decision of_attachment(std::string_view node, const RequestInfo& request) const {
    if (request.verb != "get") return {false, "can only get individual resources of this type"};
    const auto object = attachments_->find({{}, request.name});
    if (object && object->as<storage::v1::VolumeAttachment>().spec.nodeName == node) {
      return {true, {}};
    }
    return denied(node);
  }

  Decision of_volume(std::string_view node, const RequestInfo& request) const {
    if (request.verb != "get") return {false, "can only get individual resources of this type"};
    const auto object = volumes_->find({{}, request.name});
    if (object) {
      const auto& claim = object->as<PersistentVolume>().spec.claimRef;
      if (claim && any_pod(node, claim->namespace_, [&](const Pod& pod) {
            return has(podspec::claims_of(pod), claim->name);
          })) {
        return {true, {}};
      }
    }
    return denied(node);
  }

  const std::shared_ptr<WatchCache> pods_, volumes_, attachments_;
  std::vector<rbac::v1::PolicyRule> rules_;
};

}  // namespace

std::unique_ptr<Authorizer> make_node_authorizer(const CacheSet& caches) {
  return std::make_unique<NodeAuthorizer>(caches);
}

}  // namespace keelson::apiserver
