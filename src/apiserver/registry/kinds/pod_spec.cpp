// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/pod_spec.h"

#include <limits>

#include "api/codec/json.h"
#include "api/names.h"
#include "api/selector.h"
#include "api/validation/object_meta.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::PodSpec;

void check_tolerations(const std::vector<core::v1::Toleration>& tolerations, const FieldPath& path,
                       FieldErrors& errors) {
  for (std::size_t i = 0; i < tolerations.size(); ++i) {
    const auto& toleration = tolerations[i];
    const FieldPath at = path.index(i);
    if (!toleration.key.empty()) {
      errors.invalid_each(at.child("key"), toleration.key,
                          api::validate_qualified_name(toleration.key));
    } else if (toleration.operator_ != "Exists") {
      errors.invalid(at.child("operator"), toleration.operator_,
                     "operator must be Exists when `key` is empty, which means \"match all values "
                     "and all keys\"");
    }
    if (toleration.tolerationSeconds && toleration.effect != "NoExecute") {
      errors.invalid(at.child("effect"), toleration.effect,
                     "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    if (toleration.operator_.empty() || toleration.operator_ == "Equal") {
      const auto messages = api::validate_label_value(toleration.value);
      if (!messages.empty()) {
        errors.invalid(at.child("operator"), toleration.value, api::join(messages, ";"));
      }
    } else if (toleration.operator_ == "Exists") {
      if (!toleration.value.empty()) {
        errors.invalid(at.child("operator"), api::encode_document(toleration),
                       "value must be empty when `operator` is 'Exists'");
      }
    } else if (toleration.operator_ != "Lt" && toleration.operator_ != "Gt") {
      errors.not_supported(at.child("operator"), toleration.operator_, {"Equal", "Exists"});
    }
  }
}

void check_dns(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  if (spec.dnsPolicy == "None") {
    const FieldPath at = path.child("dnsConfig");
    if (!spec.dnsConfig) {
      errors.required(at, "must provide `dnsConfig` when `dnsPolicy` is None");
    } else if (spec.dnsConfig->nameservers.empty()) {
      errors.required(at.child("nameservers"),
                      "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
  }
}

}  // namespace

FieldErrors validate_pod_spec(const PodSpec& spec, const FieldPath& path) {
  NameSet volumes;
  FieldErrors errors = validate_volumes(spec.volumes, volumes, path.child("volumes"));
  errors += validate_containers(spec, volumes, path);
  if (spec.restartPolicy.empty()) errors.required(path.child("restartPolicy"));
  check_dns(spec, path, errors);
  errors += api::validate_labels(spec.nodeSelector, path.child("nodeSelector"));
  const auto check_name = [&](const std::string& name, std::string_view member,
                              api::Messages (*rule)(std::string_view)) {
    if (!name.empty()) errors.invalid_each(path.child(member), name, rule(name));
  };
  check_name(spec.serviceAccountName, "serviceAccountName", api::validate_dns1123_subdomain);
  check_name(spec.nodeName, "nodeName", api::validate_dns1123_subdomain);
  check_name(spec.hostname, "hostname", api::validate_dns1123_label);
  check_name(spec.subdomain, "subdomain", api::validate_dns1123_label);
  check_name(spec.priorityClassName, "priorityClassName", api::validate_dns1123_subdomain);
  if (spec.runtimeClassName) {
    check_name(*spec.runtimeClassName, "runtimeClassName", api::validate_dns1123_subdomain);
  }
  constexpr std::int64_t kDeadlineMax = std::numeric_limits<std::int32_t>::max();
  if (spec.activeDeadlineSeconds &&
      (*spec.activeDeadlineSeconds < 1 || *spec.activeDeadlineSeconds > kDeadlineMax)) {
    errors.invalid(path.child("activeDeadlineSeconds"), *spec.activeDeadlineSeconds,
                   api::range_message(1, kDeadlineMax));
  }
  check_tolerations(spec.tolerations, path.child("tolerations"), errors);
  errors += validate_placement(spec, path);
  return errors;
}

FieldErrors validate_pod_template(const core::v1::PodTemplateSpec& pod_template,
                                  const FieldPath& path) {
  FieldErrors errors =
      api::validate_labels(pod_template.metadata.labels, path.child("metadata", "labels"));
  errors += api::validate_annotations(pod_template.metadata.annotations,
                                      path.child("metadata", "annotations"));
  errors += validate_pod_spec(pod_template.spec, path.child("spec"));
  if (!pod_template.spec.ephemeralContainers.empty()) {
    errors.forbidden(path.child("spec", "ephemeralContainers"),
                     "ephemeral containers not allowed in pod template");
  }
  return errors;
}

}  // namespace keelson::apiserver
