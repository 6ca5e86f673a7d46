// SPDX-License-Identifier: Apache-2.0
#include "api/apps/v1.h"
#include "api/selector.h"
#include "apiserver/printers/cells.h"
#include "base/ascii.h"

namespace keelson::apiserver {
namespace {

using namespace apps::v1;

// "daemonset.apps/web" of the owner that controls the revision.
std::string controller_of(const ControllerRevision& revision) {
  for (const auto& owner : revision.metadata.ownerReferences) {
    if (!owner.controller.value_or(false)) continue;
    std::string kind = lower_case(owner.kind);
    const auto slash = owner.apiVersion.find('/');
    if (slash != std::string::npos) kind += "." + owner.apiVersion.substr(0, slash);
    return kind + "/" + owner.name;
  }
  return std::string(kNone);
}

Cells controller_revision_cells(const ControllerRevision& revision, Wall now) {
  return {revision.metadata.name, controller_of(revision), revision.revision,
          age_of(revision, now)};
}

Cells daemon_set_cells(const DaemonSet& set, Wall now) {
  const auto& status = set.status;
  const auto& pod = set.spec.template_.spec;
  return {set.metadata.name,
          status.desiredNumberScheduled,
          status.currentNumberScheduled,
          status.numberReady,
          status.updatedNumberScheduled,
          status.numberAvailable,
          format_labels(pod.nodeSelector),
          age_of(set, now),
          container_names(pod),
          container_images(pod),
          api::format_label_selector(set.spec.selector.get())};
}

// The selector's text: other kinds show "<none>" for an empty one.
std::string selector_of(const Deployment& deployment) {
  const auto selector = api::LabelSelector::from(deployment.spec.selector.get());
  return selector ? selector->text() : "<invalid>";
}

Cells deployment_cells(const Deployment& deployment, Wall now) {
  const auto& status = deployment.status;
  const auto& pod = deployment.spec.template_.spec;
  return {deployment.metadata.name,
          of_total(status.readyReplicas, deployment.spec.replicas.value_or(0)),
          status.updatedReplicas,
          status.availableReplicas,
          age_of(deployment, now),
          container_names(pod),
          container_images(pod),
          selector_of(deployment)};
}

Cells replica_set_cells(const ReplicaSet& set, Wall now) {
  const auto& pod = set.spec.template_.spec;
  return {set.metadata.name,     set.spec.replicas.value_or(0),
          set.status.replicas,   set.status.readyReplicas,
          age_of(set, now),      container_names(pod),
          container_images(pod), api::format_label_selector(set.spec.selector.get())};
}

Cells stateful_set_cells(const StatefulSet& set, Wall now) {
  const auto& pod = set.spec.template_.spec;
  return {set.metadata.name, of_total(set.status.readyReplicas, set.spec.replicas.value_or(0)),
          age_of(set, now), container_names(pod), container_images(pod)};
}

constexpr Printer kPrinters[] = {
    printer<ControllerRevision, controller_revision_cells>(),
    printer<DaemonSet, daemon_set_cells>(),
    printer<Deployment, deployment_cells>(),
    printer<ReplicaSet, replica_set_cells>(),
    printer<StatefulSet, stateful_set_cells>(),
};

}  // namespace

std::span<const Printer> apps_printers() { return kPrinters; }

}  // namespace keelson::apiserver
