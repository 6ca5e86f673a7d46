// SPDX-License-Identifier: Apache-2.0
#include "net/stream.h"

namespace keelson::net {

Task<Result<void>> Stream::readable() { co_return Result<void>{}; }

Task<Result<void>> Stream::write_all(std::span<const std::string_view> pieces) {
  for (const std::string_view piece : pieces) {
    if (!piece.empty()) CO_TRY_OK(co_await write(piece));
  }
  co_return Result<void>{};
}

}  // namespace keelson::net
