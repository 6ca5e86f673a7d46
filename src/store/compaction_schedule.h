// SPDX-License-Identifier: Apache-2.0
// Compacts a store every so often to the revision that it had one interval ago, so that between one
// and two intervals of history are kept. Source: kube-apiserver --etcd-compaction-interval.
#pragma once

#include <functional>
#include <memory>

#include "store/store.h"

namespace keelson::store {

inline constexpr std::chrono::minutes kCompactionInterval{5};

class CompactionSchedule {
 public:
  // An interval of 0 does nothing. Both functions are called on the executor, and neither after
  // the destructor has begun; `compact` only for revisions not asked for before.
  CompactionSchedule(Executor& executor, Duration interval, std::function<Revision()> revision,
                     std::function<void(Revision)> compact);
  // Waits for a call under way.
  ~CompactionSchedule();
  CompactionSchedule(const CompactionSchedule&) = delete;
  CompactionSchedule& operator=(const CompactionSchedule&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keelson::store
