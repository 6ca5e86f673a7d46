// SPDX-License-Identifier: Apache-2.0
// A Store in memory, for tests and simulations: it keeps what store.h promises, except across a
// restart. It runs no thread, and answers every call without waiting (except a watch), so that on a
// deterministic executor the same calls give the same run.
#pragma once

#include <memory>

#include "store/compaction_schedule.h"
#include "store/watch_hub.h"

namespace keelson::store {

struct MemoryOptions {
  Duration compaction_interval = kCompactionInterval;  // 0: only compact() compacts.
  WatchHubOptions watch;
};

// The executor, whose clock counts ttl and compaction interval, outlives the store.
std::unique_ptr<Store> make_memory_store(Executor& executor, MemoryOptions options = {});

}  // namespace keelson::store
