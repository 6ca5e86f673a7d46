// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_replication_controller.h"

#include "api/selector.h"
#include "apiserver/registry/kinds/pod_spec.h"
#include "apiserver/registry/kinds/workload_status.h"

namespace keelson::apiserver {

api::FieldErrors ReplicationControllerStrategy::validate(const api::Document& object) const {
  api::FieldErrors errors = Strategy::validate(object);
  const auto controller = api::decode<core::v1::ReplicationController>(object);
  if (!controller) {
    errors.internal({}, controller.error().message());
    return errors;
  }
  const auto& spec = controller->spec;
  const api::FieldPath path("spec");
  // The tables declare the limits of the numbers.
  if (spec.selector.empty()) errors.required(path.child("selector"));
  const api::FieldPath template_path = path.child("template");
  if (!spec.template_) {
    errors.required(template_path);
    return errors;
  }
  const auto& labels = spec.template_->metadata.labels;
  if (!spec.selector.empty() && !api::LabelSelector::from_set(spec.selector).matches(labels)) {
    boost::json::object shown;
    for (const auto& [key, value] : labels) shown[key] = value;
    errors.invalid(template_path.child("metadata", "labels"), boost::json::value(std::move(shown)),
                   "`selector` does not match template `labels`");
  }
  errors += validate_pod_template(*spec.template_, template_path);
  if (spec.template_->spec.restartPolicy != "Always") {
    errors.not_supported(template_path.child("spec", "restartPolicy"),
                         spec.template_->spec.restartPolicy, {"Always"});
  }
  if (spec.template_->spec.activeDeadlineSeconds) {
    errors.forbidden(template_path.child("spec", "activeDeadlineSeconds"),
                     "activeDeadlineSeconds in ReplicationController is not Supported");
  }
  return errors;
}

api::FieldErrors ReplicationControllerStrategy::validate_status_update(
    const api::Document& now, const api::Document& before) const {
  return validate_workload_status<core::v1::ReplicationController>(now, before);
}

}  // namespace keelson::apiserver
