// SPDX-License-Identifier: Apache-2.0
// Source: upstream, validateObjectFieldSelector, validateContainerResourceFieldSelector and
// pkg/apis/core/pods, ConvertDownwardAPIFieldLabel.
#include <algorithm>
#include <optional>
#include <utility>

#include "api/names.h"
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

// All sorted, as they are shown.
constexpr std::string_view kVariableFields[] = {"metadata.name",
                                                "metadata.namespace",
                                                "metadata.uid",
                                                "spec.nodeName",
                                                "spec.serviceAccountName",
                                                "status.hostIP",
                                                "status.hostIPs",
                                                "status.podIP",
                                                "status.podIPs"};
constexpr std::string_view kFileFields[] = {"metadata.annotations", "metadata.labels",
                                            "metadata.name", "metadata.namespace", "metadata.uid"};
// Known to the API, beyond those of variables.
constexpr std::string_view kOtherFields[] = {"metadata.annotations", "metadata.labels",
                                             "spec.restartPolicy", "spec.schedulerName",
                                             "status.phase"};

constexpr std::string_view kResources[] = {
    "limits.cpu",   "limits.ephemeral-storage",   "limits.memory",
    "requests.cpu", "requests.ephemeral-storage", "requests.memory"};

constexpr std::string_view kCpuDivisors[] = {"1m", "1"};
constexpr std::string_view kByteDivisors[] = {"1",   "1k",  "1M",  "1G",  "1T",  "1P", "1E",
                                              "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"};

bool contains(std::span<const std::string_view> list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

// "metadata.labels['app']": the member and the key.
std::optional<std::pair<std::string_view, std::string_view>> split_subscript(
    std::string_view text) {
  if (!text.ends_with("']")) return std::nullopt;
  text.remove_suffix(2);
  const auto start = text.find("['");
  if (start == std::string_view::npos || start == 0) return std::nullopt;
  return std::pair(text.substr(0, start), text.substr(start + 2));
}

bool is_huge_pages(std::string_view resource) {
  return resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
}

void check_divisor(const core::v1::ResourceFieldSelector& selector, const FieldPath& path,
                   FieldErrors& errors) {
  if (selector.divisor.is_zero()) return;  // Not set.
  const std::string_view resource = selector.resource;
  const bool is_cpu = resource.ends_with(".cpu");
  std::string_view kind;
  if (is_cpu) {
    kind = "cpu";
  } else if (resource.ends_with(".memory")) {
    kind = "memory";
  } else if (resource.ends_with(".ephemeral-storage")) {
    kind = "local ephemeral storage";
  } else if (is_huge_pages(resource)) {
    kind = "hugepages";
  } else {
    return;
  }
  const std::string text = selector.divisor.text();
  if (is_cpu ? contains(kCpuDivisors, text) : contains(kByteDivisors, text)) return;
  const std::string_view values =
      is_cpu ? "1m and 1" : "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
  errors.invalid(path.child("divisor"), selector.resource,
                 "only divisor's values " + std::string(values) + " are supported with the " +
                     std::string(kind) + " resource");
}

}  // namespace

void check_field_reference(const core::v1::ObjectFieldSelector& field, DownwardUse use,
                           const FieldPath& path, FieldErrors& errors) {
  const FieldPath at = path.child("fieldPath");
  if (field.apiVersion.empty()) {
    errors.required(path.child("apiVersion"));
    return;
  }
  if (field.fieldPath.empty()) {
    errors.required(at);
    return;
  }
  const std::string_view text = field.fieldPath;
  const auto refuse = [&](const std::string& why) {
    errors.invalid(at, text, "error converting fieldPath: " + why);
  };
  if (field.apiVersion != "v1") return refuse("unsupported pod version: " + field.apiVersion);
  if (const auto parts = split_subscript(text)) {
    const auto& [member, key] = *parts;
    if (member == "metadata.labels") {
      errors.invalid_each(path, key, api::validate_qualified_name(key));
    } else if (member == "metadata.annotations") {
      std::string lower(key);
      std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      });
      errors.invalid_each(path, lower, api::validate_qualified_name(lower));
    } else {
      refuse("field label does not support subscript: " + field.fieldPath);
    }
    return;
  }
  const std::span<const std::string_view> fields =
      use == DownwardUse::File ? std::span<const std::string_view>(kFileFields)
                               : std::span<const std::string_view>(kVariableFields);
  if (contains(fields, text)) return;
  if (contains(kVariableFields, text) || contains(kOtherFields, text)) {
    errors.not_supported(at, text, fields);
  } else {
    refuse("field label not supported: " + field.fieldPath);
  }
}

void check_resource_reference(const core::v1::ResourceFieldSelector& resource, DownwardUse use,
                              const FieldPath& path, FieldErrors& errors) {
  if (use == DownwardUse::File && resource.containerName.empty()) {
    errors.required(path.child("containerName"));
  } else if (resource.resource.empty()) {
    errors.required(path.child("resource"));
  } else if (!contains(kResources, resource.resource) && !is_huge_pages(resource.resource)) {
    errors.not_supported(path.child("resource"), resource.resource, kResources);
  }
  check_divisor(resource, path, errors);
}

void check_downward_file(const core::v1::DownwardAPIVolumeFile& file, const FieldPath& path,
                         FieldErrors& errors) {
  if (file.path.empty()) errors.required(path.child("path"));
  check_file_path(file.path, path.child("path"), errors);
  if (file.fieldRef) {
    check_field_reference(*file.fieldRef, DownwardUse::File, path.child("fieldRef"), errors);
    if (file.resourceFieldRef) {
      errors.invalid(path, "resource",
                     "fieldRef and resourceFieldRef can not be specified simultaneously");
    }
  } else if (file.resourceFieldRef) {
    check_resource_reference(*file.resourceFieldRef, DownwardUse::File,
                             path.child("resourceFieldRef"), errors);
  } else {
    errors.required(path, "one of fieldRef and resourceFieldRef is required");
  }
  check_file_mode(file.mode, path.child("mode"), errors);
}

}  // namespace keelson::apiserver
