// SPDX-License-Identifier: Apache-2.0
// What is wrong with a pod's spec, or with a template's. Values of closed enumerations are not
// looked at: schema_check.h does. Source: upstream, pkg/apis/core/validation, ValidatePodSpec and
// ValidatePodTemplateSpec.
#pragma once

#include <set>
#include <string>

#include "api/core/v1.h"
#include "api/validation/field_error.h"

namespace keelson::apiserver {

using NameSet = std::set<std::string, std::less<>>;

// How strict to be. Some rules are younger than objects that break them: such an object may go on
// doing so, a new one may not. Source: upstream, pkg/api/pod,
// GetValidationOptionsFromPodSpecAndMeta.
struct PodRules {
  // Of a pod itself: templates may leave out more, and know no name.
  bool is_pod = false;
  std::string pod_name;
  // What is forgiven.
  bool any_token_path = false;             // Tokens in files outside of their volume.
  bool any_node_label_value = false;       // Required node affinity with values no label can have.
  bool host_sysctls = false;               // Sysctls of a namespace that is the node's.
  bool user_namespace_devices = false;     // Block devices with hostUsers: false.
  bool user_namespace_on_network = false;  // The node's network with hostUsers: false.
};

// For a new pod.
PodRules pod_rules(const core::v1::Pod& pod);
// For a change of one: what it breaks already is forgiven.
PodRules pod_rules(const core::v1::Pod& now, const core::v1::Pod& before);
// For a template, of which it is not known whether it is new. What is forgiven here is refused when
// a pod is made from it.
PodRules template_rules();

api::FieldErrors validate_pod_spec(const core::v1::PodSpec& spec, const api::FieldPath& path,
                                   const PodRules& rules);
// Labels and annotations.
api::FieldErrors validate_pod_template_metadata(const core::v1::PodTemplateSpec& pod_template,
                                                const api::FieldPath& path);
// Those and the spec.
api::FieldErrors validate_pod_template(const core::v1::PodTemplateSpec& pod_template,
                                       const api::FieldPath& path);

}  // namespace keelson::apiserver
