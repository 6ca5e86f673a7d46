// SPDX-License-Identifier: Apache-2.0
#include "scheduler/index.h"

#include <algorithm>

#include "scheduler/cache.h"

namespace keelson::scheduler {

void Topology::set(std::size_t slot, const std::string* value) {
  if (slot >= values_.size()) {
    if (!value) return;
    values_.resize(slot + 1, kNone);
  }
  values_[slot] =
      value ? numbers_.try_emplace(*value, static_cast<std::int32_t>(numbers_.size())).first->second
            : kNone;
}

std::string PodQuestion::signature() const {
  std::string text = live_only ? "live" : "all";
  for (const AffinityTerm& term : terms) text.append(1, '\1').append(term.pods_signature);
  return text;
}

bool PodQuestion::can_be_kept() const {
  return std::ranges::all_of(terms, [](const AffinityTerm& term) {
    return term.namespace_selector.selects_nothing() ||
           term.namespace_selector.selects_everything();
  });
}

bool PodQuestion::matches(const PodInfo& pod, const Cache& cache) const {
  if (live_only && pod.pod->metadata.deletionTimestamp) return false;
  return std::ranges::all_of(terms,
                             [&](const AffinityTerm& term) { return cache.matches(term, pod); });
}

void PodCounts::change(std::size_t slot, std::int32_t by) {
  if (slot >= counts_.size()) counts_.resize(slot + 1, 0);
  counts_[slot] += by;
}

void count_term(TermIndex& index, const AffinityTerm& term, std::size_t slot, std::int32_t by) {
  const auto [entry, is_new] = index.try_emplace(term.signature());
  if (is_new) entry->second.term = term;
  auto& holders = entry->second.holders;
  auto& held = holders[slot];
  held += by;
  if (held == 0) holders.erase(slot);
  if (holders.empty()) index.erase(entry);
}

}  // namespace keelson::scheduler
