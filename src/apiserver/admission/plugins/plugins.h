// SPDX-License-Identifier: Apache-2.0
// The admission plugins, one file each. All read the caches, which outlive them.
// Source: Kubernetes documentation, "Admission Control in Kubernetes".
#pragma once

#include <memory>
#include <string_view>

#include "apiserver/admission/admission.h"
#include "apiserver/authz/rbac.h"
#include "apiserver/cache/cache_set.h"
#include "base/random.h"

namespace keelson::apiserver {

// New content only in namespaces that exist and stay; those that the system needs are not deleted.
std::unique_ptr<AdmissionPlugin> make_namespace_lifecycle(CacheSet& caches);
// Pods get a service account, its image pull secrets and its token.
std::unique_ptr<AdmissionPlugin> make_service_account_admission(CacheSet& caches, Random& random);
// Pods bear an unready or unreachable node for five minutes.
std::unique_ptr<AdmissionPlugin> make_default_toleration_seconds();
// Pods get the priority of their class; there is one default class at most.
std::unique_ptr<AdmissionPlugin> make_priority_admission(CacheSet& caches);
// New nodes take no pods until they are seen to be ready.
std::unique_ptr<AdmissionPlugin> make_taint_nodes_by_condition();
// What is in use is not deleted under its users.
std::unique_ptr<AdmissionPlugin> make_storage_protection();
// Claims that name no StorageClass, and Ingresses that name no class, get the default one.
std::unique_ptr<AdmissionPlugin> make_default_classes(CacheSet& caches);
// Nodes change themselves and their own pods only.
std::unique_ptr<AdmissionPlugin> make_node_restriction(CacheSet& caches);
// Roles and bindings give away only what their writer has.
std::unique_ptr<AdmissionPlugin> make_rbac_escalation(std::shared_ptr<const RbacAuthorizer> rbac);
// Certificates are approved and signed by those who may, for each signer.
std::unique_ptr<AdmissionPlugin> make_certificate_admission(
    std::shared_ptr<const RbacAuthorizer> rbac);
// Pods with a RuntimeClass get its overhead and where it can run.
std::unique_ptr<AdmissionPlugin> make_runtime_class_admission(CacheSet& caches);
// Bound pods carry the zone and the region of their node.
std::unique_ptr<AdmissionPlugin> make_pod_topology_labels(CacheSet& caches);
// Claims grow only where their class can grow them.
std::unique_ptr<AdmissionPlugin> make_claim_resize(CacheSet& caches);
// Containers get the defaults of the LimitRanges of the namespace, and stay within their limits.
std::unique_ptr<AdmissionPlugin> make_limit_ranger(CacheSet& caches);

// --- What the plugins share
// -----------------------------------------------------------------------

// Whether the request is for the resource itself, and of that group and plural name.
bool is_request_for(const AdmissionRequest& request, std::string_view group,
                    std::string_view plural);
// `pods "x" is forbidden: why`
Status admission_forbidden(const AdmissionRequest& request, std::string_view why);
// From the cache; null only if it is not in the store either. Errors: Canceled.
Task<Result<api::ObjectPtr>> find_admission_object(CacheSet& caches, const api::Resource& resource,
                                                   api::ObjectKey key);
// The list at a path, made if there is none.
boost::json::array& array_at(api::Document& document, std::initializer_list<std::string_view> path,
                             std::string_view name);

}  // namespace keelson::apiserver
