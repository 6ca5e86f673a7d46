// SPDX-License-Identifier: Apache-2.0
// A few threads that read, each on its own connection, beside the writer. Reads are rare: the API
// server answers from its own cache.
#pragma once

#include <condition_variable>
#include <deque>
#include <thread>

#include "store/sqlite/log_reader.h"

namespace keelson::store {

class ReaderPool final : public History, public std::enable_shared_from_this<ReaderPool> {
 public:
  // The hub outlives stop().
  ReaderPool(WatchHub& hub, std::vector<std::unique_ptr<LogReader>> readers);
  ~ReaderPool() override;

  // As Store::range.
  Task<Result<RangeResult>> range(KeyRange range, RangeOptions options);
  Task<Result<WatchBatch>> events_after(KeyRange range, Revision since) override;

  // Refuses new reads, finishes those queued and closes the connections. Waits for that.
  void stop();

 private:
  using Job = std::move_only_function<void(LogReader&)>;

  void run(std::unique_ptr<LogReader> reader);
  // False when stopped or too many wait.
  bool submit(Job job);
  template <class T>
  Task<Result<T>> read(std::move_only_function<Result<T>(LogReader&)> job);

  WatchHub& hub_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace keelson::store
