// SPDX-License-Identifier: Apache-2.0
#include "net/descriptor.h"

#include <sys/socket.h>

namespace keelson::net {

void Descriptor::start_wait(Direction direction, Completion<Result<void>> done) {
  std::lock_guard lock(mutex_);
  if (shut_down_.load(std::memory_order_relaxed)) {
    done.complete(fail(Status::unavailable("use of closed network connection")));
    return;
  }
  const auto kind = direction == Direction::Read ? boost::asio::posix::descriptor_base::wait_read
                                                 : boost::asio::posix::descriptor_base::wait_write;
  // The outcome does not matter: whoever waited tries again and learns from the system call.
  descriptor_.async_wait(
      kind, [done = std::move(done)](boost::system::error_code) { done.complete({}); });
}

// Ends the waits of both directions; the one not meant waits again.
void Descriptor::cancel() {
  std::lock_guard lock(mutex_);
  boost::system::error_code ignored;
  descriptor_.cancel(ignored);
}

void Descriptor::shut_down() {
  std::lock_guard lock(mutex_);
  if (shut_down_.exchange(true)) return;
  ::shutdown(descriptor_.native_handle(), SHUT_RDWR);
  boost::system::error_code ignored;
  descriptor_.cancel(ignored);
}

}  // namespace keelson::net
