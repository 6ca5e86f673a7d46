// SPDX-License-Identifier: Apache-2.0
// A non-blocking file descriptor and the waits for it.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/task.h"
#include "net/runtime_asio.h"

namespace keelson::net {

// Owns the descriptor. The system calls are the user's; at most one task waits for each direction.
class Descriptor {
 public:
  enum class Direction { Read, Write };

  Descriptor(Runtime& runtime, int fd) : descriptor_(io_context_of(runtime), fd) {}
  ~Descriptor() {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  // Valid until the destructor, also after shut_down(), so that no system call under way can meet
  // somebody else's descriptor of the same number.
  int fd() { return descriptor_.native_handle(); }

  // May return although nothing can be done: try, then wait again.
  // Errors: Canceled, Unavailable after shut_down().
  auto wait(Direction direction) {
    return suspended<Result<void>>(
        fail(Status::canceled()),
        [this, direction](Completion<Result<void>> done) {
          start_wait(direction, std::move(done));
        },
        [this] { cancel(); });
  }

  // Thread-safe. Ends both waits; later ones fail.
  void shut_down();
  bool is_shut_down() const { return shut_down_.load(std::memory_order_acquire); }

 private:
  void start_wait(Direction direction, Completion<Result<void>> done);
  void cancel();

  std::mutex mutex_;
  boost::asio::posix::stream_descriptor descriptor_;
  std::atomic<bool> shut_down_{false};
};

}  // namespace keelson::net
