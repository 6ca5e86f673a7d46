// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/storage_class.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "api/names.h"
#include "api/storage/v1.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/typed_check.h"
#include "base/ascii.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using storage::v1::StorageClass;

constexpr std::size_t kParametersMax = 512;
constexpr std::size_t kParametersSizeMax = std::size_t{256} * 1024;

void check_parameters(const StorageClass& storage_class, FieldErrors& errors) {
  const FieldPath path("parameters");
  if (storage_class.parameters.size() > kParametersMax) {
    errors.too_long(path, kParametersMax);
    return;
  }
  std::size_t size = 0;
  for (const auto& [key, value] : storage_class.parameters) {
    if (key.empty()) errors.invalid(path, key, "field can not be empty.");
    size += key.size() + value.size();
  }
  if (size > kParametersSizeMax) errors.too_long(path, kParametersSizeMax);
}

void check_topologies(const StorageClass& storage_class, FieldErrors& errors) {
  const FieldPath path("allowedTopologies");
  for (const auto& term : storage_class.allowedTopologies) {
    std::set<std::string_view> keys;
    for (std::size_t i = 0; i < term.matchLabelExpressions.size(); ++i) {
      const auto& requirement = term.matchLabelExpressions[i];
      const FieldPath at = path.child("matchLabelExpressions").index(i);
      if (requirement.values.empty()) errors.required(at.child("values"));
      std::set<std::string_view> values;
      for (std::size_t j = 0; j < requirement.values.size(); ++j) {
        if (!values.insert(requirement.values[j]).second) {
          errors.duplicate(at.child("values").index(j), requirement.values[j]);
        }
      }
      errors.invalid_each(at.child("key"), requirement.key,
                          api::validate_qualified_name(requirement.key));
      if (!keys.insert(requirement.key).second) {
        errors.duplicate(at.child("key"), requirement.key);
      }
    }
  }
}

void check_class(const StorageClass& storage_class, FieldErrors& errors) {
  const std::string& provisioner = storage_class.provisioner;
  if (provisioner.empty()) {
    errors.required("provisioner");
  } else {
    errors.invalid_each("provisioner", provisioner,
                        api::validate_qualified_name(lower_case(provisioner)));
  }
  check_parameters(storage_class, errors);
  const std::string policy = storage_class.reclaimPolicy.value_or("");
  if (!policy.empty() && policy != "Delete" && policy != "Retain") {
    errors.not_supported("reclaimPolicy", policy, {"Delete", "Retain"});
  }
  const std::string mode = storage_class.volumeBindingMode.value_or("");
  if (mode.empty()) {
    errors.required("volumeBindingMode");
  } else if (mode != "Immediate" && mode != "WaitForFirstConsumer") {
    errors.not_supported("volumeBindingMode", mode, {"Immediate", "WaitForFirstConsumer"});
  }
  check_topologies(storage_class, errors);
}

}  // namespace

FieldErrors StorageClassStrategy::validate(const api::Document& object) const {
  return check_typed<StorageClass>(object, {}, check_class);
}

FieldErrors StorageClassStrategy::validate_update(const api::Document& now,
                                                  const api::Document& before) const {
  return check_typed<StorageClass>(
      now, {}, [&](const StorageClass& storage_class, FieldErrors& errors) {
        const auto old = api::decode<StorageClass>(before);
        if (!old) return;
        if (storage_class.parameters != old->parameters) {
          errors.forbidden("parameters", "updates to parameters are forbidden.");
        }
        if (storage_class.provisioner != old->provisioner) {
          errors.forbidden("provisioner", "updates to provisioner are forbidden.");
        }
        if (storage_class.reclaimPolicy != old->reclaimPolicy) {
          errors.forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden.");
        }
        errors += api::validate_immutable(storage_class.volumeBindingMode, old->volumeBindingMode,
                                          "volumeBindingMode");
        check_topologies(storage_class, errors);
      });
}

}  // namespace keelson::apiserver
