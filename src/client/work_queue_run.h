// SPDX-License-Identifier: Apache-2.0
// The loop around a WorkQueue; apart, so that work_queue.h stays a contract.
#pragma once

#include "base/log.h"
#include "client/work_queue.h"

namespace keelson::client {
namespace detail {

template <class Key>
std::string describe(const Key& key) {
  if constexpr (requires { key.text(); }) {
    return key.text();
  } else {
    return key;
  }
}

template <class Key>
Task<void> work(WorkQueue<Key>* queue, std::string name,
                const std::function<Task<Result<Requeue>>(Key)>* reconcile) {
  while (auto key = co_await queue->next()) {
    auto result = co_await (*reconcile)(*key);
    if (result) {
      queue->forget(*key);
      if (result->after > Duration::zero()) queue->add_after(*key, result->after);
    } else if (!result.error().is(Reason::Canceled)) {
      // A conflict is the ordinary fate of a write on an old copy; the retry reads the new one.
      const bool routine = result.error().is(Reason::Conflict);
      if (routine) {
        log_verbose(2, "Reconcile met a conflict", {{"controller", name}, {"key", describe(*key)}});
      } else {
        log_error(
            "Reconcile failed",
            {{"controller", name}, {"key", describe(*key)}, {"err", result.error().message()}});
      }
      queue->retry(*key);
    }
    queue->done(*key);
  }
}

}  // namespace detail

template <class Key>
Task<void> run_workers(WorkQueue<Key>& queue, int workers, std::string_view name,
                       std::function<Task<Result<Requeue>>(Key)> reconcile) {
  const TaskContext& context = co_await this_context();
  TaskGroup group(*context.executor);
  std::stop_callback forward(context.stop, [&group] { group.request_stop(); });
  for (int i = 0; i < workers; ++i) {
    group.start(detail::work<Key>(&queue, std::string(name), &reconcile));
  }
  co_await group.join();
}

}  // namespace keelson::client
