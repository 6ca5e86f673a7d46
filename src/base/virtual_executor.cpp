// SPDX-License-Identifier: Apache-2.0
#include "base/virtual_executor.h"

namespace keelson {

TimerId VirtualExecutor::after(Duration delay, Work work) {
  const TimerId id = ++last_timer_;
  const Duration due = elapsed_ + std::max(delay, Duration::zero());
  timers_.emplace(std::pair(due, id), std::move(work));
  due_.emplace(id, due);
  return id;
}

bool VirtualExecutor::cancel(TimerId timer) {
  const auto found = due_.find(timer);
  if (found == due_.end()) return false;
  timers_.erase({found->second, timer});
  due_.erase(found);
  return true;
}

std::size_t VirtualExecutor::run_ready() {
  std::size_t count = 0;
  while (!ready_.empty()) {
    Work work = std::move(ready_.front());
    ready_.pop_front();
    work();
    ++count;
  }
  return count;
}

bool VirtualExecutor::fire_next(Duration limit) {
  if (timers_.empty() || timers_.begin()->first.first > limit) return false;
  auto node = timers_.extract(timers_.begin());
  due_.erase(node.key().second);
  elapsed_ = std::max(elapsed_, node.key().first);
  ready_.push_back(std::move(node.mapped()));
  return true;
}

void VirtualExecutor::advance(Duration duration) {
  const Duration end = elapsed_ + duration;
  do run_ready();
  while (fire_next(end));
  elapsed_ = end;
}

bool VirtualExecutor::run_until(const std::function<bool()>& done, Duration limit) {
  const Duration end = elapsed_ + limit;
  while (true) {
    run_ready();
    if (done()) return true;
    if (!fire_next(end)) {
      elapsed_ = end;
      return false;
    }
  }
}

}  // namespace keelson
