// SPDX-License-Identifier: Apache-2.0
#include "net/runtime.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <thread>

#include "net/runtime_asio.h"

namespace keelson::net {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// All timers behind one of the operating system's, set for the earliest.
class Timers {
 public:
  explicit Timers(asio::io_context& context) : context_(context), alarm_(context) {}

  TimerId add(Duration at, Work work) {
    std::lock_guard lock(mutex_);
    const TimerId id = ++last_;
    works_.emplace(std::pair(at, id), std::move(work));
    due_.emplace(id, at);
    if (at < armed_) arm(at);
    return id;
  }

  // The alarm stays as it is: one needless wake-up is cheaper than setting it for every cancel.
  bool cancel(TimerId id) {
    Work work;  // Destroyed without the lock: what it holds may have timers of its own.
    std::lock_guard lock(mutex_);
    const auto due = due_.find(id);
    if (due == due_.end()) return false;
    const auto entry = works_.find(std::pair(due->second, id));
    work = std::move(entry->second);
    works_.erase(entry);
    due_.erase(due);
    return true;
  }

  void clear() {
    std::map<std::pair<Duration, TimerId>, Work> dropped;
    std::lock_guard lock(mutex_);
    dropped.swap(works_);
    due_.clear();
  }

 private:
  void arm(Duration at) {
    armed_ = at;
    alarm_.expires_at(Clock::time_point(std::chrono::duration_cast<Clock::duration>(at)));
    alarm_.async_wait([this](boost::system::error_code error) {
      if (!error) fire();
    });
  }

  void fire() {
    std::lock_guard lock(mutex_);
    const Duration now = Clock::now().time_since_epoch();
    while (!works_.empty() && works_.begin()->first.first <= now) {
      due_.erase(works_.begin()->first.second);
      asio::post(context_, std::move(works_.begin()->second));
      works_.erase(works_.begin());
    }
    armed_ = Duration::max();
    if (!works_.empty()) arm(works_.begin()->first.first);
  }

  asio::io_context& context_;
  std::mutex mutex_;
  asio::steady_timer alarm_;
  Duration armed_ = Duration::max();
  TimerId last_ = 0;
  std::map<std::pair<Duration, TimerId>, Work> works_;
  std::unordered_map<TimerId, Duration> due_;
};

// Threads for blocking work, started when needed and ended when idle for a while.
class BlockingPool {
 public:
  ~BlockingPool() {
    std::vector<std::thread> threads;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      queue_.clear();
      for (auto& [id, thread] : threads_) threads.push_back(std::move(thread));
      threads_.clear();
    }
    wake_.notify_all();
    for (auto& thread : threads) thread.join();
  }

  void run(Work work) {
    std::lock_guard lock(mutex_);
    join_ended();
    queue_.push_back(std::move(work));
    if (idle_ >= queue_.size()) {
      wake_.notify_one();
    } else if (threads_.size() < kThreadsMax) {
      const std::uint64_t id = ++last_;
      threads_.emplace(id, std::thread([this, id] { loop(id); }));
    }
  }

 private:
  static constexpr std::size_t kThreadsMax = 16;
  static constexpr auto kIdle = std::chrono::seconds(5);

  void loop(std::uint64_t id) {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (queue_.empty()) {
        ++idle_;
        const bool more = wake_.wait_for(lock, kIdle, [&] { return stopping_ || !queue_.empty(); });
        --idle_;
        if (!more) break;
        continue;
      }
      Work work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
    }
    ended_.push_back(id);
  }

  void join_ended() {
    for (const std::uint64_t id : ended_) {
      const auto thread = threads_.find(id);
      if (thread == threads_.end()) continue;
      thread->second.join();
      threads_.erase(thread);
    }
    ended_.clear();
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::deque<Work> queue_;
  std::size_t idle_ = 0;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::thread> threads_;
  std::vector<std::uint64_t> ended_;
};

class AsioRuntime final : public Runtime {
 public:
  AsioRuntime() : guard_(asio::make_work_guard(context_)), timers_(context_) {}

  // Connections whose owners have gone end in the loop: lets them, so that nothing leaks.
  ~AsioRuntime() override {
    blocking_.reset();
    signals_.clear();
    timers_.clear();
    guard_.reset();
    context_.restart();
    while (context_.poll() > 0) context_.restart();
  }

  asio::io_context& context() { return context_; }

  void post(Work work) override { asio::post(context_, std::move(work)); }

  TimerId after(Duration delay, Work work) override {
    const Duration now = monotonic();
    const bool far = delay > Duration::max() - now;
    return timers_.add(far ? Duration::max() : now + delay, std::move(work));
  }
  bool cancel(TimerId timer) override { return timers_.cancel(timer); }
  Duration monotonic() const override { return Clock::now().time_since_epoch(); }
  Wall now() const override { return std::chrono::system_clock::now(); }

  void run(int threads) override {
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back([this] { context_.run(); });
    context_.run();
    for (auto& thread : others) thread.join();
    context_.restart();
  }

  void stop() override { context_.stop(); }

  void on_signals(std::initializer_list<int> signals, std::function<void(int)> handler) override {
    auto set = std::make_unique<asio::signal_set>(context_);
    for (const int signal : signals) set->add(signal);
    wait_signal(*set, std::make_shared<std::function<void(int)>>(std::move(handler)));
    signals_.push_back(std::move(set));
  }

  void block(Work work) override { blocking_->run(std::move(work)); }

 private:
  static void wait_signal(asio::signal_set& set,
                          const std::shared_ptr<std::function<void(int)>>& handler) {
    set.async_wait([&set, handler](boost::system::error_code error, int signal) {
      if (error) return;
      wait_signal(set, handler);
      (*handler)(signal);
    });
  }

  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  Timers timers_;
  std::vector<std::unique_ptr<asio::signal_set>> signals_;
  std::unique_ptr<BlockingPool> blocking_ = std::make_unique<BlockingPool>();
};

}  // namespace

asio::io_context& io_context_of(Runtime& runtime) {
  return static_cast<AsioRuntime&>(runtime).context();
}

std::unique_ptr<Runtime> make_runtime() { return std::make_unique<AsioRuntime>(); }

}  // namespace keelson::net
