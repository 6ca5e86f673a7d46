// SPDX-License-Identifier: Apache-2.0
#include "net/read_buffer.h"

#include <mutex>
#include <vector>

namespace keelson::net {
namespace {

constexpr std::size_t kKeptMax = 16;

struct Kept {
  std::mutex mutex;
  std::vector<std::unique_ptr<char[]>> buffers;
};

// Never destroyed: a thread may still read when the process ends.
Kept& kept() {
  static Kept* const all = new Kept;
  return *all;
}

}  // namespace

ReadBuffer ReadBuffer::take() {
  ReadBuffer taken;
  {
    std::lock_guard lock(kept().mutex);
    if (!kept().buffers.empty()) {
      taken.bytes_ = std::move(kept().buffers.back());
      kept().buffers.pop_back();
    }
  }
  if (!taken) taken.bytes_ = std::make_unique_for_overwrite<char[]>(kSize);
  return taken;
}

void ReadBuffer::give_back() {
  if (!bytes_) return;
  std::lock_guard lock(kept().mutex);
  if (kept().buffers.size() < kKeptMax) kept().buffers.push_back(std::move(bytes_));
  bytes_.reset();
}

ReadBuffer& ReadBuffer::operator=(ReadBuffer&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  bytes_ = std::move(other.bytes_);
  return *this;
}

}  // namespace keelson::net
