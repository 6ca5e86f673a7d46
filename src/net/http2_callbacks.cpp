// SPDX-License-Identifier: Apache-2.0
#include "net/http2_callbacks.h"

#include "net/http2_batch.h"
#include "net/http2_fields.h"

namespace keelson::net {

int Http2Callbacks::on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame,
                                     void* user) {
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  auto made = std::make_shared<Http2Stream>();
  made->id = frame->hd.stream_id;
  made->request.version = 20;
  made->request.target.clear();
  nghttp2_session_set_stream_user_data(session, made->id, made.get());
  self(user).streams_.emplace(made->id, std::move(made));
  return 0;
}

int Http2Callbacks::on_header(nghttp2_session* session, const nghttp2_frame* frame,
                              const std::uint8_t* name_bytes, std::size_t name_size,
                              const std::uint8_t* value_bytes, std::size_t value_size, std::uint8_t,
                              void* user) {
  Http2Stream* const to = stream(session, frame->hd.stream_id);
  if (!to) return 0;
  // As SETTINGS_MAX_HEADER_LIST_SIZE counts. RFC 9113, 6.5.2.
  to->head_size += name_size + value_size + 32;
  if (to->head_size > self(user).settings_.header_bytes) {
    to->head_too_large = true;
    return 0;
  }
  const std::string_view name = view(name_bytes, name_size), value = view(value_bytes, value_size);
  if (to->head_done) {
    to->trailers.add(std::string(name), std::string(value));
  } else if (self(user).role_ == Http2Session::Role::Client) {
    if (name == ":status")
      std::from_chars(value.data(), value.data() + value.size(), to->response.status);
    else if (!name.starts_with(':'))
      to->response.headers.add(std::string(name), std::string(value));
  } else if (name == ":method") {
    to->request.method = value;
  } else if (name == ":path") {
    to->request.target = value;
  } else if (name == ":authority") {
    to->request.authority = value;
  } else if (name == "host") {
    if (to->request.authority.empty()) to->request.authority = value;
  } else if (!name.starts_with(':')) {
    to->request.headers.add(std::string(name), std::string(value));
  }
  return 0;
}

int Http2Callbacks::on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  Http2Session& me = self(user);
  const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
      me.preface_seen_ = true;
      me.count_misbehaviour();
      return 0;
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_PRIORITY:
      me.count_misbehaviour();
      return 0;
    case NGHTTP2_PING:
      me.ping_sent_ = me.ping_sent_ && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0;
      return 0;
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
      break;
    default:
      return 0;
  }
  Http2Stream* const to = stream(session, frame->hd.stream_id);
  if (!to) return 0;
  if (frame->hd.type == NGHTTP2_DATA && frame->hd.length == 0 && !ends) me.count_misbehaviour();
  if (ends) to->inbound_ended = true;
  if (frame->hd.type == NGHTTP2_HEADERS && !to->head_done) head_came(me, *to);
  if (ends || frame->hd.type == NGHTTP2_HEADERS) wake(to->reader);
  return 0;
}

void Http2Callbacks::head_came(Http2Session& me, Http2Stream& to) {
  if (me.role_ == Http2Session::Role::Client) {
    // An interim response; the one that counts follows.
    if (to.response.status / 100 == 1 && !to.inbound_ended) {
      to.response = {};
      return;
    }
    to.head_done = true;
    return;
  }
  to.head_done = true;
  me.arrived_.push_back(me.streams_.at(to.id));
}

int Http2Callbacks::on_data(nghttp2_session* session, std::uint8_t, std::int32_t id,
                            const std::uint8_t* bytes, std::size_t size, void*) {
  Http2Stream* const to = stream(session, id);
  if (!to || to->unwanted) {
    nghttp2_session_consume(session, id, size);
    return 0;
  }
  to->inbound.append(view(bytes, size));
  wake(to->reader);
  return 0;
}

int Http2Callbacks::on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
  self(user).close_stream(id, error);
  return 0;
}

int Http2Callbacks::on_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  const bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!ends || self(user).role_ == Http2Session::Role::Client) return 0;
  const Http2Stream* const to = stream(session, frame->hd.stream_id);
  // Answered before the whole request came: the rest is not wanted. RFC 9113, 8.1.
  if (to && !to->inbound_ended)
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, to->id, NGHTTP2_NO_ERROR);
  return 0;
}

ssize_t Http2Callbacks::next_data(nghttp2_session* session, std::int32_t, std::uint8_t*,
                                  std::size_t limit, std::uint32_t* flags,
                                  nghttp2_data_source* source, void*) {
  auto& from = *static_cast<Http2Stream*>(source->ptr);
  if (from.outbound_size == 0 && from.aborted) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (from.outbound_size == 0 && !from.outbound_ended) {
    from.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const std::size_t size = std::min(limit, from.outbound_size);
  if (from.outbound_ended && size == from.outbound_size) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (from.last_fields) {
      const Http2Fields fields(*from.last_fields);
      if (nghttp2_submit_trailer(session, from.id, fields.data(), fields.size()) == 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
  }
  if (size > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  return static_cast<ssize_t>(size);
}

int Http2Callbacks::send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head,
                              std::size_t size, nghttp2_data_source* source, void* user) {
  Http2Batch& batch = *self(user).batch_;
  if (batch.total >= kBatchMax) return NGHTTP2_ERR_WOULDBLOCK;
  auto& from = *static_cast<Http2Stream*>(source->ptr);
  batch.copy(view(head, 9));
  while (size > 0) {
    const Bytes& front = from.outbound.front();
    const std::size_t part = std::min(size, front->size() - from.outbound_taken);
    batch.share(front, from.outbound_taken, part);
    from.outbound_taken += part;
    from.outbound_size -= part;
    size -= part;
    if (from.outbound_taken == front->size()) {
      from.outbound.pop_front();
      from.outbound_taken = 0;
    }
  }
  if (from.outbound_size <= kOutboundHigh) wake(from.writer);
  return 0;
}

nghttp2_session_callbacks* Http2Callbacks::table() {
  static nghttp2_session_callbacks* const callbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    CHECK(nghttp2_session_callbacks_new(&made) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(made, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, on_sent);
    nghttp2_session_callbacks_set_send_data_callback(made, send_data);
    return made;
  }();
  return callbacks;
}

}  // namespace keelson::net
