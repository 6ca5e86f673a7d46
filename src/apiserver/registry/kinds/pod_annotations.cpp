// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/pod_annotations.h"

#include <string_view>

#include "podspec/annotations.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::Pod;

constexpr std::string_view kAppArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";

FieldPath path_of(std::string_view annotation) {
  return FieldPath("metadata").child("annotations").key(annotation);
}

// How messages call an annotation that may not change; "" for others.
std::string_view frozen_name(std::string_view annotation) {
  if (annotation.starts_with(kAppArmorPrefix)) return "AppArmor annotations";
  if (annotation == podspec::kMirrorAnnotation) return "mirror pod annotation";
  return {};
}

}  // namespace

void check_annotations(const Pod& pod, FieldErrors& errors) {
  const auto mirror = pod.metadata.annotations.find(podspec::kMirrorAnnotation);
  if (mirror != pod.metadata.annotations.end() && pod.spec.nodeName.empty()) {
    errors.invalid(path_of(podspec::kMirrorAnnotation), mirror->second,
                   "must set spec.nodeName if mirror pod annotation is set");
  }
}

void check_annotation_changes(const Pod& now, const Pod& before, FieldErrors& errors) {
  const auto& annotations = now.metadata.annotations;
  const auto& old = before.metadata.annotations;
  for (const auto& [key, value] : old) {
    const auto name = frozen_name(key);
    const auto found = annotations.find(key);
    if (name.empty() || (found != annotations.end() && found->second == value)) continue;
    errors.forbidden(path_of(key), "may not remove or update " + std::string(name));
  }
  for (const auto& [key, value] : annotations) {
    const auto name = frozen_name(key);
    if (name.empty() || old.contains(key)) continue;
    errors.forbidden(path_of(key), "may not add " + std::string(name));
  }
}

}  // namespace keelson::apiserver
