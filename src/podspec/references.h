// SPDX-License-Identifier: Apache-2.0
// Which objects of its namespace a pod names: what its node may read because of it, and reads.
// Source: upstream, package api/pod, VisitPodSecretNames and VisitPodConfigmapNames.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/core/v1.h"

namespace keelson::podspec {

// Names within the pod, which outlives them; empty ones are left out.
std::vector<std::string_view> secrets_of(const core::v1::Pod& pod);
std::vector<std::string_view> config_maps_of(const core::v1::Pod& pod);
// Those that are made for ephemeral volumes too.
std::vector<std::string> claims_of(const core::v1::Pod& pod);

}  // namespace keelson::podspec
