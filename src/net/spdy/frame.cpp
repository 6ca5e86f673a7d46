// SPDX-License-Identifier: Apache-2.0
#include "net/spdy/frame.h"

#include "net/spdy/header_block.h"

namespace keelson::net {
namespace {

constexpr std::size_t kFrameHeadBytes = 8;
constexpr std::uint16_t kVersion = 3;
constexpr std::size_t kLengthMax = (1 << 24) - 1;
constexpr std::uint8_t kFlagFin = 1;
constexpr std::uint8_t kFlagUnidirectional = 2;
constexpr std::uint32_t kIdMask = 0x7fffffff;
// Decoded bytes are dropped from the buffer's front once there are this many of them.
constexpr std::size_t kCompactBytes = 64 << 10;

enum Type : std::uint16_t {
  kSynStream = 1,
  kSynReply = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kHeaders = 8,
  kWindowUpdate = 9,
};

std::unexpected<Status> violation(std::string what) {
  return fail(Reason::BadRequest, "spdy: " + std::move(what));
}

// The caller has checked that the bytes are there.
std::uint32_t u32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(at, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

void append_number(std::string& out, std::uint64_t value, int count) {
  for (int shift = 8 * (count - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift & 0xff));
}

std::string control_frame(Type type, std::uint8_t flags, std::string_view body) {
  CHECK(body.size() <= kLengthMax);
  std::string out;
  out.reserve(kFrameHeadBytes + body.size());
  append_number(out, 0x8000 | kVersion, 2);
  append_number(out, type, 2);
  append_number(out, flags, 1);
  append_number(out, body.size(), 3);
  return out.append(body);
}

struct FrameEncoder {
  SpdyDeflater& deflater;

  std::string operator()(const SpdySynStream& frame) const {
    std::string body;
    append_number(body, frame.id & kIdMask, 4);
    append_number(body, frame.associated & kIdMask, 4);
    append_number(body, (frame.priority & 7u) << 5, 1);
    append_number(body, 0, 1);
    body += deflater.deflate(frame.headers);
    return control_frame(
        kSynStream,
        static_cast<std::uint8_t>((frame.fin ? kFlagFin : 0) |
                                  (frame.unidirectional ? kFlagUnidirectional : 0)),
        body);
  }
  std::string operator()(const SpdySynReply& frame) const {
    return with_headers(kSynReply, frame.id, frame.fin, frame.headers);
  }
  std::string operator()(const SpdyHeaders& frame) const {
    return with_headers(kHeaders, frame.id, frame.fin, frame.headers);
  }
  std::string operator()(const SpdyRstStream& frame) const {
    return two_numbers(kRstStream, frame.id & kIdMask, static_cast<std::uint32_t>(frame.status));
  }
  std::string operator()(const SpdyGoAway& frame) const {
    return two_numbers(kGoAway, frame.last_good & kIdMask, frame.status);
  }
  std::string operator()(const SpdyWindowUpdate& frame) const {
    return two_numbers(kWindowUpdate, frame.id & kIdMask, frame.delta & kIdMask);
  }
  std::string operator()(const SpdyPing& frame) const {
    std::string body;
    append_number(body, frame.id, 4);
    return control_frame(kPing, 0, body);
  }
  std::string operator()(const SpdySettings& frame) const {
    std::string body;
    append_number(body, frame.entries.size(), 4);
    for (const auto& entry : frame.entries) {
      append_number(body, entry.flags, 1);
      append_number(body, entry.id, 3);
      append_number(body, entry.value, 4);
    }
    return control_frame(kSettings, 0, body);
  }
  std::string operator()(const SpdyData& frame) const {
    CHECK(frame.bytes.size() <= kLengthMax);
    std::string out;
    out.reserve(kFrameHeadBytes + frame.bytes.size());
    append_number(out, frame.id & kIdMask, 4);
    append_number(out, frame.fin ? kFlagFin : 0, 1);
    append_number(out, frame.bytes.size(), 3);
    return out.append(frame.bytes);
  }

 private:
  std::string with_headers(Type type, SpdyStreamId id, bool fin, const Headers& headers) const {
    std::string body;
    append_number(body, id & kIdMask, 4);
    body += deflater.deflate(headers);
    return control_frame(type, fin ? kFlagFin : 0, body);
  }
  static std::string two_numbers(Type type, std::uint32_t first, std::uint32_t second) {
    std::string body;
    append_number(body, first, 4);
    append_number(body, second, 4);
    return control_frame(type, 0, body);
  }
};

Result<SpdyFrame> decode_settings(std::string_view body) {
  constexpr std::size_t kEntryBytes = 8;
  if (body.size() < 4 || (body.size() - 4) % kEntryBytes != 0 ||
      (body.size() - 4) / kEntryBytes != u32(body, 0))
    return violation("SETTINGS of the wrong length");
  SpdySettings settings;
  for (std::size_t at = 4; at < body.size(); at += kEntryBytes) {
    const std::uint32_t head = u32(body, at);
    settings.entries.push_back(
        {static_cast<std::uint8_t>(head >> 24), head & 0xffffff, u32(body, at + 4)});
  }
  return settings;
}

}  // namespace

SpdyDecoder::SpdyDecoder(SpdyFrameLimits limits)
    : limits_(limits), inflater_(std::make_unique<SpdyInflater>()) {}
SpdyDecoder::~SpdyDecoder() = default;

Result<std::optional<SpdyFrame>> SpdyDecoder::next() {
  while (true) {
    if (used_ == buffer_.size()) {
      buffer_.clear();
      used_ = 0;
    } else if (used_ > kCompactBytes) {
      buffer_.erase(0, used_);
      used_ = 0;
    }
    const std::string_view in = std::string_view(buffer_).substr(used_);
    if (in_data_) {
      if (in.empty() && data_left_ > 0) return std::nullopt;
      SpdyData data;
      data.id = data_id_;
      data.bytes = in.substr(0, data_left_);
      used_ += data.bytes.size();
      data_left_ -= data.bytes.size();
      in_data_ = data_left_ > 0;
      data.fin = data_fin_ && !in_data_;
      return SpdyFrame(std::move(data));
    }

    if (in.size() < kFrameHeadBytes) return std::nullopt;
    const std::uint32_t first = u32(in, 0);
    const std::uint32_t second = u32(in, 4);
    const auto flags = static_cast<std::uint8_t>(second >> 24);
    const std::size_t length = second & 0xffffff;
    if (!(first >> 31)) {
      if (first == 0) return violation("DATA for stream 0");
      data_id_ = first;
      data_fin_ = flags & kFlagFin;
      data_left_ = length;
      in_data_ = true;
      used_ += kFrameHeadBytes;
      continue;
    }

    if ((first >> 16 & 0x7fff) != kVersion) return violation("not version 3");
    if (length > limits_.control_bytes) return violation("control frame too long");
    if (in.size() < kFrameHeadBytes + length) return std::nullopt;
    TRY(auto frame, decode_control(static_cast<std::uint16_t>(first & 0xffff), flags,
                                   in.substr(kFrameHeadBytes, length)));
    used_ += kFrameHeadBytes + length;
    if (frame) return frame;
  }
}

Result<std::optional<SpdyFrame>> SpdyDecoder::decode_control(std::uint16_t type, std::uint8_t flags,
                                                             std::string_view body) {
  using Decoded = std::optional<SpdyFrame>;
  const bool fin = flags & kFlagFin;
  const auto exactly = [body](std::size_t size) { return body.size() == size; };
  const auto stream_id = [body] { return u32(body, 0) & kIdMask; };
  switch (type) {
    case kSynStream: {
      constexpr std::size_t kFieldBytes = 10;
      if (body.size() < kFieldBytes) return violation("SYN_STREAM cut short");
      TRY(auto headers, inflater_->inflate(body.substr(kFieldBytes), limits_.header_bytes));
      return Decoded(SpdySynStream{
          .id = stream_id(),
          .associated = u32(body, 4) & kIdMask,
          .priority = static_cast<std::uint8_t>(static_cast<unsigned char>(body[8]) >> 5),
          .fin = fin,
          .unidirectional = (flags & kFlagUnidirectional) != 0,
          .headers = std::move(headers)});
    }
    case kSynReply:
    case kHeaders: {
      if (body.size() < 4) return violation("header frame cut short");
      TRY(auto headers, inflater_->inflate(body.substr(4), limits_.header_bytes));
      if (type == kSynReply) return Decoded(SpdySynReply{stream_id(), fin, std::move(headers)});
      return Decoded(SpdyHeaders{stream_id(), fin, std::move(headers)});
    }
    case kRstStream:
      if (!exactly(8)) return violation("RST_STREAM of the wrong length");
      return Decoded(SpdyRstStream{stream_id(), static_cast<SpdyStatus>(u32(body, 4))});
    case kSettings: {
      TRY(auto settings, decode_settings(body));
      return Decoded(std::move(settings));
    }
    case kPing:
      if (!exactly(4)) return violation("PING of the wrong length");
      return Decoded(SpdyPing{u32(body, 0)});
    case kGoAway:
      if (!exactly(8)) return violation("GOAWAY of the wrong length");
      return Decoded(SpdyGoAway{stream_id(), u32(body, 4)});
    case kWindowUpdate:
      if (!exactly(8)) return violation("WINDOW_UPDATE of the wrong length");
      return Decoded(SpdyWindowUpdate{stream_id(), u32(body, 4) & kIdMask});
    default:
      return Decoded(std::nullopt);
  }
}

SpdyEncoder::SpdyEncoder() : deflater_(std::make_unique<SpdyDeflater>()) {}
SpdyEncoder::~SpdyEncoder() = default;

std::string SpdyEncoder::encode(const SpdyFrame& frame) {
  return std::visit(FrameEncoder{*deflater_}, frame);
}

}  // namespace keelson::net
