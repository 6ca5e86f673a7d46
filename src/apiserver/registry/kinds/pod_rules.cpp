// SPDX-License-Identifier: Apache-2.0
// How strict the checks of pod_parts.h are, by what an object breaks already.
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

bool has_devices(const core::v1::PodSpec& spec) {
  bool found = false;
  visit_containers(spec, {}, [&](const auto& container, const api::FieldPath&) {
    found = found || !container.volumeDevices.empty();
  });
  return found;
}

}  // namespace

PodRules pod_rules(const core::v1::Pod& pod) {
  return {.is_pod = true, .pod_name = pod.metadata.name};
}

PodRules pod_rules(const core::v1::Pod& now, const core::v1::Pod& before) {
  const bool has_user_namespace = !before.spec.hostUsers.value_or(true);
  PodRules rules = pod_rules(now);
  rules.any_token_path = breaks_token_path(before.spec);
  rules.any_node_label_value = breaks_node_label_value(before.spec);
  rules.host_sysctls = breaks_host_sysctls(before.spec);
  rules.user_namespace_devices = has_user_namespace && has_devices(before.spec);
  rules.user_namespace_on_network = has_user_namespace && before.spec.hostNetwork;
  return rules;
}

PodRules template_rules() {
  return {.any_node_label_value = true, .host_sysctls = true, .user_namespace_devices = true};
}

}  // namespace keelson::apiserver
