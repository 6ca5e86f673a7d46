// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/scheduling.h"

#include "api/names.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

constexpr std::int64_t kUserPriorityMax = 1'000'000'000;
constexpr std::string_view kSystemPrefix = "system-";
constexpr std::pair<std::string_view, std::int64_t> kSystemClasses[] = {
    {"system-node-critical", 2'000'001'000}, {"system-cluster-critical", 2'000'000'000}};

// Why a class may not have a name of the system's; empty if it may.
std::string find_system_error(const std::string& name, std::int64_t value, bool is_default) {
  for (const auto& [known, its_value] : kSystemClasses) {
    if (known != name) continue;
    if (value != its_value) {
      return "value of " + name + " PriorityClass must be " + std::to_string(its_value);
    }
    return is_default ? "globalDefault of " + name + " PriorityClass must be false" : std::string();
  }
  return name + " is not a known system priority class";
}

}  // namespace

FieldErrors PriorityClassStrategy::validate(const api::Document& object) const {
  FieldErrors errors = Strategy::validate(object);
  const std::string name(api::string_at(object, {"metadata", "name"}));
  const std::int64_t value = int_at(object, {"value"});
  if (name.starts_with(kSystemPrefix)) {
    const auto* is_default = api::find_at(object, {"globalDefault"});
    const std::string why = find_system_error(
        name, value, is_default != nullptr && is_default->is_bool() && is_default->get_bool());
    if (!why.empty()) {
      errors.forbidden(FieldPath("metadata").child("name"),
                       "priority class names with 'system-' prefix are reserved for system use "
                       "only. error: " +
                           why);
    }
  } else if (value > kUserPriorityMax) {
    errors.forbidden("value", "maximum allowed value of a user defined priority is " +
                                  std::to_string(kUserPriorityMax));
  }
  return errors;
}

api::FieldErrors PriorityClassStrategy::validate_update(const api::Document& now,
                                                        const api::Document& before) const {
  api::FieldErrors errors = validate(now);
  if (int_at(now, {"value"}) != int_at(before, {"value"})) {
    errors.forbidden("value", "may not be changed in an update.");
  }
  const auto policy = api::string_at(now, {"preemptionPolicy"});
  if (policy != api::string_at(before, {"preemptionPolicy"})) {
    errors.invalid("preemptionPolicy", policy, api::kImmutableMessage);
  }
  return errors;
}

}  // namespace keelson::apiserver
