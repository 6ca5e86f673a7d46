// SPDX-License-Identifier: Apache-2.0
// Variables of containers, one by one and from whole config maps and secrets.
#include "api/names.h"
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

void check_key(const std::string& name, const std::string& key, const FieldPath& path,
               FieldErrors& errors) {
  errors.invalid_each(path.child("name"), name, api::name_is_dns_subdomain(name, false));
  if (key.empty()) {
    errors.required(path.child("key"));
  } else {
    errors.invalid_each(path.child("key"), key, api::validate_config_map_key(key));
  }
}

void check_source(const core::v1::EnvVar& variable, const FieldPath& path, FieldErrors& errors) {
  const auto& from = *variable.valueFrom;
  int sources = 0;
  if (from.fieldRef) {
    ++sources;
    check_field_reference(*from.fieldRef, DownwardUse::Variable, path.child("fieldRef"), errors);
  }
  if (from.resourceFieldRef) {
    ++sources;
    check_resource_reference(*from.resourceFieldRef, DownwardUse::Variable,
                             path.child("resourceFieldRef"), errors);
  }
  if (from.configMapKeyRef) {
    ++sources;
    check_key(from.configMapKeyRef->name, from.configMapKeyRef->key, path.child("configMapKeyRef"),
              errors);
  }
  if (from.secretKeyRef) {
    ++sources;
    check_key(from.secretKeyRef->name, from.secretKeyRef->key, path.child("secretKeyRef"), errors);
  }
  if (from.fileKeyRef) ++sources;
  if (sources == 0) {
    errors.invalid(path, "",
                   "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or "
                   "`secretKeyRef`");
  } else if (!variable.value.empty()) {
    errors.invalid(path, "", "may not be specified when `value` is not empty");
  } else if (sources > 1) {
    errors.invalid(path, "", "may not have more than one field specified at a time");
  }
}

void check_whole_source(const core::v1::EnvFromSource& from, const FieldPath& path,
                        FieldErrors& errors) {
  if (!from.prefix.empty()) {
    errors.invalid_each(path.child("prefix"), from.prefix,
                        api::validate_relaxed_env_var_name(from.prefix));
  }
  const auto check_name = [&](const std::string& name, std::string_view member) {
    errors.invalid_each(path.child(member, "name"), name, api::name_is_dns_subdomain(name, false));
  };
  if (from.configMapRef) check_name(from.configMapRef->name, "configMapRef");
  if (from.secretRef) check_name(from.secretRef->name, "secretRef");
  if (!from.configMapRef && !from.secretRef) {
    errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`");
  } else if (from.configMapRef && from.secretRef) {
    errors.invalid(path, "", "may not have more than one field specified at a time");
  }
}

}  // namespace

void check_environment(const std::vector<core::v1::EnvVar>& variables,
                       const std::vector<core::v1::EnvFromSource>& sources, const FieldPath& path,
                       FieldErrors& errors) {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const auto& variable = variables[i];
    const FieldPath at = path.child("env").index(i);
    if (variable.name.empty()) {
      errors.required(at.child("name"));
    } else {
      errors.invalid_each(at.child("name"), variable.name,
                          api::validate_relaxed_env_var_name(variable.name));
    }
    if (variable.valueFrom) check_source(variable, at.child("valueFrom"), errors);
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    check_whole_source(sources[i], path.child("envFrom").index(i), errors);
  }
}

}  // namespace keelson::apiserver
