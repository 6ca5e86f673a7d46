// SPDX-License-Identifier: Apache-2.0
// Roles of the controllers: "system:controller:<name>", each bound to the service account
// kube-system/<name>, and to the one identity that ours share.
#include "apiserver/authz/rbac_policy.h"

namespace keelson::apiserver {
namespace {

#define READ "get,list,watch"
#define EVENTS "create,patch,update core,events.k8s.io events"
#define SCALES "get,update * */scale"

constexpr PolicyRole kControllers[] = {
    {"attachdetach-controller",
     "list,watch core persistentvolumeclaims,persistentvolumes;" READ
     " core nodes;patch,update core nodes/status;list,watch core pods;" EVENTS
     ";create,delete,get,list,watch,patch storage.k8s.io volumeattachments;"
     "get,list,watch storage.k8s.io csidrivers,csinodes;patch,update "
     "storage.k8s.io volumeattachments/status"},
    {"certificate-controller",
     "delete,get,list,watch certificates.k8s.io certificatesigningrequests;"
     "update certificates.k8s.io certificatesigningrequests/approval,"
     "certificatesigningrequests/status;"
     "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet;"
     "sign certificates.k8s.io signers kubernetes.io/kube-apiserver-client,"
     "kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,"
     "kubernetes.io/legacy-unknown;create authorization.k8s.io subjectaccessreviews;" EVENTS},
    {"clusterrole-aggregation-controller",
     "escalate,get,list,patch,update,watch rbac.authorization.k8s.io clusterroles"},
    {"cronjob-controller",
     "get,list,update,watch batch cronjobs;create,delete,get,list,patch,update,watch batch jobs;"
     "update batch cronjobs/status;update batch cronjobs/finalizers;delete,list core pods;" EVENTS},
    {"daemon-set-controller",
     "get,list,watch apps,extensions daemonsets;update apps,extensions daemonsets/status;"
     "update apps,extensions daemonsets/finalizers;list,watch core nodes;"
     "create,delete,list,patch,watch core pods;create core pods/binding;"
     "create,delete,get,list,patch,update,watch apps controllerrevisions;" EVENTS},
    {"deployment-controller",
     "get,list,update,watch apps,extensions deployments;update apps,extensions deployments/status;"
     "update apps,extensions deployments/finalizers;"
     "create,delete,get,list,patch,update,watch apps,extensions replicasets;"
     "get,list,update,watch core pods;" EVENTS},
    {"disruption-controller",
     READ " apps,extensions deployments;" READ " apps,extensions replicasets;" READ
          " core replicationcontrollers;" READ " policy poddisruptionbudgets;" READ
          " apps statefulsets;update policy poddisruptionbudgets/status;" READ
          " core pods;patch,update core pods/status;get * */scale;" EVENTS},
    {"endpoint-controller", READ " core pods,services;create,delete,get,list,update core endpoints;"
                                 "create core endpoints/restricted;" EVENTS},
    {"endpointslice-controller",
     READ " core nodes,pods,services;update core services/finalizers;"
          "create,delete,get,list,update discovery.k8s.io endpointslices;"
          "create discovery.k8s.io endpointslices/restricted;" EVENTS},
    {"endpointslicemirroring-controller",
     READ " core endpoints,services;update core services/finalizers;"
          "update core endpoints/finalizers;"
          "create,delete,get,list,update discovery.k8s.io endpointslices;"
          "create discovery.k8s.io endpointslices/restricted;" EVENTS},
    {"ephemeral-volume-controller",
     "update core pods/finalizers;" READ
     " core pods;create,get,list,watch core persistentvolumeclaims;" EVENTS},
    {"expand-controller",
     "get,list,patch,update,watch core persistentvolumes;"
     "patch,update core persistentvolumeclaims/status;" READ " core persistentvolumeclaims;" READ
     " storage.k8s.io storageclasses;" EVENTS},
    {"generic-garbage-collector", "delete,get,list,patch,update,watch * *;" EVENTS},
    {"horizontal-pod-autoscaler",
     READ " autoscaling horizontalpodautoscalers;update autoscaling "
          "horizontalpodautoscalers/status;" SCALES
          ";list core pods;list metrics.k8s.io pods;get,list custom.metrics.k8s.io *;"
          "get,list external.metrics.k8s.io *;" EVENTS},
    {"job-controller",
     "get,list,patch,update,watch batch jobs;patch,update batch jobs/status;"
     "update batch jobs/finalizers;create,delete,list,patch,watch core pods;"
     "create,get,list,watch scheduling.k8s.io podgroups,workloads;" EVENTS},
    {"kube-apiserver-serving-clustertrustbundle-publisher",
     "attest certificates.k8s.io signers kubernetes.io/kube-apiserver-serving;"
     "create,delete,list,update,watch certificates.k8s.io clustertrustbundles;" EVENTS},
    {"legacy-service-account-token-cleaner",
     "delete,patch core secrets;get core configmaps kube-apiserver-legacy-service-account-token-"
     "tracking"},
    {"namespace-controller",
     "delete,get,list,watch core namespaces;update core namespaces/finalize,namespaces/status;"
     "delete,deletecollection,get,list * *"},
    {"node-controller",
     "delete,get,list,patch,update core nodes;patch,update core nodes/status;"
     "patch,update core pods/status;delete,get,list core pods;create,get,list,update,watch "
     "networking.k8s.io clustercidrs;" EVENTS},
    {"persistent-volume-binder",
     "create,delete,get,list,update,watch core persistentvolumes;"
     "update core persistentvolumes/status;get,list,update,watch core persistentvolumeclaims;"
     "update core persistentvolumeclaims/status;create,delete,get,list,watch core pods;" READ
     " storage.k8s.io storageclasses;create,delete,get,update core endpoints,services;"
     "get,list core secrets;" READ " core nodes;watch core events;" EVENTS},
    {"pod-garbage-collector",
     "delete,list,watch core pods;get,list core nodes;"
     "patch,update core pods/status"},
    {"pv-protection-controller", "get,list,update,watch core persistentvolumes;" EVENTS},
    {"pvc-protection-controller",
     "get,list,update,watch core persistentvolumeclaims;"
     "update core persistentvolumeclaims/status;" READ " core pods;" EVENTS},
    {"podgroup-protection-controller",
     "get,list,update,watch scheduling.k8s.io podgroups;" READ " core pods;" EVENTS},
    {"replicaset-controller",
     "get,list,update,watch apps,extensions replicasets;update apps,extensions replicasets/status;"
     "update apps,extensions replicasets/finalizers;create,delete,list,patch,watch core "
     "pods;" EVENTS},
    {"replication-controller",
     "get,list,update,watch core replicationcontrollers;"
     "update core replicationcontrollers/status;update core replicationcontrollers/finalizers;"
     "create,delete,list,patch,watch core pods;" EVENTS},
    {"resource-claim-controller",
     "create,delete,get,list,patch,update,watch resource.k8s.io resourceclaims;"
     "patch,update resource.k8s.io resourceclaims/status;" READ
     " resource.k8s.io resourceclaimtemplates;update core pods/finalizers;"
     "patch,update core pods/status;" READ " core pods;" EVENTS},
    {"device-taint-eviction-controller",
     READ " core nodes,pods;delete core pods;patch,update core pods/status;" READ
          " resource.k8s.io devicetaintrules,resourceclaims,resourceslices;"
          "patch,update resource.k8s.io devicetaintrules/status;" EVENTS},
    {"resourcequota-controller", "list,watch * *;update core resourcequotas/status;" EVENTS},
    {"root-ca-cert-publisher", "create,update core configmaps;" EVENTS},
    {"route-controller", "list,watch core nodes;patch core nodes/status;" EVENTS},
    {"selinux-warning-controller", READ " core persistentvolumeclaims,persistentvolumes,pods;" READ
                                        " storage.k8s.io csidrivers;" EVENTS},
    {"service-account-controller", "create core serviceaccounts;" EVENTS},
    {"service-cidrs-controller",
     "get,list,patch,update,watch networking.k8s.io servicecidrs;"
     "patch,update networking.k8s.io servicecidrs/finalizers,servicecidrs/status;" READ
     " networking.k8s.io ipaddresses;" EVENTS},
    {"service-controller",
     READ " core services;patch,update core services/status;list,watch core nodes;" EVENTS},
    {"statefulset-controller",
     "list,watch core pods;" READ
     " apps statefulsets;update apps statefulsets/status;update apps statefulsets/finalizers;"
     "create,delete,get,patch,update core pods;"
     "create,delete,get,list,patch,update,watch apps controllerrevisions;"
     "create,get,list,watch core persistentvolumeclaims;"
     "delete,update core persistentvolumeclaims;" EVENTS},
    {"storage-version-migrator-controller",
     "list,patch * *;get,list,watch storagemigration.k8s.io storageversionmigrations;"
     "update storagemigration.k8s.io storageversionmigrations/status"},
    {"ttl-after-finished-controller", "delete,get,list,watch batch jobs;" EVENTS},
    {"ttl-controller", "list,patch,update,watch core nodes;" EVENTS},
    {"validatingadmissionpolicy-status-controller",
     "get,list,watch admissionregistration.k8s.io validatingadmissionpolicies;"
     "get,patch,update admissionregistration.k8s.io validatingadmissionpolicies/status;" EVENTS},
    {"vac-protection-controller",
     READ " core persistentvolumeclaims,persistentvolumes;"
          "get,list,update,watch storage.k8s.io volumeattributesclasses;" EVENTS},
};

#undef READ
#undef EVENTS
#undef SCALES

}  // namespace

std::span<const PolicyRole> policy_controller_roles() { return kControllers; }

}  // namespace keelson::apiserver
