// SPDX-License-Identifier: Apache-2.0
// What may change about the status of a pod. Source: upstream, ValidatePodStatusUpdate.
#include <algorithm>

#include "api/codec/json.h"
#include "api/ip.h"
#include "api/names.h"
#include "apiserver/registry/kinds/pod_annotations.h"
#include "apiserver/registry/kinds/pod_changes.h"
#include "apiserver/registry/kinds/pod_spec.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using api::FieldErrors;
using api::FieldPath;
using core::v1::Pod;

// A container that has ended for good does not run again.
void check_terminated(const std::vector<core::v1::ContainerStatus>& now,
                      const std::vector<core::v1::ContainerStatus>& before,
                      const auto& may_run_again, const FieldPath& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& old = before[i];
    if (!old.state.terminated || may_run_again(old)) continue;
    for (const auto& status : now) {
      if (status.name == old.name && !status.state.terminated) {
        errors.forbidden(path.index(i).child("state"),
                         "may not be transitioned to non-terminated state");
      }
    }
  }
}

void check_states(const Pod& now, const Pod& before, const FieldPath& path, FieldErrors& errors) {
  const std::string& restart = before.spec.restartPolicy;
  const auto may_restart = [&](const core::v1::ContainerStatus& status) {
    return restart == "Always" ||
           (restart == "OnFailure" && status.state.terminated->exitCode != 0);
  };
  check_terminated(now.status.containerStatuses, before.status.containerStatuses, may_restart,
                   path.child("containerStatuses"), errors);
  check_terminated(
      now.status.initContainerStatuses, before.status.initContainerStatuses,
      [&](const core::v1::ContainerStatus& status) {
        const auto& list = before.spec.initContainers;
        const auto found = std::ranges::find(list, status.name, &core::v1::Container::name);
        return may_restart(status) || (found != list.end() && podspec::is_sidecar(*found));
      },
      path.child("initContainerStatuses"), errors);
  check_terminated(
      now.status.ephemeralContainerStatuses, before.status.ephemeralContainerStatuses,
      [](const core::v1::ContainerStatus&) { return false; },
      path.child("ephemeralContainerStatuses"), errors);
}

bool is_dual_stack(const auto& addresses) {
  if (addresses.size() != 2) return false;
  const auto first = api::IpAddress::parse(addresses[0].ip, true);
  const auto second = api::IpAddress::parse(addresses[1].ip, true);
  return first && second && first->is_v4() != second->is_v4();
}

// At most one of each family; those that were there before may be as they are.
template <class Address>
void check_addresses(const std::vector<Address>& now, const std::vector<Address>& before,
                     const FieldPath& path, FieldErrors& errors) {
  if (now == before) return;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (std::ranges::find(before, now[i]) != before.end()) continue;
    errors += api::validate_ip(path.index(i), now[i].ip, {.legacy = true});
  }
  if (now.size() < 2) return;
  if (!is_dual_stack(now)) {
    json::array shown;
    for (const auto& address : now) shown.push_back(api::encode_document(address));
    errors.invalid(path, json::value(std::move(shown)),
                   "may specify no more than one IP for each IP family");
  }
  NameSet seen;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (!seen.insert(now[i].ip).second) {
      errors.duplicate(path.index(i), api::encode_document(now[i]));
    }
  }
}

void check_host_addresses(const Pod& now, const Pod& before, const FieldPath& path,
                          FieldErrors& errors) {
  const auto& status = now.status;
  const bool same =
      status.hostIP == before.status.hostIP && status.hostIPs == before.status.hostIPs;
  if (same || status.hostIPs.empty()) return;
  if (status.hostIP != status.hostIPs.front().ip) {
    errors.invalid(path.index(0).child("ip"), status.hostIPs.front().ip,
                   "must be equal to `hostIP`");
  }
  check_addresses(status.hostIPs, before.status.hostIPs, path, errors);
}

void check_claims(const Pod& pod, const FieldPath& path, FieldErrors& errors) {
  NameSet seen;
  for (std::size_t i = 0; i < pod.status.resourceClaimStatuses.size(); ++i) {
    const auto& status = pod.status.resourceClaimStatuses[i];
    const FieldPath at = path.index(i).child("name");
    const auto& claims = pod.spec.resourceClaims;
    if (std::ranges::find(claims, status.name, &core::v1::PodResourceClaim::name) == claims.end()) {
      errors.invalid(at, status.name, "must match the name of an entry in `spec.resourceClaims`");
    }
    if (!seen.insert(status.name).second) errors.duplicate(at, status.name);
    if (status.resourceClaimName) {
      errors.invalid_each(at, *status.resourceClaimName,
                          api::validate_dns1123_subdomain(*status.resourceClaimName));
    }
  }
}

}  // namespace

void check_pod_status_update(const Pod& now, const Pod& before, FieldErrors& errors) {
  const FieldPath path("status");
  check_annotation_changes(now, before, errors);
  for (std::size_t i = 0; i < now.status.conditions.size(); ++i) {
    const std::string& type = now.status.conditions[i].type;
    // Source: upstream's own spelling.
    errors.invalid_each(FieldPath("metadata").child("conditions").index(i).child("Type"), type,
                        api::validate_qualified_name(type));
  }
  const std::string& nominated = now.status.nominatedNodeName;
  if (nominated != before.status.nominatedNodeName && !nominated.empty()) {
    errors.invalid_each(path.child("nominatedNodeName"), nominated,
                        api::validate_dns1123_subdomain(nominated));
  }
  if (now.status.qosClass != before.status.qosClass) {
    errors.invalid(path.child("qosClass"), now.status.qosClass, api::kImmutableMessage);
  }
  check_states(now, before, path, errors);
  check_claims(now, path.child("resourceClaimStatuses"), errors);
  check_addresses(now.status.podIPs, before.status.podIPs, path.child("podIPs"), errors);
  check_host_addresses(now, before, path.child("hostIPs"), errors);
}

}  // namespace keelson::apiserver
