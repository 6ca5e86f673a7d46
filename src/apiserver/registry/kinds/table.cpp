// SPDX-License-Identifier: Apache-2.0
// Which strategy serves which kind.
#include <unordered_map>

#include "apiserver/registry/kinds/autoscaling.h"
#include "apiserver/registry/kinds/batch_cron_job.h"
#include "apiserver/registry/kinds/batch_job.h"
#include "apiserver/registry/kinds/certificates_signing_request.h"
#include "apiserver/registry/kinds/coordination_lease.h"
#include "apiserver/registry/kinds/core_config.h"
#include "apiserver/registry/kinds/core_event.h"
#include "apiserver/registry/kinds/core_limits.h"
#include "apiserver/registry/kinds/core_namespace.h"
#include "apiserver/registry/kinds/core_node.h"
#include "apiserver/registry/kinds/core_pod.h"
#include "apiserver/registry/kinds/core_pod_template.h"
#include "apiserver/registry/kinds/core_replication_controller.h"
#include "apiserver/registry/kinds/core_service.h"
#include "apiserver/registry/kinds/core_service_account.h"
#include "apiserver/registry/kinds/core_volume.h"
#include "apiserver/registry/kinds/endpoints.h"
#include "apiserver/registry/kinds/networking.h"
#include "apiserver/registry/kinds/node_runtime_class.h"
#include "apiserver/registry/kinds/policy_disruption_budget.h"
#include "apiserver/registry/kinds/rbac.h"
#include "apiserver/registry/kinds/scheduling.h"
#include "apiserver/registry/kinds/storage_class.h"
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
      {"", "endpoints", the<EndpointsStrategy>()},
      {"", "events", the<EventStrategy>()},
      {"", "limitranges", the<LimitRangeStrategy>()},
      {"", "namespaces", the<NamespaceStrategy>()},
      {"", "nodes", the<NodeStrategy>()},
      {"", "persistentvolumeclaims", the<PersistentVolumeClaimStrategy>()},
      {"", "persistentvolumes", the<PersistentVolumeStrategy>()},
      {"", "pods", the<PodStrategy>()},
      {"", "podtemplates", the<PodTemplateStrategy>()},
      {"", "replicationcontrollers", the<ReplicationControllerStrategy>()},
      {"", "resourcequotas", the<ResourceQuotaStrategy>()},
      {"", "secrets", the<SecretStrategy>()},
      {"", "serviceaccounts", the<ServiceAccountStrategy>()},
      {"", "services", the<ServiceStrategy>()},
      {"apps", "daemonsets", the<DaemonSetStrategy>()},
      {"apps", "deployments", the<DeploymentStrategy>()},
      {"apps", "replicasets", the<ReplicaSetStrategy>()},
      {"apps", "statefulsets", the<StatefulSetStrategy>()},
      {"autoscaling", "horizontalpodautoscalers", the<AutoscalerStrategy>()},
      {"batch", "cronjobs", the<CronJobStrategy>()},
      {"batch", "jobs", the<JobStrategy>()},
      {"certificates.k8s.io", "certificatesigningrequests", the<SigningRequestStrategy>()},
      {"coordination.k8s.io", "leases", the<LeaseStrategy>()},
      {"discovery.k8s.io", "endpointslices", the<EndpointSliceStrategy>()},
      {"networking.k8s.io", "ingressclasses", the<IngressClassStrategy>()},
      {"networking.k8s.io", "ingresses", the<IngressStrategy>()},
      {"networking.k8s.io", "networkpolicies", the<NetworkPolicyStrategy>()},
      {"node.k8s.io", "runtimeclasses", the<RuntimeClassStrategy>()},
      {"policy", "poddisruptionbudgets", the<DisruptionBudgetStrategy>()},
      {"rbac.authorization.k8s.io", "clusterrolebindings", the<RoleBindingStrategy>()},
      {"rbac.authorization.k8s.io", "clusterroles", the<RoleStrategy>()},
      {"rbac.authorization.k8s.io", "rolebindings", the<RoleBindingStrategy>()},
      {"rbac.authorization.k8s.io", "roles", the<RoleStrategy>()},
      {"scheduling.k8s.io", "priorityclasses", the<PriorityClassStrategy>()},
      {"storage.k8s.io", "storageclasses", the<StorageClassStrategy>()},
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
