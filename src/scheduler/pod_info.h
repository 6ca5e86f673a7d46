// SPDX-License-Identifier: Apache-2.0
// A pod with all that scheduling asks of it again and again, worked out once. Immutable, shared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/core/v1.h"
#include "api/object.h"
#include "api/selector.h"
#include "scheduler/resources.h"

namespace keelson::scheduler {

using api::ObjectKey;
using core::v1::Node;
using core::v1::Pod;
using PodPtr = std::shared_ptr<const Pod>;
using NodePtr = std::shared_ptr<const Node>;

// A port of the node's own, taken by one pod. An address of 0.0.0.0 takes it on all.
struct HostPort {
  std::string ip;        // "0.0.0.0" when the pod does not say
  std::string protocol;  // "TCP" likewise
  std::int32_t port = 0;

  bool conflicts_with(const HostPort& other) const;
  bool operator==(const HostPort&) const = default;
};

// A term of pod affinity or anti-affinity with its selectors read.
struct AffinityTerm {
  api::LabelSelector selector;
  std::vector<std::string> namespaces;  // The pod's own, unless the term names others.
  api::LabelSelector namespace_selector = api::LabelSelector::nothing();
  std::string topology_key;
  std::int32_t weight = 0;     // Of preferred terms.
  std::string pods_signature;  // Tells terms apart that mean different pods.

  // Tells terms apart also by topology and weight.
  std::string signature() const;

  // `namespace_labels` are those of the other pod's namespace; null if it is unknown.
  bool matches(const Pod& other,
               const std::map<std::string, std::string, std::less<>>* namespace_labels) const;
};

struct PodInfo {
  PodPtr pod;
  ObjectKey key;
  std::int32_t priority = 0;
  api::Time started;  // When it began to run, or was made: who is the more important of two pods.
  Resources requests;
  // With what a container that requests nothing counts as; for scores.
  std::int64_t nonzero_milli_cpu = 0, nonzero_memory = 0;
  std::vector<HostPort> host_ports;
  std::vector<AffinityTerm> affinity, anti_affinity;                      // Required.
  std::vector<AffinityTerm> preferred_affinity, preferred_anti_affinity;  // With weights.

  const std::string& uid() const { return pod->metadata.uid; }
};
using PodInfoPtr = std::shared_ptr<const PodInfo>;

// A term that means the pods of `namespace_` that the selector finds.
AffinityTerm make_term(std::string namespace_, api::LabelSelector selector);

// Selectors that cannot be read select nothing: the API server does not let them in.
PodInfoPtr make_pod_info(PodPtr pod);

}  // namespace keelson::scheduler
