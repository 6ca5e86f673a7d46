// SPDX-License-Identifier: Apache-2.0
// The downward API: fields and resources of a pod as text for its containers.
// Source: API reference of core/v1, ObjectFieldSelector and ResourceFieldSelector.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "kubelet/pod.h"

namespace keelson::kubelet {

// What only the node knows.
struct NodeValues {
  std::string node_name;
  std::vector<std::string> host_ips;
  std::vector<std::string> pod_ips;
  podspec::ResourceList allocatable;  // Stands in for limits that are not set.
};

// metadata.labels and metadata.annotations as a whole have one `key="value"` on a line, with Go's
// quoting. Errors: BadRequest for a path that is not supported.
Result<std::string> field_value(const v1::Pod& pod, std::string_view path, const NodeValues& node);

// `default_container` is meant when the selector names none. Errors: BadRequest for an unknown
// container or resource.
Result<std::string> resource_value(const v1::Pod& pod, const v1::ResourceFieldSelector& selector,
                                   std::string_view default_container, const NodeValues& node);

}  // namespace keelson::kubelet
