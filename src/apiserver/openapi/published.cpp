// SPDX-License-Identifier: Apache-2.0
#include "apiserver/openapi/published.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <optional>

#include "apiserver/front/media_types.h"
#include "pki/digest.h"

namespace keelson::apiserver {
namespace {

constexpr std::size_t kCompressMin = 4 * 1024;
constexpr int kGzipWindow = 15 + 16;  // The largest window, with a gzip header.

// Nothing if zlib refuses.
std::optional<std::string> gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string out;
  out.resize(deflateBound(&stream, bytes.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return std::nullopt;
  out.shrink_to_fit();
  return out;
}

// Of our own bytes, which cannot be malformed.
std::string gunzip(std::string_view bytes) {
  z_stream stream{};
  std::string out;
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return out;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::array<char, 64 * 1024> chunk;
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

bool accepts_gzip(const net::HttpRequest& request) {
  return std::ranges::any_of(
      parse_accept(request.headers.get("Accept-Encoding")),
      [](const MediaType& type) { return type.type == "gzip" && type.quality > 0; });
}

}  // namespace

PublishedPtr publish(std::string content_type, std::string bytes) {
  auto document = std::make_shared<Published>();
  document->content_type = std::move(content_type);
  document->hash = pki::hex(pki::sha256(bytes));
  if (bytes.size() >= kCompressMin) {
    if (auto compressed = gzip(bytes)) {
      document->bytes = *std::move(compressed);
      document->gzipped = true;
      return document;
    }
  }
  document->bytes = std::move(bytes);
  return document;
}

std::string plain_bytes(const Published& document) {
  return document.gzipped ? gunzip(document.bytes) : document.bytes;
}

net::HttpResponse respond_published(const net::HttpRequest& request, const Published& document) {
  net::HttpResponse response;
  const std::string tag = "\"" + document.hash + "\"";
  response.headers.set("ETag", tag);
  response.headers.set("Vary", "Accept, Accept-Encoding");
  if (request.headers.get("If-None-Match").find(tag) != std::string_view::npos) {
    response.status = 304;
    return response;
  }
  response.headers.set("Content-Type", document.content_type);
  if (document.gzipped && accepts_gzip(request)) {
    response.headers.set("Content-Encoding", "gzip");
    response.body = document.bytes;
  } else {
    response.body = plain_bytes(document);
  }
  return response;
}

}  // namespace keelson::apiserver
