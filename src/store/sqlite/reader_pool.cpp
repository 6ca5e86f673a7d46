// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/reader_pool.h"

#include "store/status.h"

namespace keelson::store {
namespace {

constexpr std::size_t kQueuedReadsMax = 4096;

}  // namespace

ReaderPool::ReaderPool(WatchHub& hub, std::vector<std::unique_ptr<LogReader>> readers) : hub_(hub) {
  for (auto& reader : readers) {
    threads_.emplace_back([this, reader = std::move(reader)]() mutable { run(std::move(reader)); });
  }
}

ReaderPool::~ReaderPool() { stop(); }

void ReaderPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ReaderPool::run(std::unique_ptr<LogReader> reader) {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job(*reader);
  }
}

bool ReaderPool::submit(Job job) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= kQueuedReadsMax) return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

template <class T>
Task<Result<T>> ReaderPool::read(std::move_only_function<Result<T>(LogReader&)> job) {
  // Owns what it uses: it may still run when a stop has ended this task already.
  auto start = [pool = shared_from_this(),
                job = std::move(job)](const Completion<Result<T>>& done) mutable {
    WatchHub* hub = &pool->hub_;
    const bool queued = pool->submit([hub, done, job = std::move(job)](LogReader& reader) mutable {
      if (done.is_done()) return;
      Result<T> result = job(reader);
      // Before the answer: who hears it may ask for the current revision.
      if (result) hub->saw(result->revision);
      done.complete(std::move(result));
    });
    if (!queued) done.complete(fail(Status::unavailable("store: stopped, or too many reads wait")));
  };
  co_return co_await suspended<Result<T>>(fail(Status::canceled()), std::move(start));
}

Task<Result<RangeResult>> ReaderPool::range(KeyRange range, RangeOptions options) {
  return read<RangeResult>([range = std::move(range), options](LogReader& reader) {
    return reader.range(range, options);
  });
}

Task<Result<WatchBatch>> ReaderPool::events_after(KeyRange range, Revision since) {
  return read<WatchBatch>([range = std::move(range), since](LogReader& reader) {
    return reader.events_after(range, since);
  });
}

}  // namespace keelson::store
