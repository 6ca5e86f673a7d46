// SPDX-License-Identifier: Apache-2.0
#include "net/write_queue.h"

namespace keelson::net {
namespace {

// Small frames that wait together go out together.
constexpr std::size_t kBatchBytes = 64 << 10;

}  // namespace

Task<Result<void>> WriteQueue::push(Encode frame) {
  if (co_await frames_.push(std::move(frame))) co_return Result<void>{};
  if (frames_.is_closed()) co_return fail(Status::unavailable("connection closed"));
  co_return fail(Status::canceled());
}

Task<Result<void>> WriteQueue::run(Stream& stream) {
  while (auto frame = co_await frames_.pop()) {
    std::string batch = (*frame)();
    while (batch.size() < kBatchBytes) {
      auto more = frames_.try_pop();
      if (!more) break;
      batch += (*more)();
    }
    if (batch.empty()) continue;
    auto written = co_await stream.write(batch);
    if (!written) {
      frames_.close();
      co_return written;
    }
  }
  co_return Result<void>{};
}

}  // namespace keelson::net
