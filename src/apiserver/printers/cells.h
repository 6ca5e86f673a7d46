// SPDX-License-Identifier: Apache-2.0
// What the rows of several kinds have in common. Texts are those that upstream's server shows.
#pragma once

#include <boost/json/array.hpp>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "api/object.h"
#include "api/schema.h"
#include "api/time.h"
#include "base/executor.h"

namespace keelson::apiserver {

// One cell a column: a string, a whole number or a bool.
using Cells = boost::json::array;

// The row of one kind, which is named by its table.
struct Printer {
  const api::Type& (*type)();
  Cells (*cells)(const api::Object& object, Wall now);
};

// The object for one row. Not as<T>(), which the object would remember as long as it lives: a list
// of all objects would double what the cache holds.
template <class T>
T decoded(const api::Object& object) {
  T value;
  // Fields that do not decode are left at their default, as in as<T>().
  std::ignore = api::decode_json(api::type_of<T>(), object.json(), &value);
  return value;
}

// Makes a Printer of a function of the typed object, or of that and the time.
template <class T, Cells (*kCells)(const T&, Wall)>
constexpr Printer printer() {
  return {&api::type_of<T>,
          [](const api::Object& object, Wall now) { return kCells(decoded<T>(object), now); }};
}
template <class T, Cells (*kCells)(const T&)>
constexpr Printer printer() {
  return {&api::type_of<T>,
          [](const api::Object& object, Wall) { return kCells(decoded<T>(object)); }};
}

using Labels = std::map<std::string, std::string, std::less<>>;

inline constexpr std::string_view kNone = "<none>";
inline constexpr std::string_view kUnset = "<unset>";
inline constexpr std::string_view kUnknown = "<unknown>";

// "5m30s", "3d4h": two units where the first is small. Source: apimachinery, HumanDuration.
std::string human_duration(Duration duration);

// How long ago; "<unknown>" of a time that is not set.
std::string age(const api::Time& since, Wall now);
std::string age(const api::MicroTime& since, Wall now);
template <class Meta>
std::string age_of(const Meta& object, Wall now) {
  return age(object.metadata.creationTimestamp, now);
}

// `text`, or `instead` where it is empty.
std::string or_else(std::string_view text, std::string_view instead);
template <class T>
std::string or_else(const std::optional<T>& value, std::string_view instead) {
  return value ? std::string(*value) : std::string(instead);
}

std::string join(std::span<const std::string> parts, std::string_view separator);
// Joined with commas; no more than `shown` of `count`, then "+ 4 more...".
std::string join_some(std::vector<std::string> parts, std::size_t count, std::size_t shown);

// "a=b,c=d"; "<none>" when empty.
std::string format_labels(const Labels& labels);

// "2/3"
std::string of_total(std::int64_t part, std::int64_t total);

std::string container_names(const core::v1::PodSpec& spec);
std::string container_images(const core::v1::PodSpec& spec);

// "RWO,ROX", each once, in upstream's order.
std::string access_modes(std::span<const std::string> modes);

// True if a condition of that type has status True.
template <class Conditions>
bool is_true(const Conditions& conditions, std::string_view type) {
  for (const auto& condition : conditions) {
    if (condition.type == type) return condition.status == "True";
  }
  return false;
}

// Of each API group.
std::span<const Printer> admissionregistration_printers();
std::span<const Printer> apiregistration_printers();
std::span<const Printer> apps_printers();
std::span<const Printer> autoscaling_printers();
std::span<const Printer> batch_printers();
std::span<const Printer> certificates_printers();
std::span<const Printer> coordination_printers();
std::span<const Printer> core_printers();
std::span<const Printer> discovery_printers();
std::span<const Printer> events_printers();
std::span<const Printer> flowcontrol_printers();
std::span<const Printer> networking_printers();
std::span<const Printer> node_printers();
std::span<const Printer> policy_printers();
std::span<const Printer> rbac_printers();
std::span<const Printer> resource_printers();
std::span<const Printer> scheduling_printers();
std::span<const Printer> storage_printers();

// Core's larger rows, in files of their own.
Cells pod_cells(const core::v1::Pod& pod, Wall now);
Cells service_cells(const core::v1::Service& service, Wall now);
Cells node_cells(const core::v1::Node& node, Wall now);
// What an event tells, whichever of its two kinds it is.
struct EventRow {
  std::string first_seen, last_seen;
  std::int64_t count = 0;
  const core::v1::ObjectReference& object;
  std::string_view type, reason, component, instance, message, name;
};
Cells event_cells(const EventRow& row);

}  // namespace keelson::apiserver
