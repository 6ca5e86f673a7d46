// SPDX-License-Identifier: Apache-2.0
// The component: informers feed cache and queue, one loop chooses nodes, tasks beside it bind.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/random.h"
#include "client/client.h"
#include "scheduler/queue.h"

namespace keelson::scheduler {

struct SchedulerOptions {
  // Pods whose spec.schedulerName is another are left alone.
  std::string scheduler_name = "default-scheduler";
  std::string host;                      // For events.
  int percentage_of_nodes_to_score = 0;  // 0: by the size of the cluster.
  QueueOptions queue;
  std::size_t writes_max = 256;  // Calls to the API server under way at once.
};

// What has been done since the start.
struct SchedulerCounts {
  std::uint64_t scheduled = 0, unschedulable = 0, errors = 0, preemptions = 0;
};

class Scheduler {
 public:
  // `executor` must be serial. All of them outlive the scheduler.
  Scheduler(client::Client& client, Executor& executor, Random& random,
            SchedulerOptions options = {});
  // run() has ended before.
  ~Scheduler();

  // Until stopped; on the executor given.
  Task<void> run();

  const SchedulerCounts& counts() const;
  // Of its queue.
  std::size_t unschedulable_pods() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keelson::scheduler
