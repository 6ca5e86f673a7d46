// SPDX-License-Identifier: Apache-2.0
// What is wrong with a pod's spec, or with a template's. Values of closed enumerations are not
// looked at: schema_check.h does. Source: upstream, pkg/apis/core/validation, ValidatePodSpec and
// ValidatePodTemplateSpec.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "api/core/v1.h"
#include "api/validation/field_error.h"

namespace keelson::apiserver {

using NameSet = std::set<std::string, std::less<>>;

api::FieldErrors validate_pod_spec(const core::v1::PodSpec& spec, const api::FieldPath& path);
// Labels and annotations.
api::FieldErrors validate_pod_template_metadata(const core::v1::PodTemplateSpec& pod_template,
                                                const api::FieldPath& path);
// Those and the spec.
api::FieldErrors validate_pod_template(const core::v1::PodTemplateSpec& pod_template,
                                       const api::FieldPath& path);

// Parts of it: all containers of the pod, its volumes, its rules for nodes and other pods.
api::FieldErrors validate_containers(const core::v1::PodSpec& spec, const NameSet& volumes,
                                     const api::FieldPath& path);
// Adds the names of the volumes to `names`.
api::FieldErrors validate_volumes(const std::vector<core::v1::Volume>& volumes, NameSet& names,
                                  const api::FieldPath& path);
api::FieldErrors validate_placement(const core::v1::PodSpec& spec, const api::FieldPath& path);

// A path below another one: "a/b"; neither absolute nor with "..".
void validate_descending_path(const std::string& text, const api::FieldPath& path,
                              api::FieldErrors& errors);

}  // namespace keelson::apiserver
