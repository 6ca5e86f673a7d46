// SPDX-License-Identifier: Apache-2.0
#include "api/validation/object_meta.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "api/codec/json.h"
#include "api/quote.h"
#include "api/utf8.h"
#include "base/ascii.h"

namespace keelson::api {
namespace {

constexpr std::string_view kKubernetes = "kubernetes";
constexpr std::string_view kOrphan = "orphan";
constexpr std::string_view kForeground = "foregroundDeletion";
constexpr std::size_t kSubresourceLengthMax = 256;
constexpr std::size_t kConditionReasonLengthMax = 1024;
constexpr std::size_t kConditionMessageLengthMax = std::size_t{32} * 1024;

FieldValue shown(const Time& time) {
  return time.is_set() ? FieldValue(time.text()) : FieldValue(nullptr);
}

FieldValue shown(const std::optional<Time>& time) {
  return time ? shown(*time) : FieldValue(nullptr);
}

FieldErrors validate_owner(const meta::v1::OwnerReference& owner, const FieldPath& path) {
  FieldErrors errors;
  // "group/version" or "version".
  const std::size_t slash = owner.apiVersion.find('/');
  const std::string_view version =
      std::string_view(owner.apiVersion).substr(slash == std::string::npos ? 0 : slash + 1);
  if (version.empty()) {
    errors.invalid(path.child("apiVersion"), owner.apiVersion, "version must not be empty");
  }
  const std::pair<const char*, const std::string&> required[] = {
      {"kind", owner.kind}, {"name", owner.name}, {"uid", owner.uid}};
  for (const auto& [name, value] : required) {
    if (value.empty()) errors.invalid(path.child(name), value, "must not be empty");
  }
  // Events come and go too fast to own anything.
  if (owner.apiVersion == "v1" && owner.kind == "Event") {
    errors.invalid(path, FieldValue(encode_document(owner)),
                   "/v1, Kind=Event is disallowed from being an owner");
  }
  return errors;
}

// Nothing that identifies the object or tells of its deletion may change.
FieldErrors validate_identity(const meta::v1::ObjectMeta& now, const meta::v1::ObjectMeta& before,
                              const FieldPath& path) {
  FieldErrors errors;
  errors += validate_immutable(now.name, before.name, path.child("name"));
  errors += validate_immutable(now.namespace_, before.namespace_, path.child("namespace"));
  errors += validate_immutable(now.uid, before.uid, path.child("uid"));
  if (now.creationTimestamp != before.creationTimestamp) {
    errors.invalid(path.child("creationTimestamp"), shown(now.creationTimestamp),
                   kImmutableMessage);
  }
  if (now.deletionTimestamp != before.deletionTimestamp) {
    errors.invalid(path.child("deletionTimestamp"), shown(now.deletionTimestamp),
                   kImmutableMessage);
  }
  errors += validate_immutable(now.deletionGracePeriodSeconds, before.deletionGracePeriodSeconds,
                               path.child("deletionGracePeriodSeconds"));
  return errors;
}

FieldErrors validate_no_new_finalizers(const meta::v1::ObjectMeta& now,
                                       const meta::v1::ObjectMeta& before, const FieldPath& path) {
  std::set<std::string> added(now.finalizers.begin(), now.finalizers.end());
  for (const std::string& finalizer : before.finalizers) added.erase(finalizer);
  FieldErrors errors;
  if (added.empty()) return errors;
  std::string list;
  for (const std::string& finalizer : added) {
    list.append(list.empty() ? "" : ", ").append(quoted(finalizer));
  }
  errors.forbidden(path,
                   "no new finalizers can be added if the object is being deleted, found new "
                   "finalizers []string{" +
                       list + "}");
  return errors;
}

}  // namespace

FieldErrors validate_object_meta(
    const meta::v1::ObjectMeta& meta, bool namespaced,
    const std::function<Messages(std::string_view name, bool prefix)>& name_rule,
    const FieldPath& path) {
  FieldErrors errors;
  if (!meta.generateName.empty()) {
    errors.invalid_each(path.child("generateName"), meta.generateName,
                        name_rule(meta.generateName, true));
  }
  if (meta.name.empty()) {
    errors.required(path.child("name"), "name or generateName is required");
  } else {
    errors.invalid_each(path.child("name"), meta.name, name_rule(meta.name, false));
  }
  const FieldPath namespace_path = path.child("namespace");
  if (!namespaced) {
    if (!meta.namespace_.empty()) errors.forbidden(namespace_path, "not allowed on this type");
  } else if (meta.namespace_.empty()) {
    errors.required(namespace_path);
  } else {
    errors.invalid_each(namespace_path, meta.namespace_, name_is_dns_label(meta.namespace_, false));
  }
  errors += validate_not_negative(meta.generation, path.child("generation"));
  errors += validate_labels(meta.labels, path.child("labels"));
  errors += validate_annotations(meta.annotations, path.child("annotations"));
  errors += validate_owner_references(meta.ownerReferences, path.child("ownerReferences"));
  errors += validate_finalizers(meta.finalizers, path.child("finalizers"));
  errors += validate_managed_fields(meta.managedFields, path.child("managedFields"));
  return errors;
}

FieldErrors validate_object_meta_update(const meta::v1::ObjectMeta& now,
                                        const meta::v1::ObjectMeta& before, const FieldPath& path) {
  FieldErrors errors;
  if (before.deletionTimestamp) {
    errors += validate_no_new_finalizers(now, before, path.child("finalizers"));
  }
  if (now.resourceVersion.empty()) {
    errors.invalid(path.child("resourceVersion"), now.resourceVersion,
                   "must be specified for an update");
  }
  if (now.generation < before.generation) {
    errors.invalid(path.child("generation"), now.generation, "must not be decremented");
  }
  errors += validate_identity(now, before, path);
  errors += validate_labels(now.labels, path.child("labels"));
  errors += validate_annotations(now.annotations, path.child("annotations"));
  errors += validate_owner_references(now.ownerReferences, path.child("ownerReferences"));
  errors += validate_managed_fields(now.managedFields, path.child("managedFields"));
  return errors;
}

FieldErrors validate_labels(const StringMapView& labels, const FieldPath& path) {
  FieldErrors errors;
  for (const auto& [key, value] : labels) {
    errors.invalid_each(path, key, validate_qualified_name(key));
    errors.invalid_each(path, value, validate_label_value(value));
  }
  return errors;
}

FieldErrors validate_annotations(const StringMapView& annotations, const FieldPath& path) {
  FieldErrors errors;
  std::size_t size = 0;
  for (const auto& [key, value] : annotations) {
    size += key.size() + value.size();
    errors.invalid_each(path, key, validate_qualified_name(lower_case(key)));
  }
  if (size > kAnnotationsSizeMax) errors.too_long(path, kAnnotationsSizeMax);
  return errors;
}

FieldErrors validate_owner_references(const std::vector<meta::v1::OwnerReference>& owners,
                                      const FieldPath& path) {
  FieldErrors errors;
  std::string controller;
  for (const auto& owner : owners) {
    errors += validate_owner(owner, path);
    if (!owner.controller.value_or(false)) continue;
    std::string name = owner.kind + "/" + owner.name;
    if (controller.empty()) {
      controller = std::move(name);
      continue;
    }
    boost::json::array list;
    for (const auto& each : owners) list.push_back(encode_document(each));
    errors.invalid(path, FieldValue(Document(std::move(list))),
                   "Only one reference can have Controller set to true. Found \"true\" in "
                   "references for " +
                       controller + " and " + name);
  }
  return errors;
}

FieldErrors validate_finalizers(const std::vector<std::string>& finalizers, const FieldPath& path) {
  FieldErrors errors;
  for (const std::string& finalizer : finalizers) {
    errors.invalid_each(path, finalizer, validate_qualified_name(finalizer));
  }
  if (std::ranges::find(finalizers, kOrphan) != finalizers.end() &&
      std::ranges::find(finalizers, kForeground) != finalizers.end()) {
    errors.invalid(path, finalizers, "finalizer orphan and foregroundDeletion cannot be both set");
  }
  return errors;
}

FieldErrors validate_builtin_finalizer(std::string_view finalizer, const FieldPath& path) {
  FieldErrors errors;
  if (finalizer.find('/') == std::string_view::npos && finalizer != kKubernetes &&
      finalizer != kOrphan && finalizer != kForeground) {
    errors.invalid(path, finalizer,
                   "name is neither a standard finalizer name nor is it fully qualified");
  }
  return errors;
}

FieldErrors validate_managed_fields(const std::vector<meta::v1::ManagedFieldsEntry>& entries,
                                    const FieldPath& path) {
  FieldErrors errors;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& entry = entries[i];
    const FieldPath here = path.index(i);
    if (entry.operation != "Apply" && entry.operation != "Update") {
      errors.invalid(here.child("operation"), entry.operation, "must be `Apply` or `Update`");
    }
    if (!entry.fieldsType.empty() && entry.fieldsType != "FieldsV1") {
      errors.invalid(here.child("fieldsType"), entry.fieldsType, "must be `FieldsV1`");
    }
    errors += validate_field_manager(entry.manager, here.child("manager"));
    if (entry.subresource.size() > kSubresourceLengthMax) {
      errors.too_long(here.child("subresource"), kSubresourceLengthMax);
    }
  }
  return errors;
}

FieldErrors validate_field_manager(std::string_view manager, const FieldPath& path) {
  FieldErrors errors;
  if (manager.size() > kFieldManagerLengthMax) errors.too_long(path, kFieldManagerLengthMax);
  for (std::size_t i = 0; i < manager.size() && errors.size() < 10;) {
    const Rune rune = first_rune(manager.substr(i));
    if (!rune.valid || !is_printable(rune.code)) {
      char name[16];
      std::snprintf(name, sizeof name, "U+%04X", rune.valid ? rune.code : 0xFFFDu);
      errors.invalid(
          path, manager,
          "invalid character " + std::string(name) + " (at position " + std::to_string(i) + ")");
    }
    i += rune.size;
  }
  return errors;
}

FieldErrors validate_conditions(const std::vector<meta::v1::Condition>& conditions,
                                const FieldPath& path) {
  FieldErrors errors;
  std::set<std::string_view> types;
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const auto& condition = conditions[i];
    const FieldPath here = path.index(i);
    if (!types.insert(condition.type).second) {
      errors.duplicate(here.child("type"), condition.type);
    }
    errors.invalid_each(here.child("type"), condition.type,
                        validate_qualified_name(condition.type));
    if (condition.status != "True" && condition.status != "False" &&
        condition.status != "Unknown") {
      errors.not_supported(here.child("status"), condition.status, {"False", "True", "Unknown"});
    }
    if (condition.observedGeneration < 0) {
      errors.invalid(here.child("observedGeneration"), condition.observedGeneration,
                     "must be greater than or equal to zero");
    }
    if (!condition.lastTransitionTime.is_set()) {
      errors.required(here.child("lastTransitionTime"), "must be set");
    }
    if (condition.reason.empty()) {
      errors.required(here.child("reason"), "must be set");
    } else {
      errors.invalid_each(here.child("reason"), condition.reason,
                          validate_condition_reason(condition.reason));
      if (condition.reason.size() > kConditionReasonLengthMax) {
        errors.too_long(here.child("reason"), kConditionReasonLengthMax);
      }
    }
    if (condition.message.size() > kConditionMessageLengthMax) {
      errors.too_long(here.child("message"), kConditionMessageLengthMax);
    }
  }
  return errors;
}

FieldErrors validate_not_negative(std::int64_t value, const FieldPath& path) {
  FieldErrors errors;
  if (value < 0) errors.invalid(path, value, kNegativeMessage);
  return errors;
}

}  // namespace keelson::api
