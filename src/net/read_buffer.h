// SPDX-License-Identifier: Apache-2.0
// Where bytes from a socket land. Held only while there is something to read; the buffers are kept
// and lent again, because freeing them would leave holes in the heap that thousands of idle
// connections' small objects then keep open.
#pragma once

#include <memory>
#include <span>

namespace keelson::net {

class ReadBuffer {
 public:
  static constexpr std::size_t kSize = 17 << 10;  // A TLS record of the largest size.

  // Empty until take().
  ReadBuffer() = default;
  ReadBuffer(ReadBuffer&&) noexcept = default;
  ReadBuffer& operator=(ReadBuffer&& other) noexcept;
  ~ReadBuffer() { give_back(); }

  static ReadBuffer take();  // Thread-safe
  void give_back();

  explicit operator bool() const { return bytes_ != nullptr; }
  char* data() const { return bytes_.get(); }
  std::span<char> span() const { return {bytes_.get(), kSize}; }

 private:
  std::unique_ptr<char[]> bytes_;
};

}  // namespace keelson::net
