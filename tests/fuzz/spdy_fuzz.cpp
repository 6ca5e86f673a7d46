// SPDX-License-Identifier: Apache-2.0
// SPDY frames from anybody: never a crash, never an endless loop, and what was understood can be
// said again and is understood alike.
#include <zlib.h>

#include "net/spdy/frame.h"
#include "net/spdy/header_block.h"

namespace {

using keelson::net::SpdyDecoder;
using keelson::net::SpdyEncoder;
using keelson::net::SpdyFrame;

// Says `frame` again; the far end must understand a frame of the same kind.
void check_round_trip(SpdyEncoder& encoder, SpdyDecoder& decoder, const SpdyFrame& frame) {
  decoder.append(encoder.encode(frame));
  const auto again = decoder.next();
  CHECK(again && *again && (*again)->index() == frame.index());
}

// A header block with `inner` inside: no fuzzer guesses the checksum of the dictionary.
void check_header_block(std::string_view inner) {
  const std::string& dictionary = keelson::net::spdy_dictionary();
  const auto bytes_of = [](std::string_view text) {
    return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  };
  z_stream stream{};
  CHECK(deflateInit(&stream, Z_BEST_SPEED) == Z_OK);
  CHECK(deflateSetDictionary(&stream, bytes_of(dictionary), static_cast<uInt>(dictionary.size())) ==
        Z_OK);
  std::string block(deflateBound(&stream, inner.size()) + 64, '\0');
  stream.next_in = bytes_of(inner);
  stream.avail_in = static_cast<uInt>(inner.size());
  stream.next_out = bytes_of(block);
  stream.avail_out = static_cast<uInt>(block.size());
  CHECK(deflate(&stream, Z_SYNC_FLUSH) == Z_OK || inner.empty());
  block.resize(block.size() - stream.avail_out);
  deflateEnd(&stream);

  keelson::net::SpdyInflater inflater;
  const auto headers = inflater.inflate(block, 16 << 10);
  if (!headers) return;
  keelson::net::SpdyDeflater deflater;
  CHECK(keelson::net::SpdyInflater().inflate(deflater.deflate(*headers), 1 << 20));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  if (data[0] == 255) {
    check_header_block({reinterpret_cast<const char*>(data) + 1, size - 1});
    return 0;
  }
  // The first byte says how large the portions are in which the rest arrives.
  const std::size_t portion = data[0] == 0 ? size : data[0];
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  // The far end takes larger blocks: what fits when deflated by one need not when by another.
  SpdyDecoder decoder({.control_bytes = 16 << 10, .header_bytes = 16 << 10});
  SpdyDecoder far_decoder({.control_bytes = 1 << 20, .header_bytes = 1 << 20});
  SpdyEncoder encoder;
  while (!rest.empty()) {
    decoder.append(rest.substr(0, portion));
    rest.remove_prefix(std::min(portion, rest.size()));
    while (true) {
      const auto frame = decoder.next();
      if (!frame) return 0;
      if (!*frame) break;
      check_round_trip(encoder, far_decoder, **frame);
    }
  }
  return 0;
}
