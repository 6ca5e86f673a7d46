// SPDX-License-Identifier: Apache-2.0
// The scheduling framework's extension points. A plugin implements those that it needs; the profile
// calls them in this order:
//
//   PreFilter > Filter (each node) > PreScore > Score (each node) > NormalizeScore
//             > Reserve > Permit > PreBind > Bind > PostBind
//   and PostFilter when no node passed.
//
// Everything up to Score answers at once, without waiting, so that the cluster as the plugins see
// it does not change meanwhile. Source: Kubernetes documentation, "Scheduling Framework".
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "scheduler/cache.h"
#include "scheduler/cluster_event.h"

namespace keelson::scheduler {

inline constexpr std::int64_t kScoreMax = 100;  // Of a normalized score; the least is 0.
inline constexpr std::size_t kPluginsMax = 64;

enum class Code : std::uint8_t {
  Success,
  Error,                         // Something is broken; the pod is tried again after its back-off.
  Unschedulable,                 // Not as things are; preemption may help.
  UnschedulableAndUnresolvable,  // Preemption does not help.
  Wait,                          // Permit only.
  Skip,  // PreFilter, PreScore, Bind: the plugin has nothing to do with this pod.
};

// Why a node was refused. Texts outlive the scheduling of the pod: literals, or part of plugin
// state.
class Reasons {
 public:
  void add(std::string_view text) {
    if (count_ < texts_.size()) texts_[count_++] = text;
  }
  void clear() { count_ = 0; }
  std::span<const std::string_view> texts() const { return {texts_.data(), count_}; }

 private:
  std::array<std::string_view, 8> texts_;
  std::size_t count_ = 0;
};

// What a plugin keeps between its own calls for one pod.
class PluginState {
 public:
  virtual ~PluginState() = default;
  // For trying out a changed node (nominated pods, preemption).
  virtual std::unique_ptr<PluginState> clone() const = 0;
};

class Plugin {
 public:
  virtual ~Plugin() = default;
  virtual std::string_view name() const = 0;
  // Which events can help a pod that this plugin refused. Only plugins that refuse need any.
  virtual std::vector<EventRegistration> events() const { return {}; }

  // Its number in the profile.
  int slot() const { return slot_; }

 private:
  friend class Profile;
  int slot_ = -1;
};

class CycleState {
 public:
  CycleState() = default;
  CycleState(CycleState&&) = default;
  CycleState& operator=(CycleState&&) = default;

  template <class T>
  T& put(const Plugin& plugin, std::unique_ptr<T> state) {
    T& value = *state;
    states_[static_cast<std::size_t>(plugin.slot())] = std::move(state);
    return value;
  }
  // Null if the plugin has not put any.
  template <class T>
  T* find(const Plugin& plugin) const {
    return static_cast<T*>(states_[static_cast<std::size_t>(plugin.slot())].get());
  }
  CycleState clone() const;

  // Plugins whose PreFilter or PreScore said Skip.
  PluginSet skip_filter = 0, skip_score = 0;

 private:
  std::array<std::unique_ptr<PluginState>, kPluginsMax> states_;
};

// --- Extension points
// ------------------------------------------------------------------------------

class QueueSortPlugin : public virtual Plugin {
 public:
  struct Waiting {
    const PodInfo& pod;
    Duration since;  // On the executor's monotonic clock.
  };
  // Whether `a` is to be tried before `b`.
  virtual bool less(const Waiting& a, const Waiting& b) const = 0;
};

// Keeps a pod out of the queue altogether.
class PreEnqueuePlugin : public virtual Plugin {
 public:
  virtual bool may_enqueue(const Pod& pod) const = 0;
};

struct PreFilterResult {
  Code code = Code::Success;
  std::string message;  // Unless Success or Skip.
  // The only nodes that can be right; nothing: all may.
  std::optional<std::vector<std::string>> node_names;
};

class PreFilterPlugin : public virtual Plugin {
 public:
  virtual PreFilterResult pre_filter(CycleState& state, const PodInfo& pod,
                                     const NodeList& nodes) const = 0;
  // Keeps the state right when another pod is put on a node, or taken off, for a trial.
  virtual void pod_added(CycleState& /*state*/, const PodInfo& /*pod*/, const PodInfo& /*added*/,
                         const NodeInfo& /*node*/) const {}
  virtual void pod_removed(CycleState& /*state*/, const PodInfo& /*pod*/,
                           const PodInfo& /*removed*/, const NodeInfo& /*node*/) const {}
};

class FilterPlugin : public virtual Plugin {
 public:
  // Success, Unschedulable or UnschedulableAndUnresolvable with at least one reason. Called for
  // thousands of nodes a pod: no allocation here.
  virtual Code filter(const CycleState& state, const PodInfo& pod, const NodeInfo& node,
                      Reasons& reasons) const = 0;
};

class PreScorePlugin : public virtual Plugin {
 public:
  // Success or Skip.
  virtual Code pre_score(CycleState& state, const PodInfo& pod,
                         std::span<const NodeInfo* const> nodes) const = 0;
};

class ScorePlugin : public virtual Plugin {
 public:
  virtual std::int64_t score(const CycleState& state, const PodInfo& pod,
                             const NodeInfo& node) const = 0;
  // Brings the scores of all nodes into 0..kScoreMax, where score() does not do so by itself.
  virtual void normalize(const CycleState& /*state*/, const PodInfo& /*pod*/,
                         std::span<const NodeInfo* const> /*nodes*/,
                         std::span<std::int64_t> /*scores*/) const {}
};

struct Diagnosis;

class PostFilterPlugin : public virtual Plugin {
 public:
  struct Answer {
    Code code = Code::Unschedulable;
    std::string message;              // For the FailedScheduling event.
    std::string nominated_node;       // Success: where the pod is going to fit.
    std::vector<PodInfoPtr> victims;  // Success: who has to go first.
  };
  virtual Answer post_filter(const CycleState& state, const PodInfo& pod,
                             const Diagnosis& diagnosis) = 0;
};

class ReservePlugin : public virtual Plugin {
 public:
  virtual Result<void> reserve(CycleState& state, const PodInfo& pod, const std::string& node) = 0;
  // Also called when reserve() of this or a later plugin failed; must not fail.
  virtual void unreserve(CycleState& state, const PodInfo& pod, const std::string& node) = 0;
};

class PermitPlugin : public virtual Plugin {
 public:
  // Waits until the pod may go. Errors keep it from its node.
  virtual Task<Result<void>> permit(const CycleState& state, PodInfoPtr pod, std::string node) = 0;
};

class PreBindPlugin : public virtual Plugin {
 public:
  virtual Task<Result<void>> pre_bind(const CycleState& state, PodInfoPtr pod,
                                      std::string node) = 0;
};

class BindPlugin : public virtual Plugin {
 public:
  // False: another plugin is to bind this pod.
  virtual Task<Result<bool>> bind(const CycleState& state, PodInfoPtr pod, std::string node) = 0;
};

class PostBindPlugin : public virtual Plugin {
 public:
  virtual void post_bind(const CycleState& state, const PodInfo& pod, const std::string& node) = 0;
};

// Maps scores onto 0..kScoreMax in proportion to the highest; `reverse`: the lowest is the best.
void normalize_by_highest(std::span<std::int64_t> scores, bool reverse);

}  // namespace keelson::scheduler
