// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http2_session.h"

namespace keelson::net {

constexpr std::size_t kCopyMax = 4 << 10;  // Smaller pieces are copied together.

// What is sent next: small pieces copied together, large ones shared.
struct Http2Batch {
  struct Piece {
    std::size_t begin, size;
    Bytes shared;  // null: of `copied`
  };
  std::string copied;
  std::vector<Piece> pieces;
  std::size_t total = 0;

  void copy(std::string_view bytes) {
    if (!pieces.empty() && !pieces.back().shared)
      pieces.back().size += bytes.size();
    else
      pieces.push_back({copied.size(), bytes.size(), nullptr});
    copied += bytes;
    total += bytes.size();
  }
  void share(const Bytes& bytes, std::size_t begin, std::size_t size) {
    if (size <= kCopyMax) return copy(std::string_view(*bytes).substr(begin, size));
    pieces.push_back({begin, size, bytes});
    total += size;
  }
  std::vector<std::string_view> views() const {
    std::vector<std::string_view> views;
    views.reserve(pieces.size());
    for (const Piece& piece : pieces)
      views.push_back(
          std::string_view(piece.shared ? *piece.shared : copied).substr(piece.begin, piece.size));
    return views;
  }
  void clear() {
    copied.clear();
    pieces.clear();
    total = 0;
  }
};

}  // namespace keelson::net
