// SPDX-License-Identifier: Apache-2.0
// SPDY/3.1 frames: bytes to frames and back.
//
//   control  |1| version 15 | type 16 | flags 8 | length 24 | fields          DATA and header
//   data     |0| stream id 31         | flags 8 | length 24 | bytes           blocks may be long
//
// Source: SPDY Protocol Draft 3.1, section 2.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/http.h"

namespace keelson::net {

using SpdyStreamId = std::uint32_t;  // 31 bits; a client's are odd, a server's even.

enum class SpdyStatus : std::uint32_t {
  ProtocolError = 1,
  InvalidStream = 2,
  RefusedStream = 3,
  UnsupportedVersion = 4,
  Cancel = 5,
  InternalError = 6,
  FlowControlError = 7,
  StreamInUse = 8,
  StreamAlreadyClosed = 9,
};

struct SpdySynStream {
  SpdyStreamId id = 0;
  SpdyStreamId associated = 0;
  std::uint8_t priority = 0;  // 0 (highest) to 7
  bool fin = false;
  bool unidirectional = false;
  Headers headers;
};
struct SpdySynReply {
  SpdyStreamId id = 0;
  bool fin = false;
  Headers headers;
};
struct SpdyRstStream {
  SpdyStreamId id = 0;
  SpdyStatus status = SpdyStatus::Cancel;
};
struct SpdySettings {
  struct Entry {
    std::uint8_t flags = 0;
    std::uint32_t id = 0;  // 24 bits
    std::uint32_t value = 0;
  };
  std::vector<Entry> entries;
};
struct SpdyPing {
  std::uint32_t id = 0;
};
struct SpdyGoAway {
  SpdyStreamId last_good = 0;
  std::uint32_t status = 0;  // 0: OK
};
struct SpdyHeaders {
  SpdyStreamId id = 0;
  bool fin = false;
  Headers headers;
};
struct SpdyWindowUpdate {
  SpdyStreamId id = 0;
  std::uint32_t delta = 0;
};
// A long DATA frame is decoded in several of these; `fin` is on the last.
struct SpdyData {
  SpdyStreamId id = 0;
  bool fin = false;
  std::string bytes;
};
using SpdyFrame = std::variant<SpdySynStream, SpdySynReply, SpdyRstStream, SpdySettings, SpdyPing,
                               SpdyGoAway, SpdyHeaders, SpdyWindowUpdate, SpdyData>;

struct SpdyFrameLimits {
  std::size_t control_bytes = 64 << 10;  // Of one control frame as it comes.
  std::size_t header_bytes = 64 << 10;   // Of one header block when inflated.
};

// Takes bytes in whatever portions they come; keeps the state of header compression. Not
// thread-safe.
class SpdyDecoder final {
 public:
  explicit SpdyDecoder(SpdyFrameLimits limits = {});
  ~SpdyDecoder();

  void append(std::string_view bytes) { buffer_.append(bytes); }
  // The next frame, or nothing until more is appended. Control frames of unknown types are skipped,
  // as the protocol asks. Errors: BadRequest for what it forbids; nothing can be read after that.
  Result<std::optional<SpdyFrame>> next();

 private:
  Result<std::optional<SpdyFrame>> decode_control(std::uint16_t type, std::uint8_t flags,
                                                  std::string_view body);

  SpdyFrameLimits limits_;
  std::string buffer_;
  std::size_t used_ = 0;  // Bytes of buffer_ already decoded.
  // The DATA frame being read, once its header is complete.
  bool in_data_ = false;
  bool data_fin_ = false;
  SpdyStreamId data_id_ = 0;
  std::size_t data_left_ = 0;
  std::unique_ptr<class SpdyInflater> inflater_;
};

// Frames must be encoded in the order in which they are sent. Not thread-safe.
class SpdyEncoder final {
 public:
  SpdyEncoder();
  ~SpdyEncoder();
  // SpdyData longer than the 24 bits of a frame's length is a bug of the caller.
  std::string encode(const SpdyFrame& frame);

 private:
  std::unique_ptr<class SpdyDeflater> deflater_;
};

}  // namespace keelson::net
