// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/sqlite_store.h"

#include <filesystem>

#include "base/log.h"
#include "store/sqlite/reader_pool.h"
#include "store/sqlite/writer.h"
#include "store/status.h"

namespace keelson::store {
namespace {

class SqliteStore final : public Store {
 public:
  SqliteStore(Executor& executor, const SqliteOptions& options, FileLock lock,
              std::unique_ptr<WatchHub> hub, std::unique_ptr<LogWriter> log, FileState state,
              std::vector<std::unique_ptr<LogReader>> readers)
      : path_(options.path),
        lock_(std::move(lock)),
        hub_(std::move(hub)),
        readers_(std::make_shared<ReaderPool>(*hub_, std::move(readers))),
        writer_(std::make_shared<Writer>(executor, *hub_, std::move(log), state,
                                         options.wal_bytes_max)),
        schedule_(
            std::in_place, executor, options.compaction_interval,
            [this] { return hub_->revision(); },
            [this](Revision revision) { writer_->compact(revision, log_failure); }) {}

  ~SqliteStore() override { close(); }

  Task<Result<Revision>> commit(Transaction transaction) override {
    CO_TRY_OK(validate(transaction));
    if (transaction.writes.empty()) co_return hub_->revision();
    // Owns what it uses: it may still run when a stop has ended this task already.
    auto start = [writer = writer_,
                  transaction = std::move(transaction)](Completion<Result<Revision>> done) mutable {
      writer->commit(std::move(transaction), std::move(done));
    };
    co_return co_await suspended<Result<Revision>>(fail(Status::canceled()), std::move(start));
  }

  Task<Result<std::optional<KeyValue>>> get(std::string key) override {
    CO_TRY(RangeResult found, co_await readers_->range(KeyRange::key(std::move(key)), {}));
    if (found.items.empty()) co_return std::nullopt;
    co_return std::move(found.items.front());
  }

  Task<Result<RangeResult>> range(KeyRange range, RangeOptions options) override {
    return readers_->range(std::move(range), options);
  }

  Task<Result<std::unique_ptr<Watch>>> watch(KeyRange range, Revision since) override {
    co_return hub_->open(std::move(range), since, readers_);
  }

  Task<Result<Revision>> current_revision() override { co_return hub_->revision(); }

  Task<Result<void>> compact(Revision revision) override {
    auto start = [writer = writer_, revision](const Completion<Result<void>>& done) {
      writer->compact(revision, [done](Result<void> result) { done.complete(std::move(result)); });
    };
    co_return co_await suspended<Result<void>>(fail(Status::canceled()), std::move(start));
  }

  Task<Result<std::int64_t>> size_bytes() override {
    std::int64_t bytes = 0;
    for (const char* part : {"", "-wal"}) {
      std::error_code missing;
      const auto size = std::filesystem::file_size(path_ + part, missing);
      if (!missing) bytes += static_cast<std::int64_t>(size);
    }
    co_return bytes;
  }

  Task<void> stop() override {
    close();
    co_return;
  }

 private:
  static void log_failure(const Result<void>& result) {
    // Expired: somebody else compacted further.
    if (!result && !result.error().is(Reason::Expired))
      log_warning("Compaction failed", {{"err", result.error().message()}});
  }

  // In the order in which nothing is asked of what has ended. The last connection to close copies
  // the log into the file and removes it.
  void close() {
    schedule_.reset();
    hub_->close();
    readers_->stop();
    writer_->stop();
    lock_.reset();
  }

  const std::string path_;
  std::optional<FileLock> lock_;
  const std::unique_ptr<WatchHub> hub_;
  const std::shared_ptr<ReaderPool> readers_;
  const std::shared_ptr<Writer> writer_;
  std::optional<CompactionSchedule> schedule_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(Executor& executor, const SqliteOptions& options) {
  TRY(FileLock lock, FileLock::acquire(options.path));
  TRY(OpenFile file, open_file(options.path, {.size_bytes_max = options.size_bytes_max,
                                              .wal_bytes_max = options.wal_bytes_max,
                                              .check_integrity = options.check_integrity}));
  TRY(auto log, LogWriter::create(std::move(file.connection)));
  const FileState state = file.state;
  std::vector<std::unique_ptr<LogReader>> readers;
  for (int i = 0; i < std::max(1, options.reader_threads); ++i) {
    TRY(auto reader, LogReader::open(options.path, state.revision, options.watch));
    readers.push_back(std::move(reader));
  }
  auto hub = std::make_unique<WatchHub>(state.revision, state.compacted, options.watch);
  return std::make_unique<SqliteStore>(executor, options, std::move(lock), std::move(hub),
                                       std::move(log), state, std::move(readers));
}

}  // namespace keelson::store
