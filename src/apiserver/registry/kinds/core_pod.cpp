// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_pod.h"

#include <algorithm>
#include <optional>

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "apiserver/registry/kinds/pod_spec.h"
#include "apiserver/registry/kinds/schema_check.h"
#include "apiserver/registry/metadata.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using api::FieldErrors;
using api::FieldPath;
using core::v1::PodSpec;

FieldErrors undecodable(const Status& error) {
  FieldErrors errors;
  errors.internal({}, error.message());
  return errors;
}

// Source: upstream, validateContainersOnlyForPod: templates may be sloppier.
void check_images(const std::vector<core::v1::Container>& containers, const FieldPath& path,
                  FieldErrors& errors) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const std::string& image = containers[i].image;
    if (image.empty() || (kSpace.find(image.front()) == std::string_view::npos &&
                          kSpace.find(image.back()) == std::string_view::npos)) {
      continue;
    }
    errors.invalid(path.index(i).child("image"), image,
                   "must not have leading or trailing whitespace");
  }
}

FieldErrors validate_pod(const core::v1::Pod& pod) {
  const FieldPath path("spec");
  FieldErrors errors = validate_pod_spec(pod.spec, path);
  check_images(pod.spec.containers, path.child("containers"), errors);
  check_images(pod.spec.initContainers, path.child("initContainers"), errors);
  return errors;
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
  if (before.schedulingGates.empty()) return;
  // A gated pod may lose gates, and its rules for nodes may become stricter: schedulers have not
  // looked at it yet.
  const bool loses = std::ranges::all_of(now.schedulingGates, [&](const auto& gate) {
    return std::ranges::find(before.schedulingGates, gate) != before.schedulingGates.end();
  });
  if (loses) now.schedulingGates = before.schedulingGates;
  const bool keeps = std::ranges::all_of(before.nodeSelector, [&](const auto& label) {
    const auto found = now.nodeSelector.find(label.first);
    return found != now.nodeSelector.end() && found->second == label.second;
  });
  if (keeps) now.nodeSelector = before.nodeSelector;
  const bool requires_nodes =
      before.affinity && before.affinity->nodeAffinity &&
      before.affinity->nodeAffinity->requiredDuringSchedulingIgnoredDuringExecution;
  if (!requires_nodes) now.affinity = before.affinity;
}

void check_deadline(const PodSpec& now, const PodSpec& before, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("activeDeadlineSeconds");
  if (!before.activeDeadlineSeconds) return;
  if (!now.activeDeadlineSeconds) {
    errors.invalid(path, nullptr, "must not update from a positive integer to nil value");
  } else if (*now.activeDeadlineSeconds > *before.activeDeadlineSeconds) {
    errors.invalid(path, *now.activeDeadlineSeconds,
                   "must be less than or equal to previous value");
  }
}

}  // namespace

void PodStrategy::prepare_for_create(api::Document& object, const CallContext& call) const {
  json::object status{{"phase", "Pending"}};
  // A pod that does not decode is refused by validation, right after.
  if (const auto pod = api::decode<core::v1::Pod>(object)) {
    status["qosClass"] = podspec::qos_name(podspec::qos_class(*pod));
  }
  const auto* gates = api::find_at(object, {"spec", "schedulingGates"});
  if (gates != nullptr && gates->is_array() && !gates->get_array().empty()) {
    status["conditions"] =
        json::array{json::object{{"type", "PodScheduled"},
                                 {"status", "False"},
                                 {"observedGeneration", int_at(object, {"metadata", "generation"})},
                                 {"lastTransitionTime", time_text(call.now)},
                                 {"reason", "SchedulingGated"},
                                 {"message",
                                  "Scheduling is blocked due to non-empty scheduling "
                                  "gates"}}};
  }
  object.get_object()["status"] = std::move(status);
}

FieldErrors PodStrategy::validate(const api::Document& object) const {
  FieldErrors errors = Strategy::validate(object);
  const auto pod = api::decode<core::v1::Pod>(object);
  errors += pod ? validate_pod(*pod) : undecodable(pod.error());
  return errors;
}

FieldErrors PodStrategy::validate_update(const api::Document& now,
                                         const api::Document& before) const {
  FieldErrors errors = validate(now);
  auto pod = api::decode<core::v1::Pod>(now);
  const auto old = api::decode<core::v1::Pod>(before);
  if (!pod || !old) return errors;
  const FieldPath path("spec");
  if (pod->spec.containers.size() != old->spec.containers.size()) {
    errors.forbidden(path.child("containers"), "pod updates may not add or remove containers");
    return errors;
  }
  if (pod->spec.initContainers.size() != old->spec.initContainers.size()) {
    errors.forbidden(path.child("initContainers"), "pod updates may not add or remove containers");
    return errors;
  }
  check_deadline(pod->spec, old->spec, errors);
  if (!only_adds(pod->spec.tolerations, old->spec.tolerations)) {
    errors.forbidden(path.child("tolerations"),
                     "existing toleration can not be modified except its tolerationSeconds");
  }
  forgive(pod->spec, old->spec);
  if (!(pod->spec == old->spec)) {
    errors.forbidden(path,
                     "pod updates may not change fields other than `spec.containers[*].image`,"
                     "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
                     "`spec.tolerations` (only additions to existing tolerations),"
                     "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                     "previously negative)");
  }
  return errors;
}

FieldErrors PodStrategy::validate_subresource_update(const api::Document& now, const api::Document&,
                                                     std::string_view subresource) const {
  // What a subresource may change is limited before; a binding changes the node alone.
  return subresource == "binding" ? FieldErrors() : validate(now);
}

std::optional<std::int64_t> PodStrategy::grace_period(const api::Object& object,
                                                      std::optional<std::int64_t> requested) const {
  const auto& pod = object.as<core::v1::Pod>();
  std::int64_t seconds = requested.value_or(pod.spec.terminationGracePeriodSeconds.value_or(30));
  // Nothing runs: nobody would report that it has stopped.
  if (pod.spec.nodeName.empty()) seconds = 0;
  if (pod.status.phase == "Failed" || pod.status.phase == "Succeeded") seconds = 0;
  // Source: upstream, negative ones are taken for the shortest.
  return seconds < 0 ? 1 : seconds;
}

}  // namespace keelson::apiserver
