// SPDX-License-Identifier: Apache-2.0
// The one thread that writes. It takes all transactions that wait, writes them as one group with
// one fsync, publishes their events and answers them: the more writers at once, the fewer fsyncs
// each costs. Where an fsync is slow it waits a little for those whom it has just answered, since
// they would otherwise wait for the whole of the next one. Between groups it compacts, gives back
// free space, and empties the write-ahead log.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>

#include "store/sqlite/log_writer.h"
#include "store/watch_hub.h"

namespace keelson::store {

class Writer final {
 public:
  // The executor and the hub outlive it.
  Writer(Executor& executor, WatchHub& hub, std::unique_ptr<LogWriter> log, FileState state,
         std::int64_t wal_bytes_max);
  // stop() if that was not called.
  ~Writer();

  // As Store::commit, of a valid transaction, and Store::compact.
  void commit(Transaction transaction, Completion<Result<Revision>> done);
  void compact(Revision revision, std::move_only_function<void(Result<void>)> done);

  // Refuses new work, finishes what is queued (a compaction is left for the next opening) and
  // closes the connection. Waits for that.
  void stop();

 private:
  struct PendingCommit {
    Transaction transaction;
    std::size_t bytes;
    Completion<Result<Revision>> done;
  };
  struct PendingCompaction {
    Revision revision;
    std::move_only_function<void(Result<void>)> done;
  };
  // What the thread is asked for; shared with timers, which may outlive the writer.
  struct Inbox {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<PendingCommit> commits;
    std::size_t commit_bytes = 0;
    std::vector<PendingCompaction> compactions;
    bool expiry_due = false, flush_due = false, stopping = false;
  };
  // One turn of the thread.
  struct Round {
    std::vector<PendingCommit> commits;
    std::vector<PendingCompaction> compactions;
    bool expiry_due = false, flush_due = false, stopping = false, more = false;
  };

  void run();
  Round next_round();
  void note_sync(std::chrono::steady_clock::duration took);
  void await_crowd(std::unique_lock<std::mutex>& lock);

  void write_group(Round& round);
  Result<void> apply_group(Round& round, std::vector<Result<Revision>>& answers,
                           std::vector<Event>& events, Revision& revision);
  Result<void> apply_expiry(std::vector<Event>& events, Revision& revision);

  void begin_compaction(PendingCompaction asked);
  void end_compactions(const Result<void>& result);
  bool has_upkeep() const { return sweeping_ || vacuuming_; }
  void upkeep();
  void finish_compactions();
  void checkpoint_if_due();
  void checkpoint(int mode);

  // Makes what was written behind durable.
  void flush();
  void close();

  void arm(TimerId& timer, Duration delay, bool Inbox::* due);
  void arm_expiry(std::int64_t at);
  // Runs `step` as a group of its own that waits for no fsync; notes an error.
  bool run_group(auto step);
  // Of a group that was rolled back.
  void note_failure(const Status& error, bool passes);
  // An error after which nothing may be written: the state of the file is not known.
  void give_up(const Status& error);

  Executor& executor_;
  WatchHub& hub_;
  std::unique_ptr<LogWriter> log_;  // The thread's own while that runs.
  const int wal_pages_soft_, wal_pages_hard_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();

  // Below: the thread's own.
  Revision revision_, compacted_, ceiling_;
  RowId swept_;
  bool sweeping_ = false, vacuuming_ = false;
  std::vector<PendingCompaction> compacting_;
  std::optional<Status> broken_;
  bool unsynced_ = false;  // Something was written behind since the last fsync.
  TimerId flush_timer_ = 0, expiry_timer_ = 0;
  std::int64_t expiry_armed_for_ = 0;
  int wal_pages_ = 0, wal_pages_at_checkpoint_ = 0;
  // Commits of the last group, and those that came while it was written: so many write at once.
  std::size_t crowd_ = 0;
  std::chrono::steady_clock::duration sync_took_{0};  // The last group's; 0: it was not synced.

  std::thread thread_;
};

}  // namespace keelson::store
