// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_pod.h"

#include <optional>

#include "api/core/v1.h"
#include "apiserver/registry/kinds/pod_annotations.h"
#include "apiserver/registry/kinds/pod_changes.h"
#include "apiserver/registry/kinds/pod_spec.h"
#include "apiserver/registry/kinds/typed_check.h"
#include "apiserver/registry/metadata.h"
#include "podspec/phase.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using api::FieldErrors;
using api::FieldPath;

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

void check_pod(const core::v1::Pod& pod, const PodRules& rules, FieldErrors& errors) {
  const FieldPath path("spec");
  check_annotations(pod, errors);
  errors += validate_pod_spec(pod.spec, path, rules);
  check_images(pod.spec.containers, path.child("containers"), errors);
  check_images(pod.spec.initContainers, path.child("initContainers"), errors);
}

// What `check(now, before, errors)` finds wrong with a change, after `errors`.
template <class Check>
FieldErrors checked_change(const api::Document& now, const api::Document& before,
                           FieldErrors errors, Check check) {
  const auto old = api::decode<core::v1::Pod>(before);
  if (!old) return errors;
  return check_typed<core::v1::Pod>(
      now, std::move(errors),
      [&](const core::v1::Pod& pod, FieldErrors& found) { check(pod, *old, found); });
}

// Likewise, and what is wrong with the pod itself.
template <class Check>
FieldErrors checked_pod_change(const api::Document& now, const api::Document& before,
                               FieldErrors errors, Check check) {
  return checked_change(
      now, before, std::move(errors),
      [&](const core::v1::Pod& pod, const core::v1::Pod& old, FieldErrors& found) {
        check_pod(pod, pod_rules(pod, old), found);
        check(pod, old, found);
      });
}

// The older field is the first of the newer ones; where both are set and differ, it is right.
// Source: upstream, pkg/apis/core/v1, Convert_v1_PodStatus_To_core_PodStatus.
void join_pod_ips(api::Document& pod) {
  auto* status = api::find_at(pod, {"status"});
  if (status == nullptr || !status->is_object()) return;
  auto& members = status->get_object();
  const std::string address(api::string_at(pod, {"status", "podIP"}));
  const auto* list = members.if_contains("podIPs");
  const bool has_list = list != nullptr && list->is_array() && !list->get_array().empty();
  const std::string first(has_list ? api::string_at(list->get_array().front(), {"ip"})
                                   : std::string_view());
  if (!address.empty() && address != first) {
    members["podIPs"] = json::array{json::object{{"ip", address}}};
  } else if (address.empty() && !first.empty()) {
    members["podIP"] = first;
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

void PodStrategy::prepare_for_status_update(api::Document& now, const api::Document& before) const {
  // Who reports the status owns neither of these.
  auto& metadata = metadata_of(now);
  if (const auto* owners = api::find_at(before, {"metadata", "ownerReferences"})) {
    metadata["ownerReferences"] = *owners;
  } else {
    metadata.erase("ownerReferences");
  }
  const auto qos = api::string_at(before, {"status", "qosClass"});
  if (!qos.empty() && api::string_at(now, {"status", "qosClass"}).empty()) {
    api::object_at(now, {"status"})["qosClass"] = qos;
  }
  join_pod_ips(now);
}

FieldErrors PodStrategy::validate(const api::Document& object) const {
  return check_typed<core::v1::Pod>(object, Strategy::validate(object),
                                    [](const core::v1::Pod& pod, FieldErrors& errors) {
                                      check_pod(pod, pod_rules(pod), errors);
                                    });
}

FieldErrors PodStrategy::validate_create(const api::Document& object, const CallContext&) const {
  return check_typed<core::v1::Pod>(
      object, validate(object), [](const core::v1::Pod& pod, FieldErrors& errors) {
        const FieldPath path("spec");
        if (!pod.spec.ephemeralContainers.empty()) {
          errors.forbidden(path.child("ephemeralContainers"), "cannot be set on create");
        }
        if (!pod.spec.nodeName.empty() && !pod.spec.schedulingGates.empty()) {
          errors.forbidden(path.child("nodeName"),
                           "cannot be set until all schedulingGates have been cleared");
        }
      });
}

FieldErrors PodStrategy::validate_update(const api::Document& now,
                                         const api::Document& before) const {
  return checked_pod_change(now, before, Strategy::validate(now), check_pod_update);
}

FieldErrors PodStrategy::validate_subresource_update(const api::Document& now,
                                                     const api::Document& before,
                                                     std::string_view subresource) const {
  // What a subresource may change is limited before; a binding changes the node alone.
  if (subresource == "binding") return {};
  FieldErrors errors = Strategy::validate(now);
  if (subresource == "ephemeralcontainers") {
    return checked_pod_change(now, before, std::move(errors), check_ephemeral_containers_update);
  }
  if (subresource == "resize") {
    return checked_pod_change(now, before, std::move(errors), check_pod_resize);
  }
  return checked_pod_change(now, before, std::move(errors),
                            [](const core::v1::Pod&, const core::v1::Pod&, FieldErrors&) {});
}

FieldErrors PodStrategy::validate_status_update(const api::Document& now,
                                                const api::Document& before) const {
  return checked_change(now, before, {}, check_pod_status_update);
}

std::optional<std::int64_t> PodStrategy::grace_period(const api::Object& object,
                                                      std::optional<std::int64_t> requested) const {
  const auto& pod = object.as<core::v1::Pod>();
  std::int64_t seconds = requested.value_or(pod.spec.terminationGracePeriodSeconds.value_or(30));
  // Nothing runs: nobody would report that it has stopped.
  if (pod.spec.nodeName.empty()) seconds = 0;
  if (podspec::is_terminal(pod)) seconds = 0;
  // Source: upstream, negative ones are taken for the shortest.
  return seconds < 0 ? 1 : seconds;
}

}  // namespace keelson::apiserver
