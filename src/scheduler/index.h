// SPDX-License-Identifier: Apache-2.0
// Answers, kept up to date as pods and nodes come and go, to what plugins that look at the whole
// cluster would else count anew for each pod: which value of a label a node has, how many pods of
// some kind run on it, which terms of running pods concern others. Part of the cache; one serial
// executor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler/node_info.h"

namespace keelson::scheduler {

class Cache;

// The values of one label, numbered from 0; nodes by their slot.
class Topology {
 public:
  static constexpr int kNone = -1;

  // kNone: the node has no such label.
  int value_of(std::size_t slot) const { return slot < values_.size() ? values_[slot] : kNone; }
  int value_of(const NodeInfo& node) const { return value_of(node.slot()); }
  // One more than the highest number.
  std::size_t size() const { return numbers_.size(); }

  void set(std::size_t slot, const std::string* value);

 private:
  std::vector<std::int32_t> values_;
  std::unordered_map<std::string, std::int32_t> numbers_;
};

// Which pods are meant: those that match all terms at once.
struct PodQuestion {
  std::vector<AffinityTerm> terms;  // Their topology keys and weights do not matter.
  bool live_only = false;           // Not those that are being deleted.

  std::string signature() const;
  // False if the answer also depends on the labels of namespaces, which is not kept track of.
  bool can_be_kept() const;
  bool matches(const PodInfo& pod, const Cache& cache) const;
};

class PodCounts {
 public:
  std::int32_t on(const NodeInfo& node) const {
    return node.slot() < counts_.size() ? counts_[node.slot()] : 0;
  }
  void change(std::size_t slot, std::int32_t by);

 private:
  std::vector<std::int32_t> counts_;
};

// A term that pods on these nodes have.
struct TermHolders {
  AffinityTerm term;
  std::unordered_map<std::size_t, std::int32_t> holders;  // How many pods, by the node's slot.
};
using TermIndex = std::unordered_map<std::string, TermHolders>;  // By signature.

// `pod` with its terms has come to the slot (1), or left it (-1).
void count_term(TermIndex& index, const AffinityTerm& term, std::size_t slot, std::int32_t by);

// What is asked for again and again, up to a limit; the longest unasked is forgotten first.
template <class Value>
class KeptAnswers {
 public:
  static constexpr std::size_t kMax = 64;

  // Null if it is not there.
  std::shared_ptr<Value> find(const std::string& key) {
    const auto found = answers_.find(key);
    if (found == answers_.end()) return nullptr;
    found->second.asked = ++clock_;
    return found->second.value;
  }
  void put(const std::string& key, std::shared_ptr<Value> value) {
    if (answers_.size() >= kMax) {
      auto oldest = answers_.begin();
      for (auto it = answers_.begin(); it != answers_.end(); ++it) {
        if (it->second.asked < oldest->second.asked) oldest = it;
      }
      answers_.erase(oldest);
    }
    answers_[key] = {std::move(value), ++clock_};
  }
  template <class Visit>
  void each(const Visit& visit) {
    for (auto& [key, answer] : answers_) visit(key, *answer.value);
  }

 private:
  struct Answer {
    std::shared_ptr<Value> value;
    std::uint64_t asked = 0;
  };
  std::unordered_map<std::string, Answer> answers_;
  std::uint64_t clock_ = 0;
};

}  // namespace keelson::scheduler
