// SPDX-License-Identifier: Apache-2.0
#include "scheduler/cache.h"

#include <algorithm>

namespace keelson::scheduler {
namespace {

std::string zone_of(const Node& node) {
  const auto label = [&](std::string_view key) {
    const auto found = node.metadata.labels.find(key);
    return found == node.metadata.labels.end() ? std::string() : found->second;
  };
  return label("topology.kubernetes.io/region") + '\0' + label("topology.kubernetes.io/zone");
}

}  // namespace

const NodeList& Cache::nodes() const {
  if (!order_stale_) return ordered_;
  order_stale_ = false;
  ordered_.clear();
  std::map<std::string, NodeList> zones;
  for (const auto& [name, info] : infos_) {
    if (info->node_or_null()) zones[zone_of(info->node())].push_back(info.get());
  }
  std::size_t longest = 0;
  for (auto& [zone, nodes] : zones) {
    // By name, so that the same cluster is always searched in the same order.
    std::ranges::sort(nodes, {},
                      [](const NodeInfo* info) -> const std::string& { return info->name(); });
    longest = std::max(longest, nodes.size());
  }
  for (std::size_t i = 0; i < longest; ++i) {
    for (const auto& [zone, nodes] : zones) {
      if (i < nodes.size()) ordered_.push_back(nodes[i]);
    }
  }
  return ordered_;
}

const NodeInfo* Cache::find_node(std::string_view name) const {
  const auto found = infos_.find(std::string(name));
  return found == infos_.end() || !found->second->node_or_null() ? nullptr : found->second.get();
}

std::size_t Cache::nodes_with_image(const std::string& name) const {
  const auto found = image_nodes_.find(name);
  return found == image_nodes_.end() ? 0 : found->second;
}

NodeInfo& Cache::node_info(const std::string& name) {
  auto& info = infos_[name];
  if (!info) {
    std::size_t slot = slots_;
    if (free_slots_.empty()) {
      ++slots_;
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
    }
    info = std::make_unique<NodeInfo>(name, slot);
  }
  return *info;
}

void Cache::count_images(const NodeInfo& node, int by) {
  for (const auto& [name, size] : node.images()) {
    auto& count = image_nodes_[name];
    count += static_cast<std::size_t>(by);
    if (count == 0) image_nodes_.erase(name);
  }
}

void Cache::count_pod(const PodInfo& pod, const NodeInfo& node, std::int32_t by) {
  const std::size_t slot = node.slot();
  for (const AffinityTerm& term : pod.anti_affinity) {
    count_term(anti_affinity_terms_, term, slot, by);
  }
  const auto wish = [&](const AffinityTerm& term, std::int32_t weight) {
    AffinityTerm weighted = term;
    weighted.weight = weight;
    count_term(affinity_wishes_, weighted, slot, by);
  };
  for (const auto& term : pod.affinity) wish(term, kRequiredAffinityWeight);
  for (const auto& term : pod.preferred_affinity) wish(term, term.weight);
  for (const auto& term : pod.preferred_anti_affinity) wish(term, -term.weight);
  pod_counts_.each([&](const std::string&, KeptCounts& kept) {
    if (kept.question.matches(pod, *this)) kept.counts.change(slot, by);
  });
}

bool Cache::matches(const AffinityTerm& term, const PodInfo& pod) const {
  // Looking the namespace up is only worth it if the term asks.
  const Labels* labels =
      term.namespace_selector.selects_nothing() ? nullptr : namespace_labels(pod.key.namespace_);
  return term.matches(*pod.pod, labels);
}

std::shared_ptr<const Topology> Cache::topology(const std::string& key) const {
  auto topology = topologies_.find(key);
  // Values of nodes long gone are not carried on for ever.
  if (topology && topology->size() <= 2 * slots_ + 64) return topology;
  topology = std::make_shared<Topology>();
  for (const auto& [name, info] : infos_) {
    if (info->node_or_null()) topology->set(info->slot(), api::find_label(info->labels(), key));
  }
  topologies_.put(key, topology);
  return topology;
}

std::shared_ptr<const PodCounts> Cache::count_pods(const PodQuestion& question) const {
  const std::string signature = question.signature();
  auto kept = pod_counts_.find(signature);
  if (!kept) {
    kept = std::make_shared<KeptCounts>();
    kept->question = question;
    for (const auto& [name, info] : infos_) {
      for (const auto& pod : info->pods()) {
        if (question.matches(*pod, *this)) kept->counts.change(info->slot(), 1);
      }
    }
    if (question.can_be_kept()) pod_counts_.put(signature, kept);
  }
  return {kept, &kept->counts};
}

void Cache::set_node(NodePtr node) {
  NodeInfo& info = node_info(node->metadata.name);
  const bool is_new = !info.node_or_null();
  if (is_new) ++node_count_;
  if (is_new || zone_of(info.node()) != zone_of(*node)) order_stale_ = true;
  const bool relabelled = is_new || info.labels() != node->metadata.labels;
  count_images(info, -1);
  info.set_node(std::move(node));
  count_images(info, 1);
  if (!relabelled) return;
  topologies_.each([&](const std::string& key, Topology& topology) {
    topology.set(info.slot(), api::find_label(info.labels(), key));
  });
}

void Cache::remove_node(const std::string& name) {
  const auto found = infos_.find(name);
  if (found == infos_.end() || !found->second->node_or_null()) return;
  NodeInfo& info = *found->second;
  count_images(info, -1);
  info.set_node(nullptr);
  topologies_.each(
      [&](const std::string&, Topology& topology) { topology.set(info.slot(), nullptr); });
  --node_count_;
  order_stale_ = true;
  drop_if_empty(info);
}

void Cache::drop_if_empty(NodeInfo& node) {
  if (node.node_or_null() || !node.pods().empty()) return;
  free_slots_.push_back(node.slot());
  infos_.erase(std::string(node.name()));
}

void Cache::place(PodState& state, PodInfoPtr pod, const std::string& node_name) {
  NodeInfo& next = node_info(node_name);
  NodeInfo* const before = state.node;
  if (before) {
    count_pod(*state.pod, *before, -1);
    before->remove_pod(*state.pod);
  }
  count_pod(*pod, next, 1);
  state.pod = pod;
  state.node = &next;
  next.add_pod(std::move(pod));
  if (before && before != &next) drop_if_empty(*before);
}

void Cache::drop(std::unordered_map<std::string, PodState>::iterator pod) {
  NodeInfo& node = *pod->second.node;
  count_pod(*pod->second.pod, node, -1);
  node.remove_pod(*pod->second.pod);
  pods_.erase(pod);
  drop_if_empty(node);
}

void Cache::set_pod(PodInfoPtr pod) {
  const std::string node_name = pod->pod->spec.nodeName;
  PodState& state = pods_[pod->uid()];
  place(state, std::move(pod), node_name);
  state.assumed = false;
  state.deadline = Duration::max();
}

void Cache::remove_pod(const std::string& uid) {
  if (const auto found = pods_.find(uid); found != pods_.end()) drop(found);
}

void Cache::assume(PodInfoPtr pod, const std::string& node_name) {
  PodState& state = pods_[pod->uid()];
  CHECK(!state.node);
  place(state, std::move(pod), node_name);
  state.assumed = true;
}

void Cache::binding_finished(const std::string& uid) {
  const auto found = pods_.find(uid);
  if (found != pods_.end() && found->second.assumed) {
    found->second.deadline = clock_.monotonic() + kConfirmWithin;
  }
}

bool Cache::forget(const std::string& uid) {
  const auto found = pods_.find(uid);
  if (found == pods_.end() || !found->second.assumed) return false;
  drop(found);
  return true;
}

bool Cache::is_assumed(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found != pods_.end() && found->second.assumed;
}

PodInfoPtr Cache::find_pod(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() ? nullptr : found->second.pod;
}

std::string_view Cache::node_of(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() ? std::string_view() : found->second.node->name();
}

std::vector<PodInfoPtr> Cache::expire_assumed() {
  const Duration now = clock_.monotonic();
  std::vector<PodInfoPtr> expired;
  for (const auto& [uid, state] : pods_) {
    if (state.assumed && state.deadline <= now) expired.push_back(state.pod);
  }
  for (const auto& pod : expired) forget(pod->uid());
  return expired;
}

}  // namespace keelson::scheduler
