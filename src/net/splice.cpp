// SPDX-License-Identifier: Apache-2.0
#include "net/splice.h"

namespace keelson::net {
namespace {

constexpr std::size_t kChunkBytes = 16 << 10;

Task<void> copy_or_close(Stream& from, Stream& to) {
  if (co_await copy_stream(from, to)) co_return;
  // The other direction must not wait for a side that has failed.
  from.close();
  to.close();
}

}  // namespace

Task<Result<std::string>> read_some(Stream& from) {
  CO_TRY_OK(co_await from.readable());
  std::string bytes(kChunkBytes, '\0');
  CO_TRY(const std::size_t count, co_await from.read(bytes));
  bytes.resize(count);
  co_return bytes;
}

Task<Result<std::uint64_t>> copy_stream(Stream& from, Stream& to) {
  std::uint64_t copied = 0;
  while (true) {
    CO_TRY(const std::string bytes, co_await read_some(from));
    if (bytes.empty()) break;
    CO_TRY_OK(co_await to.write(bytes));
    copied += bytes.size();
  }
  CO_TRY_OK(co_await to.shutdown_write());
  co_return copied;
}

Task<void> splice_streams(Stream& left, Stream& right) {
  const TaskContext& context = co_await this_context();
  {
    TaskGroup group(*context.executor);
    std::stop_callback forward(context.stop, [&group] { group.request_stop(); });
    group.start(copy_or_close(left, right));
    group.start(copy_or_close(right, left));
    co_await group.join();
  }
  left.close();
  right.close();
}

}  // namespace keelson::net
