// SPDX-License-Identifier: Apache-2.0
#include "apiserver/discovery/served.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <tuple>

namespace keelson::apiserver {
namespace {

// "v2beta3" as (Beta, 2, 3). Any other form of name is no Kubernetes version.
struct VersionRank {
  int stability;  // 2: general, 1: beta, 0: alpha
  int major, minor;
};

std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number <= 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<VersionRank> rank_of(std::string_view version) {
  if (!version.starts_with('v')) return std::nullopt;
  version.remove_prefix(1);
  const auto major = take_number(version);
  if (!major) return std::nullopt;
  if (version.empty()) return VersionRank{2, *major, 0};
  const int stability = version.starts_with("beta") ? 1 : version.starts_with("alpha") ? 0 : -1;
  if (stability < 0) return std::nullopt;
  version.remove_prefix(stability == 1 ? 4 : 5);
  const auto minor = take_number(version);
  if (!minor || !version.empty()) return std::nullopt;
  return VersionRank{stability, *major, *minor};
}

bool is_builtin(const api::GroupVersion* version) {
  return std::ranges::find(api::builtin_group_versions(), version) !=
         api::builtin_group_versions().end();
}

}  // namespace

bool serves_by_default(const api::Resource& resource) {
  return resource.served_by_default && resource.gate.empty();
}

bool version_before(std::string_view a, std::string_view b) {
  const auto left = rank_of(a), right = rank_of(b);
  if (left.has_value() != right.has_value()) return left.has_value();
  if (!left) return a < b;
  return std::tie(left->stability, left->major, left->minor) >
         std::tie(right->stability, right->major, right->minor);
}

std::string api_version_of(const api::GroupVersion& version) {
  return version.group.empty() ? std::string(version.version)
                               : std::string(version.group) + "/" + std::string(version.version);
}

std::vector<const api::Resource*> served_resources(const api::GroupVersion& version,
                                                   const ServesResource& serves) {
  std::vector<const api::Resource*> served;
  for (const api::Resource& resource : version.resources) {
    if (serves(resource)) served.push_back(&resource);
  }
  std::ranges::sort(served, {}, [](const api::Resource* resource) { return resource->plural; });
  return served;
}

std::vector<ServedGroup> served_groups(std::span<const api::GroupVersion* const> tables,
                                       const ServesResource& serves) {
  std::vector<ServedGroup> groups;
  const auto add = [&](const api::GroupVersion& version) {
    auto group = std::ranges::find(groups, version.group, &ServedGroup::name);
    if (group == groups.end()) group = groups.insert(groups.end(), {version.group, {}});
    group->versions.push_back(&version);
  };
  std::ptrdiff_t builtin_groups = 0;
  for (const bool builtin : {true, false}) {
    for (const api::GroupVersion* version : tables) {
      if (version->use == api::PackageUse::Served && is_builtin(version) == builtin &&
          std::ranges::any_of(version->resources, serves)) {
        add(*version);
      }
    }
    if (builtin) builtin_groups = std::ssize(groups);
  }
  for (ServedGroup& group : groups) {
    std::ranges::sort(group.versions, [](const auto* a, const auto* b) {
      if (a->version_priority != b->version_priority) {
        return a->version_priority > b->version_priority;
      }
      return version_before(a->version, b->version);
    });
  }
  std::sort(groups.begin() + builtin_groups, groups.end(),
            [](const ServedGroup& a, const ServedGroup& b) {
              const int left = a.preferred().group_priority, right = b.preferred().group_priority;
              return left != right ? left > right : a.name < b.name;
            });
  return groups;
}

}  // namespace keelson::apiserver
