// SPDX-License-Identifier: Apache-2.0
// Which groups and versions there are, in the order in which clients are told of them.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "api/schema.h"

namespace keelson::apiserver {

// Whether a resource of the tables is served.
using ServesResource = std::function<bool(const api::Resource& resource)>;

// What is on without any switch: no beta or alpha, nothing behind a feature gate.
bool serves_by_default(const api::Resource& resource);

struct ServedGroup {
  std::string_view name;                           // "" is core.
  std::vector<const api::GroupVersion*> versions;  // The preferred one first.

  const api::GroupVersion& preferred() const { return *versions.front(); }
};

// The groups of `tables` with at least one served resource. Built-in groups keep the order of the
// tables, which is that of their priorities; others follow by priority and name. Versions are
// sorted by priority, then v2, v1, v1beta1, v1alpha1. Points into `tables`.
std::vector<ServedGroup> served_groups(std::span<const api::GroupVersion* const> tables,
                                       const ServesResource& serves = serves_by_default);

// The served resources of a version, by plural.
std::vector<const api::Resource*> served_resources(const api::GroupVersion& version,
                                                   const ServesResource& serves);

// True if version `a` comes before `b`: "v1" before "v1beta2" before "v1beta1" before "foo".
// Source: apimachinery, CompareKubeAwareVersionStrings.
bool version_before(std::string_view a, std::string_view b);

// "apps/v1", "v1".
std::string api_version_of(const api::GroupVersion& version);

}  // namespace keelson::apiserver
