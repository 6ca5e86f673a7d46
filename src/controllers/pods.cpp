// SPDX-License-Identifier: Apache-2.0
#include "controllers/pods.h"

namespace keelson::controllers {

bool is_ready(const core::v1::Pod& pod) {
  const auto* ready = find_condition(pod, "Ready");
  return ready && ready->status == "True";
}

bool is_available(const core::v1::Pod& pod, std::chrono::seconds min_ready, Wall now,
                  Duration* wait) {
  if (!is_ready(pod)) return false;
  if (min_ready.count() == 0) return true;
  const auto* ready = find_condition(pod, "Ready");
  if (!ready->lastTransitionTime) return false;
  const Duration missing = ready->lastTransitionTime.point() + min_ready - now;
  if (missing <= Duration::zero()) return true;
  if (wait && (*wait == Duration::zero() || missing < *wait)) *wait = missing;
  return false;
}

bool is_active(const core::v1::Pod& pod) {
  return !is_terminal(pod) && !pod.metadata.deletionTimestamp;
}

void index_by_node(client::InformerSet& informers) {
  informers.of<core::v1::Pod>().add_index(
      std::string(kByNode), [](const api::Object& object) -> std::vector<std::string> {
        return {object.as<core::v1::Pod>().spec.nodeName};
      });
}

core::v1::Pod pod_from_template(const core::v1::PodTemplateSpec& pod_template,
                                const meta::v1::ObjectMeta& owner,
                                meta::v1::OwnerReference reference) {
  core::v1::Pod pod;
  // The server shortens a generated name that is too long, but not below the prefix given.
  pod.metadata.generateName = owner.name.substr(0, 247) + "-";
  pod.metadata.namespace_ = owner.namespace_;
  pod.metadata.labels = pod_template.metadata.labels;
  pod.metadata.annotations = pod_template.metadata.annotations;
  pod.metadata.finalizers = pod_template.metadata.finalizers;
  pod.metadata.ownerReferences.push_back(std::move(reference));
  pod.spec = pod_template.spec;
  return pod;
}

}  // namespace keelson::controllers
