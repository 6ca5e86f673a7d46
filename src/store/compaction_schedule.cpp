// SPDX-License-Identifier: Apache-2.0
#include "store/compaction_schedule.h"

namespace keelson::store {

struct CompactionSchedule::State {
  Executor& executor;
  const Duration interval;
  const std::function<Revision()> revision;
  const std::function<void(Revision)> compact;

  std::mutex mutex;
  bool ended = false;
  TimerId timer = 0;
  Revision before = 0;  // The store's revision an interval ago.
  Revision compacted = 0;

  static void arm(const std::shared_ptr<State>& state) {
    state->timer = state->executor.after(state->interval, [weak = std::weak_ptr(state)] {
      if (const auto shared = weak.lock()) tick(shared);
    });
  }

  static void tick(const std::shared_ptr<State>& state) {
    std::lock_guard lock(state->mutex);
    if (state->ended) return;
    // An idle store is left alone: nothing to forget, no disk to wake.
    if (state->before > state->compacted) {
      state->compacted = state->before;
      state->compact(state->before);
    }
    state->before = state->revision();
    arm(state);
  }
};

CompactionSchedule::CompactionSchedule(Executor& executor, Duration interval,
                                       std::function<Revision()> revision,
                                       std::function<void(Revision)> compact)
    : state_(new State{.executor = executor,
                       .interval = interval,
                       .revision = std::move(revision),
                       .compact = std::move(compact)}) {
  if (interval <= Duration::zero()) return;
  std::lock_guard lock(state_->mutex);
  state_->before = state_->revision();
  State::arm(state_);
}

CompactionSchedule::~CompactionSchedule() {
  std::lock_guard lock(state_->mutex);
  state_->ended = true;
  if (state_->timer) state_->executor.cancel(state_->timer);
}

}  // namespace keelson::store
