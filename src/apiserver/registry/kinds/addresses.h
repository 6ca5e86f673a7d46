// SPDX-License-Identifier: Apache-2.0
// Addresses of endpoints and services. Source: upstream, pkg/apis/core/validation,
// ValidateNonSpecialIP and ValidateLoadBalancerStatus.
#pragma once

#include <string>
#include <vector>

#include "api/validation/field_error.h"

namespace keelson::apiserver {

// Neither unspecified nor loopback nor link-local: those mean something else on each node.
void check_not_special(const std::string& address, const api::FieldPath& path,
                       api::FieldErrors& errors);
// Where a load balancer takes traffic in: an address, and a name that is none.
void check_ingress_point(const std::string& address, const std::string& name,
                         const api::FieldPath& path, api::FieldErrors& errors);

// Of a Service and of an Ingress, which have a struct each.
template <class Point>
void check_ingress_points(const std::vector<Point>& points, const api::FieldPath& path,
                          api::FieldErrors& errors) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    check_ingress_point(points[i].ip, points[i].hostname, path.index(i), errors);
  }
}

}  // namespace keelson::apiserver
