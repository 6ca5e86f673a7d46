// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/pod_spec.h"

#include <limits>

#include "api/codec/json.h"
#include "api/ip.h"
#include "api/names.h"
#include "api/selector.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/pod_parts.h"

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

constexpr std::size_t kNameserversMax = 3;
constexpr std::size_t kSearchPathsMax = 32;
constexpr std::size_t kSearchListLengthMax = 2048;

void check_dns_config(const core::v1::PodDNSConfig& config, const FieldPath& path,
                      FieldErrors& errors) {
  const FieldPath nameservers = path.child("nameservers");
  if (config.nameservers.size() > kNameserversMax) {
    errors.invalid(nameservers, config.nameservers, "must not have more than 3 nameservers");
  }
  for (std::size_t i = 0; i < config.nameservers.size(); ++i) {
    errors += api::validate_ip(nameservers.index(i), config.nameservers[i], {.legacy = true});
  }
  const FieldPath searches = path.child("searches");
  if (config.searches.size() > kSearchPathsMax) {
    errors.invalid(searches, config.searches, "must not have more than 32 search paths");
  }
  if (api::join(config.searches, " ").size() > kSearchListLengthMax) {
    errors.invalid(searches, config.searches,
                   "must not have more than 2048 characters (including spaces) in the search list");
  }
  for (std::size_t i = 0; i < config.searches.size(); ++i) {
    std::string_view search = config.searches[i];
    // A dot alone searches nothing; one at the end means no more than without.
    if (search == ".") continue;
    if (search.ends_with('.')) search.remove_suffix(1);
    errors.invalid_each(searches.index(i), search,
                        api::validate_dns1123_subdomain_with_underscore(search));
  }
  for (std::size_t i = 0; i < config.options.size(); ++i) {
    if (config.options[i].name.empty()) {
      errors.required(path.child("options").index(i), "must not be empty");
    }
  }
}

void check_dns(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const FieldPath at = path.child("dnsConfig");
  if (spec.dnsPolicy == "None") {
    if (!spec.dnsConfig) {
      errors.required(at, "must provide `dnsConfig` when `dnsPolicy` is None");
    } else if (spec.dnsConfig->nameservers.empty()) {
      errors.required(at.child("nameservers"),
                      "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
  }
  if (spec.dnsConfig) check_dns_config(*spec.dnsConfig, at, errors);
}

void check_gates(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < spec.readinessGates.size(); ++i) {
    const std::string& type = spec.readinessGates[i].conditionType;
    errors.invalid_each(path.child("readinessGates").index(i).child("conditionType"), type,
                        api::validate_qualified_name(type));
  }
  NameSet names;
  for (std::size_t i = 0; i < spec.schedulingGates.size(); ++i) {
    const FieldPath at = path.child("schedulingGates").index(i);
    const std::string& name = spec.schedulingGates[i].name;
    errors.invalid_each(at, name, api::validate_qualified_name(name));
    if (!names.insert(name).second) errors.duplicate(at, name);
  }
}

void check_host_aliases(const std::vector<core::v1::HostAlias>& aliases, const FieldPath& path,
                        FieldErrors& errors) {
  for (std::size_t i = 0; i < aliases.size(); ++i) {
    errors += api::validate_ip(path.index(i).child("ip"), aliases[i].ip, {.legacy = true});
    for (const auto& name : aliases[i].hostnames) {
      errors.invalid_each(path.index(i).child("hostnames"), name,
                          api::validate_dns1123_subdomain(name));
    }
  }
}

}  // namespace

FieldErrors validate_pod_spec(const PodSpec& spec, const FieldPath& path, const PodRules& rules) {
  FieldErrors errors;
  const VolumeIndex volumes = check_volumes(spec.volumes, rules, path.child("volumes"), errors);
  NameSet claims;
  check_resource_claims(spec.resourceClaims, claims, path.child("resourceClaims"), errors);
  const PodContext pod{.spec = spec, .volumes = volumes, .claims = claims, .rules = rules};
  check_containers(pod, path, errors);
  check_pod_resources(pod, path, errors);
  if (spec.restartPolicy.empty()) errors.required(path.child("restartPolicy"));
  errors += api::validate_labels(spec.nodeSelector, path.child("nodeSelector"));
  check_pod_security(spec, rules, path, errors);
  check_placement(spec, rules, path, errors);
  check_dns(spec, path, errors);
  check_gates(spec, path, errors);
  check_user_namespace(pod, path, errors);
  const auto check_name = [&](const std::string& name, std::string_view member,
                              api::Messages (*rule)(std::string_view)) {
    if (!name.empty()) errors.invalid_each(path.child(member), name, rule(name));
  };
  check_name(spec.serviceAccountName, "serviceAccountName", api::validate_dns1123_subdomain);
  check_name(spec.nodeName, "nodeName", api::validate_dns1123_subdomain);
  constexpr std::int64_t kDeadlineMax = std::numeric_limits<std::int32_t>::max();
  if (spec.activeDeadlineSeconds &&
      (*spec.activeDeadlineSeconds < 1 || *spec.activeDeadlineSeconds > kDeadlineMax)) {
    errors.invalid(path.child("activeDeadlineSeconds"), *spec.activeDeadlineSeconds,
                   api::range_message(1, kDeadlineMax));
  }
  check_name(spec.hostname, "hostname", api::validate_dns1123_label);
  check_name(spec.subdomain, "subdomain", api::validate_dns1123_label);
  check_tolerations(spec.tolerations, path.child("tolerations"), errors);
  check_host_aliases(spec.hostAliases, path.child("hostAliases"), errors);
  check_name(spec.priorityClassName, "priorityClassName", api::validate_dns1123_subdomain);
  if (spec.runtimeClassName) {
    check_name(*spec.runtimeClassName, "runtimeClassName", api::validate_dns1123_subdomain);
  }
  check_system(spec, path, errors);
  return errors;
}

FieldErrors validate_pod_template_metadata(const core::v1::PodTemplateSpec& pod_template,
                                           const FieldPath& path) {
  // Source: upstream, which leaves metadata out of these two paths.
  FieldErrors errors = api::validate_labels(pod_template.metadata.labels, path.child("labels"));
  errors += api::validate_annotations(pod_template.metadata.annotations, path.child("annotations"));
  return errors;
}

FieldErrors validate_pod_template(const core::v1::PodTemplateSpec& pod_template,
                                  const FieldPath& path) {
  FieldErrors errors = validate_pod_template_metadata(pod_template, path);
  errors += validate_pod_spec(pod_template.spec, path.child("spec"), template_rules());
  if (!pod_template.spec.ephemeralContainers.empty()) {
    errors.forbidden(path.child("spec", "ephemeralContainers"),
                     "ephemeral containers not allowed in pod template");
  }
  return errors;
}

}  // namespace keelson::apiserver
