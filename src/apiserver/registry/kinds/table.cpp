// SPDX-License-Identifier: Apache-2.0
// Which strategy serves which kind.
#include <unordered_map>

#include "apiserver/registry/kinds/batch_job.h"
#include "apiserver/registry/kinds/certificates_signing_request.h"
#include "apiserver/registry/kinds/core_config.h"
#include "apiserver/registry/kinds/core_namespace.h"
#include "apiserver/registry/kinds/core_pod.h"
#include "apiserver/registry/kinds/core_replication_controller.h"
#include "apiserver/registry/kinds/core_service.h"
#include "apiserver/registry/kinds/core_volume.h"
#include "apiserver/registry/kinds/rbac.h"
#include "apiserver/registry/kinds/scheduling.h"
#include "apiserver/registry/kinds/workloads.h"
#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {
namespace {

struct Entry {
  std::string_view group, plural;
  const Strategy& strategy;
};

template <class T>
const Strategy& the() {
  static const T strategy;
  return strategy;
}

// Kinds that are not here need nothing particular. An entry serves all versions of its kind.
std::unordered_map<const api::Resource*, const Strategy*> make_table() {
  const Entry entries[] = {
      {"", "configmaps", the<ConfigMapStrategy>()},
      {"", "namespaces", the<NamespaceStrategy>()},
      {"", "persistentvolumeclaims", the<PersistentVolumeClaimStrategy>()},
      {"", "persistentvolumes", the<PersistentVolumeStrategy>()},
      {"", "pods", the<PodStrategy>()},
      {"", "replicationcontrollers", the<ReplicationControllerStrategy>()},
      {"", "secrets", the<SecretStrategy>()},
      {"", "services", the<ServiceStrategy>()},
      {"apps", "daemonsets", the<DaemonSetStrategy>()},
      {"apps", "deployments", the<DeploymentStrategy>()},
      {"apps", "replicasets", the<ReplicaSetStrategy>()},
      {"apps", "statefulsets", the<StatefulSetStrategy>()},
      {"batch", "jobs", the<JobStrategy>()},
      {"certificates.k8s.io", "certificatesigningrequests", the<SigningRequestStrategy>()},
      {"rbac.authorization.k8s.io", "clusterrolebindings", the<RoleBindingStrategy>()},
      {"rbac.authorization.k8s.io", "clusterroles", the<RoleStrategy>()},
      {"rbac.authorization.k8s.io", "rolebindings", the<RoleBindingStrategy>()},
      {"rbac.authorization.k8s.io", "roles", the<RoleStrategy>()},
      {"scheduling.k8s.io", "priorityclasses", the<PriorityClassStrategy>()},
  };
  std::unordered_map<const api::Resource*, const Strategy*> table;
  for (const api::GroupVersion* version : api::builtin_group_versions()) {
    for (const api::Resource& resource : version->resources) {
      for (const Entry& entry : entries) {
        if (entry.group == resource.group && entry.plural == resource.plural) {
          table[&resource] = &entry.strategy;
        }
      }
    }
  }
  return table;
}

}  // namespace

const Strategy& strategy_for(const api::Resource& resource) {
  static const auto kTable = make_table();
  const auto found = kTable.find(&resource);
  return found == kTable.end() ? the<Strategy>() : *found->second;
}

}  // namespace keelson::apiserver
