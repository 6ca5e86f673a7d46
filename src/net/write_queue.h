// SPDX-License-Identifier: Apache-2.0
// Several tasks writing frames to one stream: a bounded queue and one task that drains it, so that
// stopping a writer never leaves half a frame on the wire.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/sync.h"
#include "net/stream.h"

namespace keelson::net {

// Thread-safe. The owner calls run() once, as a task that outlives no longer than `stream`.
class WriteQueue final {
 public:
  // Called on the draining task, in the order pushed: where a codec has state, the state follows
  // the wire.
  using Encode = std::move_only_function<std::string()>;

  explicit WriteQueue(std::size_t limit_frames) : frames_(limit_frames) {}

  // Waits for room. Errors: Unavailable once closed, Canceled.
  Task<Result<void>> push(Encode frame);
  // False when full or closed.
  bool try_push(Encode frame) { return frames_.try_push(std::move(frame)); }
  // Nothing more can be pushed; run() ends when what is queued has been written.
  void close() { frames_.close(); }

  // Writes until closed and drained, or until the stream fails.
  Task<Result<void>> run(Stream& stream);

 private:
  Channel<Encode> frames_;
};

}  // namespace keelson::net
