// SPDX-License-Identifier: Apache-2.0
// Roles for users and components. Those of the controllers are in rbac_policy_controllers.cpp.
#include "apiserver/authz/rbac_policy.h"

namespace keelson::apiserver {
namespace {

#define READ "get,list,watch"
#define WRITE "create,delete,deletecollection,patch,update"
#define READ_WRITE "create,delete,deletecollection,get,list,patch,update,watch"
#define EVENTS "create,patch,update core,events.k8s.io events"

constexpr std::string_view kNodeRules =
    "create authentication.k8s.io tokenreviews;"
    "create authorization.k8s.io subjectaccessreviews,localsubjectaccessreviews;" READ
    " core services;"
    "create,get,list,watch core nodes;"
    "patch,update core nodes/status;"
    "delete,patch,update core nodes;" EVENTS ";" READ
    " core pods;"
    "create,delete core pods;"
    "patch,update core pods/status;"
    "create core pods/eviction;" READ
    " core configmaps,secrets;"
    "get core persistentvolumeclaims,persistentvolumes;"
    "get core endpoints;"
    "create,get,list,watch certificates.k8s.io certificatesigningrequests;"
    "create,delete,get,patch,update,list,watch coordination.k8s.io leases;"
    "get storage.k8s.io volumeattachments;"
    "create core serviceaccounts/token;"
    "get,patch,update core persistentvolumeclaims/status;" READ
    " storage.k8s.io csidrivers;"
    "create,delete,get,patch,update storage.k8s.io csinodes;" READ
    " node.k8s.io runtimeclasses;"
    "get resource.k8s.io resourceclaims;"
    "deletecollection,create,delete,get,list,patch,update,watch resource.k8s.io resourceslices;"
    "get core serviceaccounts;" READ
    " certificates.k8s.io clustertrustbundles;"
    "create,get,list,watch certificates.k8s.io podcertificaterequests";

constexpr PolicyRole kRoles[] = {
    {"cluster-admin", "* * *;* url *"},
    {"system:discovery",
     "get url /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,"
     "/version/"},
    {"system:public-info-viewer", "get url /healthz,/livez,/readyz,/version,/version/"},
    {"system:monitoring",
     "get url /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*"},
    {"system:basic-user",
     "create authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews;"
     "create authentication.k8s.io selfsubjectreviews"},

    {"admin", "", "", "aggregate-to-admin"},
    {"edit", "", "aggregate-to-admin=true", "aggregate-to-edit"},
    {"view", "", "aggregate-to-edit=true", "aggregate-to-view"},
    {"system:aggregate-to-admin",
     "create authorization.k8s.io localsubjectaccessreviews;" READ_WRITE
     " rbac.authorization.k8s.io rolebindings,roles",
     "aggregate-to-admin=true"},
    {"system:aggregate-to-edit",
     READ " core pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy;"
          "impersonate core serviceaccounts;" WRITE
          " core pods,pods/attach,pods/exec,pods/portforward,pods/proxy;"
          "create core pods/eviction;" WRITE
          " core configmaps,events,persistentvolumeclaims,replicationcontrollers,"
          "replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy;"
          "create core serviceaccounts/token;" WRITE
          " apps daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,"
          "replicasets/scale,statefulsets,statefulsets/scale;" WRITE
          " autoscaling horizontalpodautoscalers;" WRITE " batch cronjobs,jobs;" WRITE
          " extensions daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,"
          "networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale;" WRITE
          " policy poddisruptionbudgets;" WRITE
          " networking.k8s.io ingresses,networkpolicies;" READ_WRITE
          " coordination.k8s.io leases;" WRITE
          " resource.k8s.io resourceclaims,resourceclaimtemplates",
     "aggregate-to-edit=true"},
    {"system:aggregate-to-view",
     READ
     " core configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,"
     "replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,"
     "services/status;" READ
     " core bindings,events,limitranges,namespaces/status,pods/log,pods/status,"
     "replicationcontrollers/status,resourcequotas,resourcequotas/status;" READ
     " core namespaces;" READ " discovery.k8s.io endpointslices;" READ
     " apps controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,"
     "deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,"
     "statefulsets/scale,statefulsets/status;" READ
     " autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status;" READ
     " batch cronjobs,cronjobs/status,jobs,jobs/status;" READ
     " extensions daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,"
     "ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,"
     "replicationcontrollers/scale;" READ
     " policy poddisruptionbudgets,poddisruptionbudgets/status;" READ
     " networking.k8s.io ingresses,ingresses/status,networkpolicies;" READ
     " resource.k8s.io resourceclaims,resourceclaims/status,resourceclaimtemplates",
     "aggregate-to-view=true"},

    {"system:heapster", READ " core events,namespaces,nodes,pods;" READ " extensions deployments"},
    {"system:node", kNodeRules},
    {"system:node-problem-detector", "get core nodes;patch core nodes/status;" EVENTS},
    {"system:kubelet-api-admin", READ
     " core nodes;proxy core nodes;* core nodes/checkpoint,nodes/configz,nodes/healthz,nodes/log,"
     "nodes/metrics,nodes/pods,nodes/proxy,nodes/spec,nodes/stats"},
    {"system:node-bootstrapper",
     "create,get,list,watch certificates.k8s.io certificatesigningrequests"},
    {"system:auth-delegator",
     "create authentication.k8s.io tokenreviews;"
     "create authorization.k8s.io subjectaccessreviews"},
    {"system:kube-aggregator",
     READ " core endpoints,services;" READ " discovery.k8s.io endpointslices"},
    {"system:kube-controller-manager", EVENTS
     ";create coordination.k8s.io leases;"
     "get,update coordination.k8s.io leases kube-controller-manager;"
     "create core secrets,serviceaccounts;delete core secrets;"
     "get core configmaps,namespaces,secrets,serviceaccounts;update core secrets,serviceaccounts;"
     "create authentication.k8s.io tokenreviews;"
     "create authorization.k8s.io subjectaccessreviews;list,watch * *;"
     "create core serviceaccounts/token"},
    {"system:kube-dns", "list,watch core endpoints,services"},
    {"system:persistent-volume-provisioner",
     "create,delete,get,list,watch core persistentvolumes;"
     "get,list,update,watch core persistentvolumeclaims;" READ
     " storage.k8s.io storageclasses;watch core events;" EVENTS},
    {"system:kube-scheduler", EVENTS
     ";create,get,list,watch coordination.k8s.io leases;"
     "get,patch,update coordination.k8s.io leases kube-scheduler;"
     "create,get,list,watch coordination.k8s.io leasecandidates;"
     "deletecollection,delete,get,list,patch,update,watch coordination.k8s.io leasecandidates;" READ
     " core nodes;delete,get,list,watch core pods;create core bindings,pods/binding;"
     "patch,update core pods/status;" READ " core replicationcontrollers,services;" READ
     " apps replicasets,statefulsets;" READ " policy poddisruptionbudgets;" READ
     " core persistentvolumeclaims,persistentvolumes;"
     "create authentication.k8s.io tokenreviews;"
     "create authorization.k8s.io subjectaccessreviews;" READ " storage.k8s.io "
     "csidrivers,csinodes,csistoragecapacities,storageclasses,volumeattachments;" READ
     " core namespaces;" READ
     " resource.k8s.io deviceclasses,resourceclaims,resourceslices,devicetaintrules;"
     "patch,update resource.k8s.io resourceclaims,resourceclaims/status;" READ
     " scheduling.k8s.io podgroups,priorityclasses,workloads;"
     "patch,update scheduling.k8s.io podgroups/status"},
    {"system:volume-scheduler",
     "get,list,patch,update,watch core persistentvolumes;" READ
     " storage.k8s.io storageclasses;get,list,patch,update,watch core persistentvolumeclaims"},
    {"system:node-proxier",
     "list,watch core endpoints,services;" READ " core nodes;" EVENTS
     ";list,watch discovery.k8s.io endpointslices;list,watch networking.k8s.io servicecidrs"},
    {"system:service-account-issuer-discovery",
     "get url /.well-known/openid-configuration,/.well-known/openid-configuration/,"
     "/openid/v1/jwks,/openid/v1/jwks/"},
    {"system:cluster-trust-bundle-discovery", READ " certificates.k8s.io clustertrustbundles"},
    {"system:certificates.k8s.io:certificatesigningrequests:nodeclient",
     "create certificates.k8s.io certificatesigningrequests/nodeclient"},
    {"system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
     "create certificates.k8s.io certificatesigningrequests/selfnodeclient"},
    {"system:certificates.k8s.io:legacy-unknown-approver",
     "approve certificates.k8s.io signers kubernetes.io/legacy-unknown"},
    {"system:certificates.k8s.io:kubelet-serving-approver",
     "approve certificates.k8s.io signers kubernetes.io/kubelet-serving"},
    {"system:certificates.k8s.io:kube-apiserver-client-approver",
     "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client"},
    {"system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
     "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet"},

    // Ours: the cluster's DNS server runs inside, and keeps the Service that leads to it.
    {"system:keelson:dns",
     READ " core namespaces,pods,services;" READ " discovery.k8s.io endpointslices"},

    {"extension-apiserver-authentication-reader",
     "get,list,watch core configmaps extension-apiserver-authentication", "", "", "kube-system"},
    {"system::leader-locking-kube-controller-manager",
     "watch core configmaps;get,update core configmaps kube-controller-manager", "", "",
     "kube-system"},
    {"system::leader-locking-kube-scheduler",
     "watch core configmaps;get,update core configmaps kube-scheduler", "", "", "kube-system"},
    {"system:controller:bootstrap-signer", "get,list,watch core secrets", "", "", "kube-system"},
    {"system:controller:cloud-provider", "create,get,list,watch core configmaps", "", "",
     "kube-system"},
    {"system:controller:token-cleaner", "delete,get,list,watch core secrets;" EVENTS, "", "",
     "kube-system"},
    {"system:controller:bootstrap-signer",
     READ " core configmaps;update core configmaps cluster-info;" EVENTS, "", "", "kube-public"},
    {"system:keelson:dns",
     "create core services;get,update,patch core services kube-dns;"
     "create,get,update,patch,delete discovery.k8s.io endpointslices;" EVENTS,
     "", "", "kube-system"},
};

#undef READ
#undef WRITE
#undef READ_WRITE
#undef EVENTS

constexpr PolicyBinding kBindings[] = {
    {"cluster-admin", "cluster-admin", "Group:system:masters"},
    {"kubeadm:cluster-admins", "cluster-admin", "Group:kubeadm:cluster-admins"},
    {"system:monitoring", "system:monitoring", "Group:system:monitoring"},
    {"system:discovery", "system:discovery", "Group:system:authenticated"},
    {"system:basic-user", "system:basic-user", "Group:system:authenticated"},
    {"system:public-info-viewer", "system:public-info-viewer",
     "Group:system:authenticated,Group:system:unauthenticated"},
    {"system:node-proxier", "system:node-proxier", "User:system:kube-proxy"},
    {"system:kube-controller-manager", "system:kube-controller-manager",
     "User:system:kube-controller-manager"},
    {"system:kube-dns", "system:kube-dns", "ServiceAccount:kube-system:kube-dns"},
    {"system:kube-scheduler", "system:kube-scheduler", "User:system:kube-scheduler"},
    {"system:volume-scheduler", "system:volume-scheduler", "User:system:kube-scheduler"},
    // Without subjects: nodes are judged by the node authorizer.
    {"system:node", "system:node", ""},
    {"system:service-account-issuer-discovery", "system:service-account-issuer-discovery",
     "Group:system:serviceaccounts"},
    {"system:cluster-trust-bundle-discovery", "system:cluster-trust-bundle-discovery",
     "Group:system:serviceaccounts"},
    {"kube-apiserver-kubelet-client", "system:kubelet-api-admin",
     "User:kube-apiserver-kubelet-client"},
    {"system:keelson:dns", "system:keelson:dns", "User:system:keelson:dns"},

    {"system:keelson:dns", "system:keelson:dns", "User:system:keelson:dns", "kube-system"},
    {"system::extension-apiserver-authentication-reader",
     "extension-apiserver-authentication-reader",
     "User:system:kube-controller-manager,User:system:kube-scheduler", "kube-system"},
    {"system::leader-locking-kube-controller-manager",
     "system::leader-locking-kube-controller-manager",
     "User:system:kube-controller-manager,ServiceAccount:kube-system:kube-controller-manager",
     "kube-system"},
    {"system::leader-locking-kube-scheduler", "system::leader-locking-kube-scheduler",
     "User:system:kube-scheduler,ServiceAccount:kube-system:kube-scheduler", "kube-system"},
    {"system:controller:bootstrap-signer", "system:controller:bootstrap-signer",
     "ServiceAccount:kube-system:bootstrap-signer,User:system:kube-controller-manager",
     "kube-system"},
    {"system:controller:cloud-provider", "system:controller:cloud-provider",
     "ServiceAccount:kube-system:cloud-provider", "kube-system"},
    {"system:controller:token-cleaner", "system:controller:token-cleaner",
     "ServiceAccount:kube-system:token-cleaner,User:system:kube-controller-manager", "kube-system"},
    {"system:controller:bootstrap-signer", "system:controller:bootstrap-signer",
     "ServiceAccount:kube-system:bootstrap-signer,User:system:kube-controller-manager",
     "kube-public"},
};

}  // namespace

std::span<const PolicyRole> policy_roles() { return kRoles; }
std::span<const PolicyBinding> policy_bindings() { return kBindings; }
std::string_view policy_node_rules() { return kNodeRules; }

}  // namespace keelson::apiserver
