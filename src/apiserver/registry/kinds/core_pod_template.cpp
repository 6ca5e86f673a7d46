// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_pod_template.h"

#include "api/core/v1.h"
#include "apiserver/registry/kinds/pod_spec.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {

api::FieldErrors PodTemplateStrategy::validate(const api::Document& object) const {
  return check_typed<core::v1::PodTemplate>(
      object, Strategy::validate(object),
      [](const core::v1::PodTemplate& pod_template, api::FieldErrors& errors) {
        errors += validate_pod_template(pod_template.template_, "template");
      });
}

}  // namespace keelson::apiserver
