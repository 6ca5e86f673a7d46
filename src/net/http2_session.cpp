// SPDX-License-Identifier: Apache-2.0
#include "net/http2_session.h"

#include <nghttp2/nghttp2.h>

#include "net/http2_fields.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReadSize = 16 << 10;
constexpr std::size_t kBatchMax = 128 << 10;     // Handed to the transport at once.
constexpr std::size_t kCopyMax = 4 << 10;        // Smaller pieces are copied together.
constexpr std::size_t kOutboundHigh = 64 << 10;  // Writers wait above it.
constexpr Duration kFarewell = 1s;               // For the last words of a connection.

std::string_view view(const std::uint8_t* text, std::size_t size) {
  return {reinterpret_cast<const char*>(text), size};
}

}  // namespace

// What is sent next: small pieces copied together, large ones shared.
struct Http2Session::Batch {
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

// nghttp2 calls these within mem_recv and mem_send, so under the session's lock.
struct Http2Callbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

  static Http2Stream* stream(nghttp2_session* session, std::int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    auto made = std::make_shared<Http2Stream>();
    made->id = frame->hd.stream_id;
    made->request.version = 20;
    made->request.target.clear();
    nghttp2_session_set_stream_user_data(session, made->id, made.get());
    self(user).streams_.emplace(made->id, std::move(made));
    return 0;
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame,
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
    const std::string_view name = view(name_bytes, name_size),
                           value = view(value_bytes, value_size);
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

  static void wake(std::optional<Completion<bool>>& waiter) {
    if (auto woken = std::exchange(waiter, std::nullopt)) woken->complete(true);
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
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

  static void head_came(Http2Session& me, Http2Stream& to) {
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

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id,
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

  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
    self(user).close_stream(id, error);
    return 0;
  }

  static int on_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    const bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!ends || self(user).role_ == Http2Session::Role::Client) return 0;
    const Http2Stream* const to = stream(session, frame->hd.stream_id);
    // Answered before the whole request came: the rest is not wanted. RFC 9113, 8.1.
    if (to && !to->inbound_ended)
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, to->id, NGHTTP2_NO_ERROR);
    return 0;
  }

  static ssize_t next_data(nghttp2_session* session, std::int32_t, std::uint8_t*, std::size_t limit,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
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

  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size,
                       nghttp2_data_source* source, void* user) {
    Http2Session::Batch& batch = *self(user).batch_;
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

  static nghttp2_session_callbacks* table() {
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
};

Http2Session::Http2Session(Role role, std::unique_ptr<Stream> transport, Settings settings)
    : role_(role), settings_(settings), transport_(std::move(transport)) {
  nghttp2_option* option = nullptr;
  CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_stream_reset_rate_limit(option, settings_.resets_per_minute,
                                             std::max(1u, settings_.resets_per_minute / 60));
  const auto make =
      role == Role::Server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  CHECK(make(&session_, Http2Callbacks::table(), this, option) == 0);
  nghttp2_option_del(option);
  std::vector<nghttp2_settings_entry> entries = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(settings_.header_bytes)}};
  if (role == Role::Server)
    entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings_.streams});
  else
    entries.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        settings_.connection_window);
}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

Task<void> Http2Session::run(std::string received) {
  const auto self = shared_from_this();
  Executor& executor = *(co_await this_context()).executor;
  {
    std::lock_guard lock(mutex_);
    executor_ = &executor;
    last_heard_ = minute_start_ = executor.monotonic();
    if (!dead_)
      watch_clock(executor, role_ == Role::Server ? settings_.first : settings_.ping_after);
  }
  TaskGroup writing(executor);
  writing.start(write_loop());
  co_await read_loop(std::move(received));
  {
    // The write loop says what is left to say, and ends; but not for ever.
    std::lock_guard lock(mutex_);
    if (clock_) executor.cancel(clock_);
    clock_ = 0;
    schedule();
  }
  const TimerId farewell = executor.after(kFarewell, [weak = weak_from_this()] {
    if (const auto session = weak.lock()) session->transport_->close();
  });
  co_await writing.join();
  executor.cancel(farewell);
  end_streams();
  run_stops();
}

Task<void> Http2Session::read_loop(std::string received) {
  if (!received.empty()) {
    if (!take(received)) co_return;
    received = std::string();
  }
  std::unique_ptr<char[]> buffer;  // Not held while the connection is idle.
  while (true) {
    if (!buffer) {
      if (!co_await transport_->readable()) break;
      buffer = std::make_unique_for_overwrite<char[]>(kReadSize);
    }
    const auto size = co_await transport_->read({buffer.get(), kReadSize});
    if (!size || *size == 0) break;
    if (!take({buffer.get(), *size})) co_return;
    if (*size < kReadSize) buffer.reset();
  }
  {
    // Nobody listens any more.
    std::lock_guard lock(mutex_);
    dead_ = true;
  }
  end_streams();
  run_stops();
}

// Errors: the connection is over as soon as what is left to say was said.
Result<void> Http2Session::take(std::string_view bytes) {
  std::vector<std::shared_ptr<Http2Stream>> arrived;
  bool over = false;
  {
    std::lock_guard lock(mutex_);
    if (dead_) return fail(Status::unavailable("http2: connection closed"));
    last_heard_ = executor_->monotonic();
    const ssize_t taken = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken < 0) {
      // Flooded, not HTTP/2, or out of memory: what else is wrong nghttp2 answers by itself.
      nghttp2_session_terminate_session(session_, taken == NGHTTP2_ERR_FLOODED
                                                      ? NGHTTP2_ENHANCE_YOUR_CALM
                                                      : NGHTTP2_PROTOCOL_ERROR);
      over = true;
    }
    arrived.swap(arrived_);
    if (over || nghttp2_session_want_write(session_) || wants_nothing()) schedule();
    over = over || nghttp2_session_want_read(session_) == 0;
  }
  run_stops();
  for (auto& stream : arrived) on_request(std::move(stream));
  if (over) return fail(Status::unavailable("http2: connection closed"));
  return {};
}

Task<void> Http2Session::write_loop() {
  const auto self = shared_from_this();
  Batch batch;
  while (true) {
    bool over = false;
    {
      std::lock_guard lock(mutex_);
      write_asked_ = false;
      if (!dead_) fill(batch);
      over = dead_ || (batch.total == 0 && wants_nothing());
    }
    run_stops();
    if (over) break;
    if (batch.total > 0) {
      const auto views = batch.views();
      if (!co_await transport_->write_all(views)) break;
      batch.clear();
      continue;
    }
    batch = Batch();
    co_await suspended<bool>(false, [this](Completion<bool> done) {
      std::lock_guard lock(mutex_);
      if (write_asked_ || dead_)
        done.complete(true);
      else
        writer_ = std::move(done);
    });
  }
  {
    std::lock_guard lock(mutex_);
    dead_ = true;
  }
  (void)co_await transport_->shutdown_write();
  transport_->close();
  end_streams();
  run_stops();
}

void Http2Session::fill(Batch& batch) {
  batch_ = &batch;
  while (batch.total < kBatchMax) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) dead_ = true;
    if (size <= 0) break;
    batch.copy(view(bytes, static_cast<std::size_t>(size)));
  }
  batch_ = nullptr;
}

bool Http2Session::wants_nothing() const {
  return !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_);
}

// Under the lock: has the write loop look.
void Http2Session::schedule() {
  write_asked_ = true;
  Http2Callbacks::wake(writer_);
}

void Http2Session::run_stops() {
  std::vector<std::stop_source> stops;
  {
    std::lock_guard lock(mutex_);
    stops.swap(stops_);
  }
  for (auto& stop : stops) stop.request_stop();
}

void Http2Session::close_stream(std::int32_t id, std::uint32_t error) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Http2Stream& stream = *found->second;
  stream.closed = true;
  stream.error = error;
  // What is buffered stays readable, but no longer counts against the connection's window.
  if (!stream.inbound.empty()) nghttp2_session_consume_connection(session_, stream.inbound.size());
  const bool complete = stream.outbound_ended && stream.outbound_size == 0;
  if (!complete || error != NGHTTP2_NO_ERROR) {
    stops_.push_back(stream.stop);
    if (stream.gone.stop_possible()) stops_.push_back(stream.gone);
  }
  stream.outbound.clear();
  stream.outbound_size = 0;
  Http2Callbacks::wake(stream.reader);
  Http2Callbacks::wake(stream.writer);
  streams_.erase(found);
}

void Http2Session::end_streams() {
  std::lock_guard lock(mutex_);
  while (!streams_.empty()) {
    const std::int32_t id = streams_.begin()->first;
    nghttp2_session_set_stream_user_data(session_, id, nullptr);
    close_stream(id, NGHTTP2_CANCEL);
  }
}

void Http2Session::begin_shutdown() {
  {
    std::lock_guard lock(mutex_);
    if (dead_ || std::exchange(shutting_down_, true)) return;
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                          nullptr, 0);
    for (const auto& [id, stream] : streams_) {
      if (stream->gone.stop_possible()) stops_.push_back(stream->gone);
    }
    schedule();
  }
  run_stops();
}

void Http2Session::close() {
  {
    std::lock_guard lock(mutex_);
    dead_ = true;
    schedule();
  }
  transport_->close();
}

void Http2Session::count_misbehaviour() {
  if (role_ == Role::Client) return;
  const Duration now = executor_->monotonic();
  if (now - minute_start_ > 1min) {
    minute_start_ = now;
    misbehaviour_ = 0;
  }
  if (++misbehaviour_ > settings_.resets_per_minute)
    nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Session::watch_clock(Executor& executor, Duration delay) {
  clock_ = executor.after(delay, [weak = weak_from_this(), &executor] {
    if (const auto session = weak.lock()) session->on_clock(executor);
  });
}

void Http2Session::on_clock(Executor& executor) {
  bool silent = false;
  {
    std::lock_guard lock(mutex_);
    if (dead_ || !clock_) return;
    const Duration quiet = executor.monotonic() - last_heard_;
    Duration next = settings_.idle;
    if (role_ == Role::Server && !preface_seen_) {
      silent = true;
    } else if (streams_.empty()) {
      if (quiet >= settings_.idle)
        nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
      else
        next = settings_.idle - quiet;
    } else if (role_ == Role::Client) {
      if (ping_sent_ && quiet >= settings_.ping_after) {
        silent = true;
      } else if (quiet >= settings_.ping_after) {
        ping_sent_ = true;
        nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
        next = settings_.ping_timeout;
      } else {
        ping_sent_ = false;
        next = settings_.ping_after - quiet;
      }
    }
    watch_clock(executor, next);
    schedule();
  }
  if (silent) close();
}

bool Http2Session::usable() const {
  std::lock_guard lock(mutex_);
  return !dead_ && !shutting_down_ && nghttp2_session_check_request_allowed(session_);
}

std::size_t Http2Session::open_streams() const {
  std::lock_guard lock(mutex_);
  return streams_.size();
}

std::size_t Http2Session::streams_limit() const {
  std::lock_guard lock(mutex_);
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

Status Http2Session::closed_error(const Http2Stream& stream) const {
  if (dead_) return Status::unavailable("http2: connection lost");
  return Status::unavailable("http2: stream closed: " +
                             std::string(nghttp2_http2_strerror(stream.error)));
}

void Http2Session::push(Http2Stream& stream, std::vector<Bytes> chunks, bool ended) {
  for (Bytes& chunk : chunks) {
    if (!chunk || chunk->empty()) continue;
    stream.outbound_size += chunk->size();
    stream.outbound.push_back(std::move(chunk));
  }
  stream.outbound_ended = ended;
}

Result<std::shared_ptr<Http2Stream>> Http2Session::open(const HttpRequest& head,
                                                        std::vector<Bytes> body, bool ended) {
  const Http2Fields fields(head, transport_->peer().tls);
  auto stream = std::make_shared<Http2Stream>();
  std::lock_guard lock(mutex_);
  if (dead_ || shutting_down_) return fail(Status::unavailable("http2: connection closed"));
  push(*stream, std::move(body), ended);
  nghttp2_data_provider provider{{.ptr = stream.get()}, Http2Callbacks::next_data};
  const bool bodiless = ended && stream->outbound_size == 0;
  stream->id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                      bodiless ? nullptr : &provider, stream.get());
  if (stream->id < 0)
    return fail(Status::unavailable(std::string("http2: ") + nghttp2_strerror(stream->id)));
  streams_.emplace(stream->id, stream);
  schedule();
  return stream;
}

Result<void> Http2Session::respond(Http2Stream& stream, const HttpResponse& head,
                                   std::vector<Bytes> body, bool ended) {
  const Http2Fields fields(head);
  std::lock_guard lock(mutex_);
  if (stream.closed) return fail(closed_error(stream));
  push(stream, std::move(body), ended);
  nghttp2_data_provider provider{{.ptr = &stream}, Http2Callbacks::next_data};
  const bool bodiless = ended && stream.outbound_size == 0;
  if (nghttp2_submit_response(session_, stream.id, fields.data(), fields.size(),
                              bodiless ? nullptr : &provider) != 0)
    return fail(Status::unavailable("http2: stream closed"));
  schedule();
  return {};
}

Result<void> Http2Session::send_continue(Http2Stream& stream) {
  const Http2Fields fields(HttpResponse{.status = 100, .headers = {}, .body = {}});
  std::lock_guard lock(mutex_);
  if (stream.closed) return fail(closed_error(stream));
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr, fields.data(),
                         fields.size(), nullptr);
  schedule();
  return {};
}

Result<void> Http2Session::send(Http2Stream& stream, std::vector<Bytes> chunks, bool ended) {
  std::lock_guard lock(mutex_);
  if (stream.closed) return fail(closed_error(stream));
  if (stream.outbound_ended) return fail(Status::unavailable("http2: the body has ended"));
  push(stream, std::move(chunks), ended);
  if (stream.deferred && (stream.outbound_size > 0 || ended)) {
    stream.deferred = false;
    nghttp2_session_resume_data(session_, stream.id);
  }
  schedule();
  return {};
}

Result<void> Http2Session::send_trailers(Http2Stream& stream, Headers trailers) {
  {
    std::lock_guard lock(mutex_);
    stream.last_fields = std::move(trailers);
  }
  return send(stream, {}, true);
}

Task<Result<void>> Http2Session::drained(std::shared_ptr<Http2Stream> stream) {
  while (true) {
    {
      std::lock_guard lock(mutex_);
      if (stream->closed && !(stream->outbound_ended && stream->error == NGHTTP2_NO_ERROR))
        co_return fail(closed_error(*stream));
      if (stream->outbound_size <= kOutboundHigh) co_return Result<void>{};
    }
    const bool woken = co_await suspended<bool>(false, [&](Completion<bool> done) {
      std::lock_guard lock(mutex_);
      if (stream->closed || stream->outbound_size <= kOutboundHigh)
        done.complete(true);
      else
        stream->writer = std::move(done);
    });
    if (!woken) co_return fail(Status::canceled());
  }
}

bool Http2Session::receive_would_wait(const Http2Stream& stream) const {
  std::lock_guard lock(mutex_);
  return stream.inbound.empty() && !stream.inbound_ended && !stream.closed;
}

Task<Result<void>> Http2Session::head(std::shared_ptr<Http2Stream> stream) {
  while (true) {
    {
      std::lock_guard lock(mutex_);
      if (stream->head_too_large)
        co_return fail(Status::unavailable("http2: response headers exceeded the limit"));
      if (stream->head_done) co_return Result<void>{};
      if (stream->closed) co_return fail(closed_error(*stream));
    }
    const bool woken = co_await suspended<bool>(false, [&](Completion<bool> done) {
      std::lock_guard lock(mutex_);
      if (stream->head_done || stream->closed)
        done.complete(true);
      else
        stream->reader = std::move(done);
    });
    if (!woken) co_return fail(Status::canceled());
  }
}

// Under the lock: `size` bytes have left the stream's buffer, so the peer may send as many more.
void Http2Session::take_inbound(Http2Stream& stream, std::size_t size) {
  if (stream.closed || dead_) return;
  nghttp2_session_consume(session_, stream.id, size);
  if (nghttp2_session_want_write(session_)) schedule();
}

Task<Result<std::string>> Http2Session::receive(std::shared_ptr<Http2Stream> stream) {
  while (true) {
    {
      std::lock_guard lock(mutex_);
      if (!stream->inbound.empty()) {
        take_inbound(*stream, stream->inbound.size());
        co_return std::exchange(stream->inbound, {});
      }
      if (stream->inbound_ended) co_return std::string();
      if (stream->closed) co_return fail(closed_error(*stream));
    }
    const bool woken = co_await suspended<bool>(false, [&](Completion<bool> done) {
      std::lock_guard lock(mutex_);
      if (!stream->inbound.empty() || stream->inbound_ended || stream->closed)
        done.complete(true);
      else
        stream->reader = std::move(done);
    });
    if (!woken) co_return fail(Status::canceled());
  }
}

void Http2Session::discard_inbound(Http2Stream& stream) {
  std::lock_guard lock(mutex_);
  stream.unwanted = true;
  if (stream.inbound.empty()) return;
  take_inbound(stream, stream.inbound.size());
  stream.inbound = std::string();
}

void Http2Session::reset(Http2Stream& stream, std::uint32_t error) {
  discard_inbound(stream);
  std::lock_guard lock(mutex_);
  if (stream.closed || dead_) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, error);
  schedule();
}

void Http2Session::abort(Http2Stream& stream) {
  std::lock_guard lock(mutex_);
  if (stream.closed || dead_) return;
  stream.aborted = true;
  if (std::exchange(stream.deferred, false)) nghttp2_session_resume_data(session_, stream.id);
  schedule();
}

std::stop_token Http2Session::gone(Http2Stream& stream) {
  std::stop_source requested{std::nostopstate};
  std::stop_token token;
  {
    std::lock_guard lock(mutex_);
    if (!stream.gone.stop_possible()) stream.gone = std::stop_source();
    token = stream.gone.get_token();
    if (stream.closed || dead_ || shutting_down_) requested = stream.gone;
  }
  if (requested.stop_possible()) requested.request_stop();
  return token;
}

}  // namespace keelson::net
