// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/writer.h"

#include <sqlite3.h>

#include <algorithm>

#include "base/log.h"
#include "store/status.h"

namespace keelson::store {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kQueuedCommitsMax = 8192;
constexpr std::size_t kQueuedBytesMax = std::size_t{64} * 1024 * 1024;
constexpr std::size_t kGroupCommitsMax = 1024;
constexpr std::size_t kGroupBytesMax = std::size_t{4} * 1024 * 1024;

// Behind: on disk within a second, a slow fsync included.
constexpr auto kFlushDelay = 500ms;
// Revisions promised at once to writes behind; each promise costs an fsync.
constexpr Revision kCeilingStep = 10'000;
constexpr std::int64_t kExpiriesPerGroup = 500;
constexpr auto kExpiryRetryDelay = 10s;
// How long commits wait behind one step of upkeep.
constexpr std::int64_t kSweepRowsPerStep = 256;
constexpr int kVacuumPagesPerStep = 64;
// Free pages are kept for the next window of history; given back beyond a quarter of the file.
constexpr std::int64_t kFreePagesKept = 256;

// How long the next group may wait for those whom the last one answered: a part of what its fsync
// took. A quick one is not worth it.
constexpr int kLingerPart = 4;
constexpr auto kLingerMin = 250us, kLingerMax = 2000us;

constexpr int kPageBytes = 4096;

}  // namespace

Writer::Writer(Executor& executor, WatchHub& hub, std::unique_ptr<LogWriter> log, FileState state,
               std::int64_t wal_bytes_max)
    : executor_(executor),
      hub_(hub),
      log_(std::move(log)),
      wal_pages_soft_(static_cast<int>(std::max<std::int64_t>(16, wal_bytes_max / kPageBytes))),
      wal_pages_hard_(4 * wal_pages_soft_),
      revision_(state.revision),
      compacted_(state.compacted),
      ceiling_(state.ceiling),
      swept_(state.swept),
      // A compaction that a crash interrupted goes on.
      sweeping_(state.swept < first_row_id(state.compacted)) {
  sqlite3_wal_hook(
      log_->connection().handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Writer*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  inbox_->expiry_due = true;  // Perhaps during the downtime; arms the timer, too.
  thread_ = std::thread([this] { run(); });
}

Writer::~Writer() { stop(); }

void Writer::commit(Transaction transaction, Completion<Result<Revision>> done) {
  std::size_t bytes = 0;
  for (const Write& write : transaction.writes)
    bytes += write.key.size() + (write.value ? write.value->size() : 0);

  std::optional<Status> refused;
  {
    std::unique_lock lock(inbox_->mutex);
    if (inbox_->stopping) {
      refused = stopped_error();
    } else if (inbox_->commits.size() >= kQueuedCommitsMax ||
               inbox_->commit_bytes >= kQueuedBytesMax) {
      refused = Status::unavailable("etcdserver: too many requests");
    } else {
      inbox_->commit_bytes += bytes;
      inbox_->commits.push_back({std::move(transaction), bytes, std::move(done)});
      lock.unlock();
      inbox_->changed.notify_one();
      return;
    }
  }
  done.complete(fail(*std::move(refused)));
}

void Writer::compact(Revision revision, std::move_only_function<void(Result<void>)> done) {
  {
    std::lock_guard lock(inbox_->mutex);
    if (!inbox_->stopping) {
      inbox_->compactions.push_back({revision, std::move(done)});
      inbox_->changed.notify_one();
      return;
    }
  }
  done(fail(stopped_error()));
}

void Writer::stop() {
  {
    std::lock_guard lock(inbox_->mutex);
    inbox_->stopping = true;
    inbox_->changed.notify_one();
  }
  if (!thread_.joinable()) return;
  thread_.join();
  log_.reset();
}

void Writer::run() {
  while (true) {
    Round round = next_round();
    if (!round.commits.empty() || round.expiry_due) write_group(round);
    for (PendingCompaction& asked : round.compactions) begin_compaction(std::move(asked));
    if (round.flush_due) flush();
    if (round.stopping && !round.more) break;
    if (has_upkeep()) upkeep();
    checkpoint_if_due();
  }
  close();
}

Writer::Round Writer::next_round() {
  Inbox& inbox = *inbox_;
  Round round;
  std::unique_lock lock(inbox.mutex);
  inbox.changed.wait(lock, [this, &inbox] {
    return !inbox.commits.empty() || !inbox.compactions.empty() || inbox.expiry_due ||
           inbox.flush_due || inbox.stopping || has_upkeep();
  });
  await_crowd(lock);
  std::size_t bytes = 0;
  while (!inbox.commits.empty() && round.commits.size() < kGroupCommitsMax &&
         bytes < kGroupBytesMax) {
    bytes += inbox.commits.front().bytes;
    round.commits.push_back(std::move(inbox.commits.front()));
    inbox.commits.pop_front();
  }
  inbox.commit_bytes -= bytes;
  round.compactions.swap(inbox.compactions);
  round.expiry_due = std::exchange(inbox.expiry_due, false);
  round.flush_due = std::exchange(inbox.flush_due, false);
  round.stopping = inbox.stopping;
  round.more = !inbox.commits.empty();
  crowd_ = round.commits.size();
  sync_took_ = {};
  return round;
}

void Writer::note_sync(std::chrono::steady_clock::duration took) {
  sync_took_ = took;
  const std::lock_guard lock(inbox_->mutex);
  crowd_ += inbox_->commits.size();
}

void Writer::await_crowd(std::unique_lock<std::mutex>& lock) {
  const auto linger =
      std::min<std::chrono::steady_clock::duration>(sync_took_ / kLingerPart, kLingerMax);
  Inbox& inbox = *inbox_;
  if (linger < kLingerMin || inbox.commits.empty()) return;
  inbox.changed.wait_for(lock, linger, [this, &inbox] {
    return inbox.commits.size() >= std::min(crowd_, kGroupCommitsMax) || inbox.stopping;
  });
}

void Writer::write_group(Round& round) {
  if (broken_) {
    for (PendingCommit& pending : round.commits) pending.done.complete(fail(*broken_));
    return;
  }
  std::vector<Result<Revision>> answers;
  std::vector<Event> events;
  Revision revision = revision_;
  const auto written = apply_group(round, answers, events, revision);
  if (!written) {
    // None of the group is answered with success, so it does not matter to whom it was due.
    const bool passes = log_->connection().last_error_may_pass();
    log_->rollback();
    note_failure(written.error(), passes);
    if (round.expiry_due) arm(expiry_timer_, kExpiryRetryDelay, &Inbox::expiry_due);
    for (PendingCommit& pending : round.commits) pending.done.complete(fail(written.error()));
    return;
  }
  revision_ = revision;
  if (!events.empty()) hub_.publish(std::move(events), revision_);
  for (std::size_t i = 0; i < round.commits.size(); ++i)
    round.commits[i].done.complete(std::move(answers[i]));
}

Result<void> Writer::apply_group(Round& round, std::vector<Result<Revision>>& answers,
                                 std::vector<Event>& events, Revision& revision) {
  bool synced = std::ranges::any_of(round.commits, [](const PendingCommit& pending) {
    return pending.transaction.durability == Durability::Synced;
  });
  // Revisions that are seen before they are durable must not be given out again after a crash.
  const Revision last = revision + static_cast<Revision>(round.commits.size()) + kExpiriesPerGroup;
  const bool raise = !synced && last > ceiling_;
  synced = synced || raise;

  TRY_OK(log_->begin(synced));
  if (raise) TRY_OK(log_->set_ceiling(last + kCeilingStep));
  std::int64_t first_expiry = 0;
  for (PendingCommit& pending : round.commits) {
    TRY(LogWriter::Applied applied,
        log_->apply(pending.transaction, revision, executor_.now(), events));
    if (applied.refused) {
      answers.push_back(fail(*std::move(applied.refused)));
      continue;
    }
    answers.push_back(applied.revision);
    revision = applied.revision;
    if (applied.first_expiry && (!first_expiry || applied.first_expiry < first_expiry))
      first_expiry = applied.first_expiry;
  }
  if (round.expiry_due) TRY_OK(apply_expiry(events, revision));
  if (events.empty() && !raise) {
    log_->rollback();
    return {};
  }

  const auto begun = std::chrono::steady_clock::now();
  TRY_OK(log_->commit());
  if (synced) note_sync(std::chrono::steady_clock::now() - begun);
  if (raise) ceiling_ = last + kCeilingStep;
  unsynced_ = !synced;
  if (unsynced_ && !flush_timer_) arm(flush_timer_, kFlushDelay, &Inbox::flush_due);
  if (first_expiry) arm_expiry(first_expiry);
  return {};
}

Result<void> Writer::apply_expiry(std::vector<Event>& events, Revision& revision) {
  TRY(auto ended, log_->expired(expired_through(executor_.now()), kExpiriesPerGroup));
  const bool more = std::cmp_equal(ended.size(), kExpiriesPerGroup);
  for (Write& write : ended) {
    Transaction removal;
    removal.writes.push_back(std::move(write));
    TRY(const LogWriter::Applied applied, log_->apply(removal, revision, executor_.now(), events));
    // Rows of this table are current ones.
    CHECK(!applied.refused);
    revision = applied.revision;
  }
  expiry_timer_ = 0;
  expiry_armed_for_ = 0;
  if (more) {
    std::lock_guard lock(inbox_->mutex);
    inbox_->expiry_due = true;
    return {};
  }
  TRY(const std::int64_t first, log_->first_expiry());
  if (first) arm_expiry(first);
  return {};
}

bool Writer::run_group(auto step) {
  const auto run = [&]() -> Result<void> {
    TRY_OK(log_->begin(false));
    TRY_OK(step());
    return log_->commit();
  };
  const auto result = run();
  if (result) return true;
  const bool passes = log_->connection().last_error_may_pass();
  log_->rollback();
  note_failure(result.error(), passes);
  end_compactions(result);
  // The next compaction, or opening, goes on with it.
  sweeping_ = vacuuming_ = false;
  return false;
}

void Writer::begin_compaction(PendingCompaction asked) {
  if (broken_) {
    asked.done(fail(*broken_));
  } else if (asked.revision <= compacted_) {
    asked.done(fail(compacted_error()));
  } else if (asked.revision > revision_) {
    asked.done(fail(future_error()));
  } else {
    const Revision revision = asked.revision;
    compacting_.push_back(std::move(asked));
    // Before anything is forgotten; after a crash too, since the log keeps the order.
    if (!run_group([&] { return log_->set_compacted(revision); })) return;
    compacted_ = revision;
    hub_.set_compacted(compacted_);
    sweeping_ = true;
  }
}

void Writer::upkeep() {
  if (sweeping_) {
    const bool swept = run_group([this]() -> Result<void> {
      TRY(swept_, log_->sweep(swept_, compacted_, kSweepRowsPerStep));
      return {};
    });
    if (!swept) return;
    sweeping_ = swept_ != first_row_id(compacted_);
    if (sweeping_) return;
    vacuuming_ = true;
  }

  Connection& connection = log_->connection();
  const auto free = connection.query_integer("PRAGMA freelist_count");
  const auto pages = connection.query_integer("PRAGMA page_count");
  vacuuming_ = free && pages && *free > std::max(kFreePagesKept, *pages / 4);
  if (!vacuuming_) {
    finish_compactions();
    return;
  }
  run_group([&] {
    const auto count = std::to_string(kVacuumPagesPerStep);
    return connection.execute(("PRAGMA incremental_vacuum(" + count + ")").c_str());
  });
}

void Writer::finish_compactions() {
  // The file shrinks when the log is copied into it.
  checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  end_compactions({});
}

void Writer::end_compactions(const Result<void>& result) {
  for (PendingCompaction& waiting : compacting_) waiting.done(result);
  compacting_.clear();
}

void Writer::checkpoint_if_due() {
  if (broken_) return;
  if (wal_pages_ >= wal_pages_hard_) {
    // Waits for readers, whose snapshots alone can have kept the log from being reused.
    checkpoint(SQLITE_CHECKPOINT_RESTART);
  } else if (wal_pages_ >=
             std::max(wal_pages_soft_, wal_pages_at_checkpoint_ + wal_pages_soft_ / 4)) {
    checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  }
}

void Writer::checkpoint(int mode) {
  int pages = 0, copied = 0;
  Connection& connection = log_->connection();
  const int code = sqlite3_wal_checkpoint_v2(connection.handle(), "main", mode, &pages, &copied);
  if (code != SQLITE_OK && code != SQLITE_BUSY && !connection.last_error_may_pass()) {
    give_up(connection.error());
    return;
  }
  // When all is copied, the next commit begins the log anew.
  const bool whole = code == SQLITE_OK && pages == copied;
  if (whole) wal_pages_ = 0;
  wal_pages_at_checkpoint_ = whole ? 0 : wal_pages_;
}

void Writer::flush() {
  flush_timer_ = 0;
  if (!unsynced_ || broken_) return;
  Connection& connection = log_->connection();
  sqlite3_file* wal = nullptr;
  int code = sqlite3_file_control(connection.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER,
                                  static_cast<void*>(&wal));
  if (code == SQLITE_OK && wal && wal->pMethods)
    code = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
  if (code != SQLITE_OK) {
    give_up(Status::unavailable(connection.path() + ": " + sqlite3_errstr(code)));
    return;
  }
  unsynced_ = false;
}

void Writer::close() {
  if (flush_timer_) executor_.cancel(flush_timer_);
  if (expiry_timer_) executor_.cancel(expiry_timer_);
  if (!broken_ && ceiling_ > revision_) {
    // All is on disk from here on, so the next process need not skip revisions.
    const auto run = [this]() -> Result<void> {
      TRY_OK(log_->begin(true));
      TRY_OK(log_->set_ceiling(revision_));
      return log_->commit();
    };
    if (const auto result = run(); !result) {
      log_->rollback();
      log_warning("Cannot finish the store's file", {{"err", result.error().message()}});
    }
  }
  flush();
  end_compactions(fail(stopped_error()));
}

void Writer::arm(TimerId& timer, Duration delay, bool Inbox::* due) {
  timer = executor_.after(delay, [weak = std::weak_ptr(inbox_), due] {
    const auto inbox = weak.lock();
    if (!inbox) return;
    std::lock_guard lock(inbox->mutex);
    (*inbox).*due = true;
    inbox->changed.notify_one();
  });
}

void Writer::arm_expiry(std::int64_t at) {
  if (expiry_armed_for_ && expiry_armed_for_ <= at) return;
  if (expiry_timer_) executor_.cancel(expiry_timer_);
  expiry_armed_for_ = at;
  const Duration wait = Wall(std::chrono::seconds(at)) - executor_.now();
  arm(expiry_timer_, std::max(wait, Duration(1)), &Inbox::expiry_due);
}

void Writer::note_failure(const Status& error, bool passes) {
  if (!passes) return give_up(error);
  log_warning("Store cannot write for now", {{"err", error.message()}});
}

void Writer::give_up(const Status& error) {
  if (broken_) return;
  broken_ = error;
  sweeping_ = vacuuming_ = false;
  log_error("Store takes no more writes until it is opened again", {{"err", error.message()}});
}

}  // namespace keelson::store
