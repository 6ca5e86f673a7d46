// SPDX-License-Identifier: Apache-2.0
// Rules for the metadata that every object has. Source: apimachinery, packages api/validation and
// apis/meta/v1/validation.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/meta/v1.h"
#include "api/names.h"
#include "api/validation/field_error.h"

namespace keelson::api {

// Bytes of all keys and values.
inline constexpr std::size_t kAnnotationsSizeMax = std::size_t{256} * 1024;
inline constexpr std::size_t kFieldManagerLengthMax = 128;

using StringMapView = std::map<std::string, std::string, std::less<>>;

// Of a new object, after its name has been generated. `name_rule` is that of the kind.
FieldErrors validate_object_meta(
    const meta::v1::ObjectMeta& meta, bool namespaced,
    const std::function<Messages(std::string_view name, bool prefix)>& name_rule,
    const FieldPath& path = "metadata");
FieldErrors validate_object_meta_update(const meta::v1::ObjectMeta& now,
                                        const meta::v1::ObjectMeta& before,
                                        const FieldPath& path = "metadata");

FieldErrors validate_labels(const StringMapView& labels, const FieldPath& path);
FieldErrors validate_annotations(const StringMapView& annotations, const FieldPath& path);
FieldErrors validate_owner_references(const std::vector<meta::v1::OwnerReference>& owners,
                                      const FieldPath& path);
FieldErrors validate_finalizers(const std::vector<std::string>& finalizers, const FieldPath& path);
// Of a built-in kind: has a domain, or is one that Kubernetes itself knows.
FieldErrors validate_builtin_finalizer(std::string_view finalizer, const FieldPath& path);
FieldErrors validate_managed_fields(const std::vector<meta::v1::ManagedFieldsEntry>& entries,
                                    const FieldPath& path);
// The fieldManager parameter of a write.
FieldErrors validate_field_manager(std::string_view manager, const FieldPath& path);
FieldErrors validate_conditions(const std::vector<meta::v1::Condition>& conditions,
                                const FieldPath& path);

// `now` must equal `before`; anything that compares and that FieldValue can show.
template <class T>
FieldErrors validate_immutable(const T& now, const T& before, const FieldPath& path) {
  FieldErrors errors;
  if (!(now == before)) errors.invalid(path, FieldValue(now), kImmutableMessage);
  return errors;
}
FieldErrors validate_not_negative(std::int64_t value, const FieldPath& path);

}  // namespace keelson::api
