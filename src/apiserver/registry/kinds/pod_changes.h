// SPDX-License-Identifier: Apache-2.0
// What may change about a pod, by the way that it is changed. `errors` holds what is wrong with the
// pod itself already. Source: upstream, pkg/apis/core/validation.
#pragma once

#include "api/core/v1.h"
#include "api/validation/field_error.h"

namespace keelson::apiserver {

// ValidatePodUpdate: images and a few numbers; rules for nodes while the pod is gated.
void check_pod_update(const core::v1::Pod& now, const core::v1::Pod& before,
                      api::FieldErrors& errors);
// ValidatePodEphemeralContainersUpdate: more of them, that is all.
void check_ephemeral_containers_update(const core::v1::Pod& now, const core::v1::Pod& before,
                                       api::FieldErrors& errors);
// ValidatePodResize: processors and memory.
void check_pod_resize(const core::v1::Pod& now, const core::v1::Pod& before,
                      api::FieldErrors& errors);
// ValidatePodStatusUpdate: what has ended stays ended; addresses are such. In pod_status.cpp.
void check_pod_status_update(const core::v1::Pod& now, const core::v1::Pod& before,
                             api::FieldErrors& errors);

}  // namespace keelson::apiserver
