// SPDX-License-Identifier: Apache-2.0
// Annotations of pods that mean something to Kubernetes. Source: upstream,
// ValidatePodSpecificAnnotations and ValidatePodSpecificAnnotationUpdates.
#pragma once

#include "api/core/v1.h"
#include "api/validation/field_error.h"

namespace keelson::apiserver {

void check_annotations(const core::v1::Pod& pod, api::FieldErrors& errors);
// What a pod is and how it is confined does not change.
void check_annotation_changes(const core::v1::Pod& now, const core::v1::Pod& before,
                              api::FieldErrors& errors);

}  // namespace keelson::apiserver
