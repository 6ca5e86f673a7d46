// SPDX-License-Identifier: Apache-2.0
// Errors name the fields of core/v1, in which events are stored, whatever the client called them.
#include "apiserver/registry/kinds/core_event.h"

#include "api/core/v1.h"
#include "api/names.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::Event;

constexpr std::size_t kWordLengthMax = 128;
constexpr std::size_t kMessageLengthMax = 1024;
constexpr std::string_view kNewGroup = "events.k8s.io";

void check_length(const std::string& text, std::string_view field, std::size_t length_max,
                  FieldErrors& errors) {
  if (text.size() <= length_max) return;
  errors.invalid(field, "", "can have at most " + std::to_string(length_max) + " characters");
}

void check_word(const std::string& text, std::string_view field, FieldErrors& errors) {
  if (text.empty()) errors.required(field);
  check_length(text, field, kWordLengthMax, errors);
}

void check_namespaces(const Event& event, FieldErrors& errors) {
  const std::string& own = event.metadata.namespace_;
  const std::string& involved = event.involvedObject.namespace_;
  // Events about objects without a namespace are in "default"; newer ones also in "kube-system".
  const bool matches = !involved.empty() ? event.eventTime.is_set() || involved == own
                                         : own.empty() || own == "default" ||
                                               (event.eventTime.is_set() && own == "kube-system");
  if (matches) return;
  errors.invalid(FieldPath("involvedObject").child("namespace"), involved,
                 "does not match event.namespace");
}

void check_event(const Event& event, FieldErrors& errors) {
  check_namespaces(event, errors);
  if (event.eventTime.is_set()) {
    if (event.reportingComponent.empty()) errors.required("reportingController");
    errors.invalid_each("reportingController", event.reportingComponent,
                        api::validate_qualified_name(event.reportingComponent));
    check_word(event.reportingInstance, "reportingInstance", errors);
    check_word(event.action, "action", errors);
    check_word(event.reason, "reason", errors);
    check_length(event.message, "message", kMessageLengthMax, errors);
  }
  errors.invalid_each("namespace", event.metadata.namespace_,
                      api::validate_dns1123_subdomain(event.metadata.namespace_));
}

void check_series(const Event& event, FieldErrors& errors) {
  if (!event.series) return;
  if (event.series->count < 2) errors.invalid("series.count", "", "should be at least 2");
  if (!event.series->lastObservedTime.is_set()) errors.required("series.lastObservedTime");
}

// The fields of the older version have no place in the newer one.
void check_unset(bool set, std::string_view field, FieldErrors& errors) {
  if (set) errors.invalid(field, "", "needs to be unset");
}

void check_new(const Event& event, FieldErrors& errors) {
  errors.invalid_each("metadata.name", event.metadata.name,
                      api::name_is_dns_subdomain(event.metadata.name, false));
  check_series(event, errors);
  if (!event.eventTime.is_set()) errors.required("eventTime");
  if (event.type != "Normal" && event.type != "Warning") {
    errors.invalid("type", "", "has invalid value: " + event.type);
  }
  check_unset(event.firstTimestamp.is_set(), "firstTimestamp", errors);
  check_unset(event.lastTimestamp.is_set(), "lastTimestamp", errors);
  check_unset(event.count != 0, "count", errors);
  check_unset(!event.source.component.empty() || !event.source.host.empty(), "source", errors);
}

void check_frozen(const api::Document& now, const api::Document& before, FieldErrors& errors) {
  // By the names that upstream's messages have; the stored ones differ for the last two.
  constexpr std::pair<std::string_view, std::string_view> kFrozen[] = {
      {"involvedObject", "involvedObject"},
      {"reason", "reason"},
      {"message", "message"},
      {"source", "source"},
      {"firstTimestamp", "firstTimestamp"},
      {"lastTimestamp", "lastTimestamp"},
      {"count", "count"},
      {"type", "type"},
      {"eventTime", "eventTime"},
      {"action", "action"},
      {"related", "related"},
      {"reportingController", "reportingComponent"},
      {"reportingInstance", "reportingInstance"}};
  for (const auto& [field, member] : kFrozen) {
    const auto* value = api::find_at(now, {member});
    const auto* old = api::find_at(before, {member});
    const bool same = value == nullptr || old == nullptr ? value == old : *value == *old;
    if (same) continue;
    errors.invalid(field, value == nullptr ? api::Document() : *value, api::kImmutableMessage);
  }
}

}  // namespace

std::vector<std::string> EventStrategy::validate_name(std::string_view name, bool prefix) const {
  return api::name_is_path_segment(name, prefix);
}

FieldErrors EventStrategy::validate(const api::Document& object) const {
  return check_typed<Event>(object, {}, check_event);
}

FieldErrors EventStrategy::validate_create(const api::Document& object,
                                           const CallContext& call) const {
  FieldErrors errors = validate(object);
  if (call.info.group != kNewGroup) return errors;
  return check_typed<Event>(object, std::move(errors), check_new);
}

FieldErrors EventStrategy::validate_update_by(const api::Document& now, const api::Document& before,
                                              const CallContext& call) const {
  FieldErrors errors = validate(now);
  if (call.info.group != kNewGroup) return errors;
  const auto* series = api::find_at(now, {"series"});
  const auto* old_series = api::find_at(before, {"series"});
  if (series != nullptr && (old_series == nullptr || *series != *old_series)) {
    errors = check_typed<Event>(now, std::move(errors), check_series);
  }
  check_frozen(now, before, errors);
  return errors;
}

}  // namespace keelson::apiserver
