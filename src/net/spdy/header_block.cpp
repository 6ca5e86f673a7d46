// SPDX-License-Identifier: Apache-2.0
#include "net/spdy/header_block.h"

#include <zlib.h>

#include <array>

#include "base/ascii.h"

namespace keelson::net {
namespace {

// A window no larger than the dictionary needs, and little else: a session then costs 10 KB for
// compression instead of zlib's usual 260 KB.
constexpr int kWindowBits = 11;
constexpr int kMemoryLevel = 1;

void append_u32(std::string& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift & 0xff));
}

// Words of the dictionary that carry their length in front, as they would in a header block.
constexpr auto kSizedWords = std::to_array<std::string_view>({"options",
                                                              "head",
                                                              "post",
                                                              "put",
                                                              "delete",
                                                              "trace",
                                                              "accept",
                                                              "accept-charset",
                                                              "accept-encoding",
                                                              "accept-language",
                                                              "accept-ranges",
                                                              "age",
                                                              "allow",
                                                              "authorization",
                                                              "cache-control",
                                                              "connection",
                                                              "content-base",
                                                              "content-encoding",
                                                              "content-language",
                                                              "content-length",
                                                              "content-location",
                                                              "content-md5",
                                                              "content-range",
                                                              "content-type",
                                                              "date",
                                                              "etag",
                                                              "expect",
                                                              "expires",
                                                              "from",
                                                              "host",
                                                              "if-match",
                                                              "if-modified-since",
                                                              "if-none-match",
                                                              "if-range",
                                                              "if-unmodified-since",
                                                              "last-modified",
                                                              "location",
                                                              "max-forwards",
                                                              "pragma",
                                                              "proxy-authenticate",
                                                              "proxy-authorization",
                                                              "range",
                                                              "referer",
                                                              "retry-after",
                                                              "server",
                                                              "te",
                                                              "trailer",
                                                              "transfer-encoding",
                                                              "upgrade",
                                                              "user-agent",
                                                              "vary",
                                                              "via",
                                                              "warning",
                                                              "www-authenticate",
                                                              "method",
                                                              "get",
                                                              "status",
                                                              "200 OK",
                                                              "version",
                                                              "HTTP/1.1",
                                                              "url",
                                                              "public",
                                                              "set-cookie",
                                                              "keep-alive",
                                                              "origin"});

constexpr std::string_view kPlainWords =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, "
    "Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
    "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch"
    "charset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

std::string make_dictionary() {
  std::string out;
  for (const auto word : kSizedWords) {
    append_u32(out, word.size());
    out += word;
  }
  return out.append(kPlainWords);
}

std::unexpected<Status> malformed(std::string what) {
  return fail(Reason::BadRequest, "spdy: header block: " + std::move(what));
}

// Takes a block's fields off its front.
struct BlockReader {
  std::string_view rest;

  Result<std::uint32_t> number() {
    if (rest.size() < 4) return malformed("cut short");
    std::uint32_t value = 0;
    for (const char byte : rest.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(byte);
    rest.remove_prefix(4);
    return value;
  }
  Result<std::string_view> text() {
    TRY(const std::uint32_t size, number());
    if (rest.size() < size) return malformed("cut short");
    const std::string_view value = rest.substr(0, size);
    rest.remove_prefix(size);
    return value;
  }
};

Result<Headers> parse_block(std::string_view block) {
  BlockReader reader{block};
  Headers headers;
  TRY(const std::uint32_t count, reader.number());
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY(const std::string_view name, reader.text());
    TRY(std::string_view values, reader.text());
    if (name.empty()) return malformed("empty name");
    while (true) {
      const std::size_t end = values.find('\0');
      headers.add(std::string(name), std::string(values.substr(0, end)));
      if (end == std::string_view::npos) break;
      values.remove_prefix(end + 1);
    }
  }
  if (!reader.rest.empty()) return malformed("bytes after the last field");
  return headers;
}

Bytef* bytes_of(std::string_view text) {
  // zlib's interface predates const.
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

}  // namespace

const std::string& spdy_dictionary() {
  static const std::string dictionary = make_dictionary();
  return dictionary;
}

struct SpdyDeflater::Zlib {
  z_stream stream{};
};

SpdyDeflater::SpdyDeflater() : zlib_(std::make_unique<Zlib>()) {
  const std::string& dictionary = spdy_dictionary();
  CHECK(deflateInit2(&zlib_->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindowBits, kMemoryLevel,
                     Z_DEFAULT_STRATEGY) == Z_OK);
  CHECK(deflateSetDictionary(&zlib_->stream, bytes_of(dictionary),
                             static_cast<uInt>(dictionary.size())) == Z_OK);
}

SpdyDeflater::~SpdyDeflater() { deflateEnd(&zlib_->stream); }

std::string SpdyDeflater::deflate(const Headers& headers) {
  // One name once: its values are joined in order.
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& [name, value] : headers) {
    const std::string key = lower_case(name);
    const auto same = std::find_if(fields.begin(), fields.end(),
                                   [&key](const auto& field) { return field.first == key; });
    if (same == fields.end()) {
      fields.emplace_back(key, value);
    } else {
      same->second.append(1, '\0').append(value);
    }
  }
  std::string block;
  append_u32(block, fields.size());
  for (const auto& [name, value] : fields) {
    append_u32(block, name.size());
    block += name;
    append_u32(block, value.size());
    block += value;
  }

  z_stream& stream = zlib_->stream;
  stream.next_in = bytes_of(block);
  stream.avail_in = static_cast<uInt>(block.size());
  std::string out;
  std::array<char, 1024> buffer;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int result = ::deflate(&stream, Z_SYNC_FLUSH);
    // Z_BUF_ERROR: the flush had ended just at the end of the last buffer.
    CHECK(result == Z_OK || result == Z_BUF_ERROR);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  } while (stream.avail_out == 0);
  return out;
}

struct SpdyInflater::Zlib {
  z_stream stream{};
};

SpdyInflater::SpdyInflater() : zlib_(std::make_unique<Zlib>()) {
  CHECK(inflateInit(&zlib_->stream) == Z_OK);
}

SpdyInflater::~SpdyInflater() { inflateEnd(&zlib_->stream); }

Result<Headers> SpdyInflater::inflate(std::string_view block, std::size_t limit_bytes) {
  const std::string& dictionary = spdy_dictionary();
  z_stream& stream = zlib_->stream;
  stream.next_in = bytes_of(block);
  stream.avail_in = static_cast<uInt>(block.size());
  std::string out;
  std::array<char, 4096> buffer;
  while (true) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int result = ::inflate(&stream, Z_SYNC_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
    if (out.size() > limit_bytes) return malformed("too long");
    if (result == Z_NEED_DICT) {
      if (inflateSetDictionary(&stream, bytes_of(dictionary),
                               static_cast<uInt>(dictionary.size())) != Z_OK)
        return malformed("another dictionary");
      continue;
    }
    // Z_BUF_ERROR: nothing was left to do.
    if (result != Z_OK && result != Z_BUF_ERROR) return malformed("not deflated");
    if (stream.avail_out > 0) break;
  }
  if (stream.avail_in > 0) return malformed("not deflated");
  return parse_block(out);
}

}  // namespace keelson::net
