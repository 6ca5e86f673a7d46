// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/pod_changes.h"

#include <algorithm>

#include "api/codec/json.h"
#include "api/names.h"
#include "api/quote.h"
#include "apiserver/registry/kinds/pod_annotations.h"
#include "podspec/annotations.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using api::FieldErrors;
using api::FieldPath;
using core::v1::Pod;
using core::v1::PodSpec;

// Whatever else may be wrong does not matter then.
void refuse_at_all(std::string_view why, FieldErrors& errors) {
  errors = {};
  errors.forbidden({}, why);
}

// The new ones after the old ones, whose tolerationSeconds alone may change.
bool only_adds(const std::vector<core::v1::Toleration>& now,
               const std::vector<core::v1::Toleration>& before) {
  return std::ranges::all_of(before, [&](core::v1::Toleration old) {
    return std::ranges::any_of(now, [&](const core::v1::Toleration& toleration) {
      old.tolerationSeconds = toleration.tolerationSeconds;
      return toleration == old;
    });
  });
}

void check_gates(const PodSpec& now, const PodSpec& before, FieldErrors& errors) {
  for (std::size_t i = 0; i < now.schedulingGates.size(); ++i) {
    const auto& gate = now.schedulingGates[i];
    if (std::ranges::find(before.schedulingGates, gate) != before.schedulingGates.end()) continue;
    errors.forbidden(FieldPath("spec").child("schedulingGates").index(i).child("name"),
                     "only deletion is allowed, but found new scheduling gate '" + gate.name + "'");
  }
}

void check_node_selector(const PodSpec& now, const PodSpec& before, FieldErrors& errors) {
  const bool keeps = std::ranges::all_of(before.nodeSelector, [&](const auto& label) {
    const auto found = now.nodeSelector.find(label.first);
    return found != now.nodeSelector.end() && found->second == label.second;
  });
  if (keeps) return;
  json::object shown;
  for (const auto& [key, value] : now.nodeSelector) shown[key] = value;
  errors.invalid(FieldPath("spec").child("nodeSelector"), json::value(std::move(shown)),
                 "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
}

// Whether a list begins with another one.
bool begins_with(const auto& list, const auto& start) {
  return list.size() >= start.size() && std::equal(start.begin(), start.end(), list.begin());
}

// More conditions on the same nodes; a term without any selects no node, and stays so.
bool only_narrows(const core::v1::NodeSelectorTerm& now, const core::v1::NodeSelectorTerm& before) {
  if (before.matchExpressions.empty() && before.matchFields.empty()) {
    return now.matchExpressions.empty() && now.matchFields.empty();
  }
  return begins_with(now.matchExpressions, before.matchExpressions) &&
         begins_with(now.matchFields, before.matchFields);
}

std::vector<core::v1::NodeSelectorTerm> required_terms(const PodSpec& spec) {
  if (!spec.affinity || !spec.affinity->nodeAffinity ||
      !spec.affinity->nodeAffinity->requiredDuringSchedulingIgnoredDuringExecution) {
    return {};
  }
  return spec.affinity->nodeAffinity->requiredDuringSchedulingIgnoredDuringExecution
      ->nodeSelectorTerms;
}

void check_node_affinity(const PodSpec& now, const PodSpec& before, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("affinity", "nodeAffinity",
                                                 "requiredDuringSchedulingIgnoredDuringExecution",
                                                 "nodeSelectorTerms");
  const auto terms = required_terms(now);
  const auto old = required_terms(before);
  if (old.empty()) return;
  if (terms.size() != old.size()) {
    json::array shown;
    for (const auto& term : terms) shown.push_back(api::encode_document(term));
    errors.invalid(path, json::value(std::move(shown)),
                   "no additions/deletions to non-empty NodeSelectorTerms list are allowed");
    return;
  }
  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (only_narrows(terms[i], old[i])) continue;
    errors.invalid(path.index(i), api::encode_document(terms[i]),
                   "only additions are allowed (no mutations or deletions)");
  }
}

// With the node affinity of `before`, and without an affinity where there was none.
void restore_node_affinity(PodSpec& now, const PodSpec& before) {
  const bool had = before.affinity && before.affinity->nodeAffinity;
  if (!now.affinity && !had) return;
  if (!now.affinity) now.affinity.emplace();
  if (had) {
    now.affinity->nodeAffinity = before.affinity->nodeAffinity;
  } else {
    now.affinity->nodeAffinity.reset();
  }
  if (!before.affinity && *now.affinity == core::v1::Affinity()) now.affinity.reset();
}

// Takes the members that may change from `before`, so that what differs then may not.
void forgive(PodSpec& now, const PodSpec& before) {
  const auto forgive_images = [](auto& containers, const auto& old) {
    for (std::size_t i = 0; i < containers.size() && i < old.size(); ++i) {
      containers[i].image = old[i].image;
    }
  };
  forgive_images(now.containers, before.containers);
  forgive_images(now.initContainers, before.initContainers);
  now.activeDeadlineSeconds = before.activeDeadlineSeconds;
  now.tolerations = before.tolerations;
  if (before.terminationGracePeriodSeconds.value_or(0) < 0 &&
      now.terminationGracePeriodSeconds == 1) {
    now.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds;
  }
  const bool gated = !before.schedulingGates.empty();
  now.schedulingGates = before.schedulingGates;
  if (!gated) return;
  // Schedulers have not looked at it yet, so its rules for nodes may become stricter.
  now.nodeSelector = before.nodeSelector;
  restore_node_affinity(now, before);
}

// False: nothing more is worth saying.
bool check_deadline(const PodSpec& now, const PodSpec& before, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("activeDeadlineSeconds");
  if (!before.activeDeadlineSeconds) return true;
  if (!now.activeDeadlineSeconds) {
    errors.invalid(path, nullptr, "must not update from a positive integer to nil value");
  } else if (*now.activeDeadlineSeconds > *before.activeDeadlineSeconds) {
    errors.invalid(path, *now.activeDeadlineSeconds,
                   "must be less than or equal to previous value");
    return false;
  }
  return true;
}

using Amounts = podspec::ResourceList;

bool loses(const Amounts& now, const Amounts& before) {
  return std::ranges::any_of(before, [&](const auto& entry) { return !now.contains(entry.first); });
}

// The same but for processors and memory, which a pod may get more or less of while it runs.
bool differs_beyond(Amounts now, Amounts before) {
  for (const std::string_view name : {podspec::kCpu, podspec::kMemory}) {
    for (Amounts* amounts : {&now, &before}) {
      if (const auto found = amounts->find(name); found != amounts->end()) amounts->erase(found);
    }
  }
  return now != before;
}

void check_container_resize(const core::v1::Container& now, const core::v1::Container& before,
                            std::string_view others_text, const FieldPath& path,
                            FieldErrors& errors) {
  const auto& resources = now.resources;
  const auto& old = before.resources;
  const FieldPath at = path.child("resources");
  if (loses(resources.requests, old.requests)) {
    errors.forbidden(at.child("requests"), "resource requests cannot be removed");
  }
  if (loses(resources.limits, old.limits)) {
    errors.forbidden(at.child("limits"), "resource limits cannot be removed");
  }
  if (differs_beyond(resources.requests, old.requests) ||
      differs_beyond(resources.limits, old.limits) || resources.claims != old.claims ||
      now.resizePolicy != before.resizePolicy) {
    errors.forbidden("spec", others_text);
  }
}

}  // namespace

void check_pod_update(const Pod& now, const Pod& before, FieldErrors& errors) {
  const FieldPath path("spec");
  check_annotation_changes(now, before, errors);
  if (now.spec.containers.size() != before.spec.containers.size()) {
    errors.forbidden(path.child("containers"), "pod updates may not add or remove containers");
    return;
  }
  if (now.spec.initContainers.size() != before.spec.initContainers.size()) {
    errors.forbidden(path.child("initContainers"), "pod updates may not add or remove containers");
    return;
  }
  if (!check_deadline(now.spec, before.spec, errors)) return;
  if (!only_adds(now.spec.tolerations, before.spec.tolerations)) {
    errors.forbidden(path.child("tolerations"),
                     "existing toleration can not be modified except its tolerationSeconds");
  }
  check_gates(now.spec, before.spec, errors);
  if (!before.spec.schedulingGates.empty()) {
    check_node_selector(now.spec, before.spec, errors);
    check_node_affinity(now.spec, before.spec, errors);
  }
  PodSpec rest = now.spec;
  forgive(rest, before.spec);
  if (rest == before.spec) return;
  errors.forbidden(path,
                   "pod updates may not change fields other than `spec.containers[*].image`,"
                   "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
                   "`spec.tolerations` (only additions to existing tolerations),"
                   "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                   "previously negative)");
}

void check_ephemeral_containers_update(const Pod& now, const Pod& before, FieldErrors& errors) {
  if (podspec::is_mirror(before)) {
    refuse_at_all("static pods do not support ephemeral containers", errors);
    return;
  }
  const FieldPath path = FieldPath("spec").child("ephemeralContainers");
  for (const auto& old : before.spec.ephemeralContainers) {
    const auto& list = now.spec.ephemeralContainers;
    const auto found = std::ranges::find(list, old.name, &core::v1::EphemeralContainer::name);
    const std::string which = "existing ephemeral containers " + api::quoted(old.name);
    if (found == list.end()) {
      errors.forbidden(path, which + " may not be removed\n");
    } else if (!(*found == old)) {
      errors.forbidden(path, which + " may not be changed\n");
    }
  }
}

void check_pod_resize(const Pod& now, const Pod& before, FieldErrors& errors) {
  if (podspec::is_mirror(before)) return refuse_at_all("static pods cannot be resized", errors);
  if (before.spec.os && before.spec.os->name == "windows") {
    return refuse_at_all("windows pods cannot be resized", errors);
  }
  const FieldPath path("spec");
  const std::string_view qos = podspec::qos_name(podspec::qos_class(now));
  const std::string_view old_qos = before.status.qosClass.empty()
                                       ? podspec::qos_name(podspec::qos_class(before))
                                       : std::string_view(before.status.qosClass);
  if (qos != old_qos) {
    errors.invalid(path, now.status.qosClass,
                   "Pod QOS Class may not change as a result of resizing");
  }
  const auto& init = now.spec.initContainers;
  for (std::size_t i = 0; i < init.size() && i < before.spec.initContainers.size(); ++i) {
    const auto& old = before.spec.initContainers[i];
    if (podspec::is_sidecar(old)) {
      check_container_resize(init[i], old,
                             "only cpu and memory resources for sidecar containers are mutable",
                             path.child("initContainers").index(i), errors);
    } else if (!(init[i] == old)) {
      errors.forbidden(path, "resources for non-sidecar init containers are immutable");
    }
  }
  const auto& containers = now.spec.containers;
  for (std::size_t i = 0; i < containers.size() && i < before.spec.containers.size(); ++i) {
    check_container_resize(containers[i], before.spec.containers[i],
                           "only cpu and memory resources are mutable",
                           path.child("containers").index(i), errors);
  }
}

}  // namespace keelson::apiserver
