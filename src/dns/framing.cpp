// SPDX-License-Identifier: Apache-2.0
#include "dns/framing.h"

namespace keelson::dns {
namespace {

Task<Result<bool>> read_exactly(net::Stream& stream, std::span<char> into) {
  std::size_t used = 0;
  while (used < into.size()) {
    CO_TRY(const std::size_t count, co_await stream.read(into.subspan(used)));
    if (count == 0) co_return false;
    used += count;
  }
  co_return true;
}

}  // namespace

Task<Result<std::optional<std::string>>> read_framed(net::Stream& stream) {
  char length[2];
  CO_TRY(const bool more, co_await read_exactly(stream, length));
  if (!more) co_return std::optional<std::string>();
  std::string message(static_cast<std::size_t>(static_cast<unsigned char>(length[0])) << 8 |
                          static_cast<unsigned char>(length[1]),
                      '\0');
  CO_TRY(const bool whole, co_await read_exactly(stream, message));
  if (!whole) co_return std::optional<std::string>();
  co_return std::optional(std::move(message));
}

Task<Result<void>> write_framed(net::Stream& stream, std::string message) {
  const char length[] = {static_cast<char>(message.size() >> 8),
                         static_cast<char>(message.size() & 0xff)};
  message.insert(0, length, sizeof length);
  co_return co_await stream.write(message);
}

}  // namespace keelson::dns
