// SPDX-License-Identifier: Apache-2.0
#include "controllers/node_lifecycle/disruption.h"

#include <algorithm>

namespace keelson::controllers::node_lifecycle {

ZoneState zone_state(const ZoneHealth& health, const EvictionRates& rates) {
  if (health.ready == 0 && health.unready > 0) return ZoneState::FullDisruption;
  const auto all = static_cast<float>(health.ready + health.unready);
  // One or two nodes are no sign of a greater fault, whatever their share.
  if (health.unready > 2 && static_cast<float>(health.unready) / all >= rates.unhealthy_share)
    return ZoneState::PartialDisruption;
  return ZoneState::Normal;
}

double eviction_rate(ZoneState state, int size, const EvictionRates& rates) {
  if (state != ZoneState::PartialDisruption) return rates.normal;
  return size > rates.large_zone ? rates.secondary : 0;
}

std::string zone_of(const core::v1::Node& node) {
  const auto label = [&node](std::string_view stable, std::string_view beta) -> std::string {
    for (const auto key : {stable, beta}) {
      if (const auto found = node.metadata.labels.find(key); found != node.metadata.labels.end())
        return found->second;
    }
    return {};
  };
  const std::string region =
      label("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region");
  const std::string zone =
      label("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone");
  return region.empty() && zone.empty() ? std::string() : region + "/" + zone;
}

DisruptionPlan plan_disruption(const std::map<std::string, ZoneState>& before,
                               const std::map<std::string, ZoneHealth>& now,
                               const EvictionRates& rates) {
  DisruptionPlan plan;
  bool all_lost = true, all_were_lost = true;
  for (const auto& [zone, health] : now) {
    const auto known = before.find(zone);
    const auto old = known == before.end() ? ZoneState::Initial : known->second;
    const auto state = zone_state(health, rates);
    plan.states[zone] = state;
    all_lost = all_lost && state == ZoneState::FullDisruption;
    all_were_lost = all_were_lost && old == ZoneState::FullDisruption;
  }
  if (all_lost && all_were_lost) return plan;
  plan.all_lost = all_lost;
  plan.recovered = all_were_lost;
  for (const auto& [zone, state] : plan.states) {
    const auto known = before.find(zone);
    if (all_lost) {
      plan.rates[zone] = 0;
    } else if (all_were_lost || known == before.end() || known->second != state) {
      const ZoneHealth& health = now.at(zone);
      plan.rates[zone] = eviction_rate(state, health.ready + health.unready, rates);
    }
  }
  return plan;
}

Duration EvictionQueue::interval() const {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / rate_));
}

void EvictionQueue::set_rate(double rate, Duration now) {
  if (rate == rate_) return;
  const bool free = rate_ > 0 && free_at_ <= now;
  rate_ = rate;
  if (rate_ > 0 && !free) free_at_ = std::max(free_at_, now + interval());
}

void EvictionQueue::add(const std::string& node) {
  if (std::ranges::find(waiting_, node) == waiting_.end()) waiting_.push_back(node);
}

void EvictionQueue::remove(const std::string& node) { std::erase(waiting_, node); }

std::optional<std::string> EvictionQueue::take(Duration now) {
  if (waiting_.empty() || rate_ <= 0 || free_at_ > now) return std::nullopt;
  free_at_ = now + interval();
  std::string node = std::move(waiting_.front());
  waiting_.pop_front();
  return node;
}

std::optional<Duration> EvictionQueue::next() const {
  if (waiting_.empty() || rate_ <= 0) return std::nullopt;
  return free_at_;
}

}  // namespace keelson::controllers::node_lifecycle
