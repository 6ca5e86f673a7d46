// SPDX-License-Identifier: Apache-2.0
// How fast the pods of silent nodes may be evicted. When much of a zone falls silent at once, the
// fault is likelier in the network than in the nodes: then eviction slows down, or stops. Pure.
// Source: Kubernetes documentation, "Nodes", rate limits on eviction; upstream's handleDisruption.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "api/core/v1.h"
#include "base/executor.h"

namespace keelson::controllers::node_lifecycle {

struct EvictionRates {
  double normal = 0.1;            // Nodes a second in a zone; --node-eviction-rate.
  double secondary = 0.01;        // --secondary-node-eviction-rate
  int large_zone = 50;            // --large-cluster-size-threshold
  float unhealthy_share = 0.55F;  // --unhealthy-zone-threshold
};

enum class ZoneState : std::uint8_t { Initial, Normal, PartialDisruption, FullDisruption };

struct ZoneHealth {
  int ready = 0, unready = 0;
};

ZoneState zone_state(const ZoneHealth& health, const EvictionRates& rates);
// Of a zone of `size` nodes, while at least one zone is not fully disrupted.
double eviction_rate(ZoneState state, int size, const EvictionRates& rates);

// Region and zone; empty for a node that has neither.
std::string zone_of(const core::v1::Node& node);

struct DisruptionPlan {
  std::map<std::string, ZoneState> states;
  std::map<std::string, double> rates;  // Of the zones whose rate changes.
  // Not one node of the cluster is ready any more: nobody is to be evicted, and what has been begun
  // is taken back.
  bool all_lost = false;
  // The first node is back: the silence of the others counts from now on.
  bool recovered = false;
};
DisruptionPlan plan_disruption(const std::map<std::string, ZoneState>& before,
                               const std::map<std::string, ZoneHealth>& now,
                               const EvictionRates& rates);

// The nodes of one zone whose pods are to be evicted, in order, with a pace. Times are monotonic.
class EvictionQueue {
 public:
  explicit EvictionQueue(double rate) : rate_(rate) {}

  // A change of rate never lets a node go earlier than either rate would.
  void set_rate(double rate, Duration now);
  // Nothing if it waits already.
  void add(const std::string& node);
  void remove(const std::string& node);

  // The next node, if the pace allows one now.
  std::optional<std::string> take(Duration now);
  // When take() will have one; nothing if none waits or the rate is 0.
  std::optional<Duration> next() const;

 private:
  Duration interval() const;

  double rate_;
  Duration free_at_{};  // A bucket of one token.
  std::deque<std::string> waiting_;
};

}  // namespace keelson::controllers::node_lifecycle
