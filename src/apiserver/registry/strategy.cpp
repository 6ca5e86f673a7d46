// SPDX-License-Identifier: Apache-2.0
// What holds for kinds that need nothing particular.
#include "apiserver/registry/strategy.h"

#include <algorithm>

#include "api/names.h"
#include "apiserver/registry/schema_check.h"

namespace keelson::apiserver {

void Strategy::prepare_for_create(api::Document&, const CallContext&) const {}

bool Strategy::prepare_for_update(api::Document& now, const api::Document& before,
                                  const CallContext&) const {
  const auto differs = [](const api::Document& a, const api::Document& b) {
    for (const auto& [name, value] : a.get_object()) {
      const std::string_view member(name);
      if (member == "metadata" || member == "status") continue;
      const auto* other = b.get_object().if_contains(member);
      if (other == nullptr || *other != value) return true;
    }
    return false;
  };
  return differs(now, before) || differs(before, now);
}

void Strategy::prepare_for_status_update(api::Document&, const api::Document&) const {}

std::vector<std::string> Strategy::validate_name(std::string_view name, bool prefix) const {
  return api::name_is_dns_subdomain(name, prefix);
}

api::FieldErrors Strategy::validate(const api::Document& object) const {
  return validate_by_schema(object);
}

api::FieldErrors Strategy::validate_update(const api::Document& now, const api::Document&) const {
  return validate(now);
}

api::FieldErrors Strategy::validate_create(const api::Document& object, const CallContext&) const {
  return validate(object);
}

api::FieldErrors Strategy::validate_update_by(const api::Document& now, const api::Document& before,
                                              const CallContext&) const {
  return validate_update(now, before);
}

api::FieldErrors Strategy::validate_subresource_update(const api::Document& now,
                                                       const api::Document& before,
                                                       std::string_view) const {
  return validate_update(now, before);
}

api::FieldErrors Strategy::validate_status_update(const api::Document&,
                                                  const api::Document&) const {
  return {};
}

std::vector<std::string> Strategy::warnings(const api::Document&) const { return {}; }

std::optional<std::int64_t> Strategy::grace_period(const api::Object&,
                                                   std::optional<std::int64_t>) const {
  return std::nullopt;
}

bool Strategy::holds_deletion(api::Document&) const { return false; }

bool Strategy::status_updates_metadata(const api::Resource& resource) const {
  // Source: upstream, the status strategies of these groups, which keep nothing but the spec.
  constexpr std::string_view kGroups[] = {"",      "apps",   "autoscaling",
                                          "batch", "policy", "networking.k8s.io"};
  return std::ranges::find(kGroups, resource.group) != std::end(kGroups);
}

bool Strategy::returns_deleted(const api::Resource& resource) const {
  // Source: upstream, ReturnDeletedObject of the storages in pkg/registry.
  if (!resource.group.empty()) return false;
  for (const std::string_view name :
       {"persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "resourcequotas",
        "serviceaccounts", "services"}) {
    if (resource.plural == name) return true;
  }
  return false;
}

}  // namespace keelson::apiserver
