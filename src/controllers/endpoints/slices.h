// SPDX-License-Identifier: Apache-2.0
// Spreading a service's backends over EndpointSlices with few writes. Pure.
// Source: KEP-752.
#pragma once

#include <memory>
#include <vector>

#include "api/discovery/v1.h"
#include "controllers/endpoints/backends.h"

namespace keelson::controllers {

using SlicePtr = std::shared_ptr<const discovery::v1::EndpointSlice>;

inline constexpr std::size_t kEndpointsPerSlice = 100;  // Upstream's default.
inline constexpr std::string_view kServiceName = "kubernetes.io/service-name";
inline constexpr std::string_view kSliceManagedBy = "endpointslice.kubernetes.io/managed-by";
inline constexpr std::string_view kSliceController = "endpointslice-controller.k8s.io";

struct SlicePlan {
  std::vector<discovery::v1::EndpointSlice> create;  // With generateName.
  std::vector<discovery::v1::EndpointSlice> update;
  std::vector<SlicePtr> remove;
};

// `existing`: the slices of this service and family that this controller manages. `zone_of` tells a
// node's zone, "" if it has none.
SlicePlan plan_slices(const core::v1::Service& service, std::string_view ip_family,
                      const std::vector<Backend>& backends, const std::vector<SlicePtr>& existing,
                      const std::function<std::string(const std::string& node)>& zone_of);

}  // namespace keelson::controllers
