// SPDX-License-Identifier: Apache-2.0
#include "apiserver/front/content_coding.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "apiserver/front/media_types.h"

namespace keelson::apiserver {
namespace {

constexpr int kGzipWindow = 15 + 16;  // The largest window, with a gzip header.
constexpr int kMemoryLevel = 8;       // zlib's default.

void read_from(z_stream& stream, std::string_view bytes) {
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
}

}  // namespace

bool accepts_gzip(const net::Headers& headers) {
  return std::ranges::any_of(
      parse_accept(headers.get("Accept-Encoding")),
      [](const MediaType& type) { return type.type == "gzip" && type.quality > 0; });
}

std::optional<std::string> gzip(std::string_view bytes, int level) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return std::nullopt;
  }
  std::string out;
  out.resize(deflateBound(&stream, bytes.size()));
  read_from(stream, bytes);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return std::nullopt;
  return out;
}

std::string gunzip(std::string_view bytes) {
  z_stream stream{};
  std::string out;
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return out;
  read_from(stream, bytes);
  std::array<char, std::size_t{64} * 1024> chunk;
  int result = Z_OK;
  while (result == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = chunk.size();
    result = inflate(&stream, Z_NO_FLUSH);
    out.append(chunk.data(), chunk.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  return out;
}

}  // namespace keelson::apiserver
