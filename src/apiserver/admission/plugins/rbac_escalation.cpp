// SPDX-License-Identifier: Apache-2.0
// Who writes roles and bindings can give away only what he has. Upstream does this in front of the
// storage, with the same effect. Source: Kubernetes documentation, "Privilege escalation prevention
// and bootstrapping".
#include <algorithm>
#include <set>

#include "api/codec/json.h"
#include "apiserver/admission/plugins/plugins.h"
#include "apiserver/authz/rbac_rules.h"

namespace keelson::apiserver {
namespace {

using rbac::v1::PolicyRule;
using Rules = std::vector<PolicyRule>;

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

// The document without what only concerns deletion.
api::Document without_lifecycle(api::Document document) {
  auto& metadata = api::object_at(document, {"metadata"});
  for (const std::string_view name :
       {"ownerReferences", "finalizers", "managedFields", "resourceVersion", "generation"}) {
    metadata.erase(name);
  }
  return document;
}

std::string quoted_list(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const auto& value : values) {
    if (out.size() > 1) out += ' ';
    out.append("\"").append(value).append("\"");
  }
  return out + "]";
}

// Rules that differ in their verb only, as one.
Rules compact(const Rules& parts) {
  Rules out;
  for (const PolicyRule& part : parts) {
    const auto same = std::ranges::find_if(out, [&](const PolicyRule& rule) {
      return rule.apiGroups == part.apiGroups && rule.resources == part.resources &&
             rule.resourceNames == part.resourceNames &&
             rule.nonResourceURLs == part.nonResourceURLs && part.nonResourceURLs.empty();
    });
    if (same == out.end()) {
      out.push_back(part);
    } else {
      same->verbs.insert(same->verbs.end(), part.verbs.begin(), part.verbs.end());
    }
  }
  return out;
}

class RbacEscalation final : public AdmissionPlugin {
 public:
  explicit RbacEscalation(std::shared_ptr<const RbacAuthorizer> rbac) : rbac_(std::move(rbac)) {}

  std::string_view name() const override { return "RBACEscalation"; }

  Task<Result<void>> validate(const AdmissionRequest& request) override {
    if (request.resource.group != kGroup || request.object == nullptr ||
        request.call.user.in_group("system:masters")) {
      co_return Result<void>{};
    }
    if (request.before) {
      CO_TRY(auto before, api::parse_json(request.before->json()));
      if (without_lifecycle(std::move(before)) == without_lifecycle(*request.object)) {
        co_return Result<void>{};
      }
    }
    const auto plural = request.resource.plural;
    if (plural == "roles" || plural == "clusterroles") co_return check_role(request);
    if (plural == "rolebindings" || plural == "clusterrolebindings") {
      co_return check_binding(request);
    }
    co_return Result<void>{};
  }

 private:
  bool may(const AdmissionRequest& request, std::string verb, std::string_view resource,
           std::string_view role) const {
    RequestInfo info;
    info.is_resource = true;
    info.verb = std::move(verb);
    info.group = kGroup;
    info.version = "v1";
    info.resource = resource;
    info.namespace_ = request.key.namespace_;
    info.name = role;
    return rbac_->authorize(request.call.user, info).allowed;
  }

  Rules missing(const AdmissionRequest& request, const Rules& wanted) const {
    return uncovered_rules(rbac_->rules_of(request.call.user, request.key.namespace_), wanted);
  }

  Result<void> confirm(const AdmissionRequest& request, const Rules& wanted) const {
    const Rules parts = missing(request, wanted);
    if (parts.empty()) return {};
    std::set<std::string> lines;
    for (const auto& rule : compact(parts)) lines.insert(compact_text(rule));
    std::string text = "user \"" + request.call.user.name +
                       "\" (groups=" + quoted_list(request.call.user.groups) +
                       ") is attempting to grant RBAC permissions not currently held:";
    for (const auto& line : lines) text.append("\n").append(line);
    return fail(admission_forbidden(request, text));
  }

  Result<void> check_role(const AdmissionRequest& request) const {
    if (may(request, "escalate", request.resource.plural, request.key.name)) return {};
    TRY(const auto role, api::decode<rbac::v1::ClusterRole>(*request.object));
    TRY_OK(confirm(request, role.rules));
    const bool aggregated =
        role.aggregationRule || (request.before && request.resource.plural == "clusterroles" &&
                                 request.before->as<rbac::v1::ClusterRole>().aggregationRule);
    if (aggregated && !missing(request, {parse_rule("* * *"), parse_rule("* url *")}).empty()) {
      return fail(admission_forbidden(
          request, "must have cluster-admin privileges to use an aggregationRule"));
    }
    return {};
  }

  Result<void> check_binding(const AdmissionRequest& request) const {
    TRY(const auto binding, api::decode<rbac::v1::RoleBinding>(*request.object));
    const auto& reference = binding.roleRef;
    const std::string_view roles = reference.kind == "Role" ? "roles" : "clusterroles";
    if (may(request, "bind", roles, reference.name)) return {};
    const auto rules = rbac_->rules_of_role(reference, request.key.namespace_);
    if (!rules) return fail(Status::not_found(kGroup, roles, reference.name));
    return confirm(request, *rules);
  }

  const std::shared_ptr<const RbacAuthorizer> rbac_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_rbac_escalation(std::shared_ptr<const RbacAuthorizer> rbac) {
  return std::make_unique<RbacEscalation>(std::move(rbac));
}

}  // namespace keelson::apiserver
