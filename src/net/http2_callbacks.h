// SPDX-License-Identifier: Apache-2.0
// What nghttp2 calls within mem_recv and mem_send, so under the session's lock.
#pragma once

#include <nghttp2/nghttp2.h>

#include "net/http2_session.h"

namespace keelson::net {

constexpr std::size_t kBatchMax = 128 << 10;     // Handed to the transport at once.
constexpr std::size_t kOutboundHigh = 64 << 10;  // Writers wait above it.

inline std::string_view view(const std::uint8_t* text, std::size_t size) {
  return {reinterpret_cast<const char*>(text), size};
}

struct Http2Callbacks {
  static nghttp2_session_callbacks* table();

  static void wake(std::optional<Completion<bool>>& waiter) {
    if (auto woken = std::exchange(waiter, std::nullopt)) woken->complete(true);
  }
  // Of a data provider whose source is the Http2Stream.
  static ssize_t next_data(nghttp2_session* session, std::int32_t id, std::uint8_t* into,
                           std::size_t limit, std::uint32_t* flags, nghttp2_data_source* source,
                           void* user);

 private:
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }
  static Http2Stream* stream(nghttp2_session* session, std::int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame,
                       const std::uint8_t* name_bytes, std::size_t name_size,
                       const std::uint8_t* value_bytes, std::size_t value_size, std::uint8_t flags,
                       void* user);
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static void head_came(Http2Session& me, Http2Stream& to);
  static int on_data(nghttp2_session* session, std::uint8_t flags, std::int32_t id,
                     const std::uint8_t* bytes, std::size_t size, void* user);
  static int on_close(nghttp2_session* session, std::int32_t id, std::uint32_t error, void* user);
  static int on_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t size, nghttp2_data_source* source, void* user);
};

}  // namespace keelson::net
