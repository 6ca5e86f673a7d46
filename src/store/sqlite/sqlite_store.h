// SPDX-License-Identifier: Apache-2.0
// The default Store: one SQLite file in WAL mode. One thread writes, several commits to an fsync; a
// few read. See README.md beside store.h for what a crash can lose.
#pragma once

#include <memory>

#include "store/compaction_schedule.h"
#include "store/watch_hub.h"

namespace keelson::store {

struct SqliteOptions {
  // Created with mode 0600 if missing, with -wal, -shm and .lock beside it; the folder must exist.
  std::string path;
  Duration compaction_interval = kCompactionInterval;  // 0: only compact() compacts.
  int reader_threads = 2;
  // About this much write-ahead log is kept before it is copied into the file.
  std::int64_t wal_bytes_max = std::int64_t{16} * 1024 * 1024;
  // Refuse writes (Unavailable) rather than let the file grow beyond; 0: what the disk holds.
  std::int64_t size_bytes_max = 0;
  // Read the whole file at opening and refuse it if damaged.
  bool check_integrity = false;
  WatchHubOptions watch;
};

// Opens, recovering from a crash if there was one. Blocks meanwhile. The executor, which must be
// thread-safe, outlives the store; watches may outlive it, and then fail.
// Errors: Unavailable when another process has the file, or the disk fails; InternalError when the
// file is damaged, foreign or of a newer version.
Result<std::unique_ptr<Store>> open_sqlite_store(Executor& executor, const SqliteOptions& options);

}  // namespace keelson::store
