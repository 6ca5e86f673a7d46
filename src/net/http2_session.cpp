// SPDX-License-Identifier: Apache-2.0
#include "net/http2_session.h"

#include <nghttp2/nghttp2.h>

#include "net/http2_batch.h"
#include "net/http2_callbacks.h"
#include "net/http2_fields.h"
#include "net/read_buffer.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFarewell = 500ms;  // For the last words of a connection.

}  // namespace

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
    std::lock_guard lock(mutex_);
    dead_ = true;
    if (clock_) executor.cancel(clock_);
    if (farewell_) executor.cancel(farewell_);
    clock_ = farewell_ = 0;
    schedule();
  }
  transport_->close();
  end_streams();
  run_stops();
  co_await writing.join();
}

// Reads to the end of the stream, also when nothing more is wanted: closing a socket with something
// unread makes the peer's system throw away our last words.
Task<void> Http2Session::read_loop(std::string received) {
  if (!received.empty()) take(std::exchange(received, {}));
  ReadBuffer buffer;  // Not held while the connection is idle.
  while (true) {
    if (!buffer) {
      if (!co_await transport_->readable()) co_return;
      buffer = ReadBuffer::take();
    }
    const auto size = co_await transport_->read(buffer.span());
    if (!size || *size == 0) co_return;
    take({buffer.data(), *size});
    if (*size < ReadBuffer::kSize) buffer.give_back();
  }
}

void Http2Session::take(std::string_view bytes) {
  std::vector<std::shared_ptr<Http2Stream>> arrived;
  {
    std::lock_guard lock(mutex_);
    if (dead_ || farewell_) return;
    last_heard_ = executor_->monotonic();
    const ssize_t taken = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken < 0) {
      // Flooded, not HTTP/2, or out of memory: what else is wrong nghttp2 answers by itself.
      nghttp2_session_terminate_session(session_, taken == NGHTTP2_ERR_FLOODED
                                                      ? NGHTTP2_ENHANCE_YOUR_CALM
                                                      : NGHTTP2_PROTOCOL_ERROR);
    }
    arrived.swap(arrived_);
    if (taken < 0 || !nghttp2_session_want_read(session_)) begin_farewell();
    if (farewell_ || nghttp2_session_want_write(session_)) schedule();
  }
  run_stops();
  for (auto& stream : arrived) on_request(std::move(stream));
}

// Under the lock: nothing more is taken in, and the peer has a while to read what is left to say.
void Http2Session::begin_farewell() {
  if (farewell_) return;
  farewell_ = executor_->after(kFarewell, [weak = weak_from_this()] {
    if (const auto session = weak.lock()) session->transport_->close();
  });
}

Task<void> Http2Session::write_loop() {
  const auto self = shared_from_this();
  Http2Batch batch;
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
      // The read loop ends it all: a peer that closed may have said before what it left undone.
      if (!co_await transport_->write_all(views)) co_return;
      batch.clear();
      continue;
    }
    batch = Http2Batch();
    co_await suspended<bool>(false, [this](Completion<bool> done) {
      std::lock_guard lock(mutex_);
      if (write_asked_ || dead_)
        done.complete(true);
      else
        writer_ = std::move(done);
    });
  }
  {
    std::unique_lock lock(mutex_);
    if (dead_) {
      lock.unlock();
      transport_->close();
      co_return;
    }
    begin_farewell();
  }
  (void)co_await transport_->shutdown_write();
  // A client's last words matter to nobody.
  if (role_ == Role::Client) transport_->close();
}

void Http2Session::fill(Http2Batch& batch) {
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
  return !dead_ && !farewell_ && !shutting_down_ && nghttp2_session_check_request_allowed(session_);
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
  if (dead_ || farewell_ || shutting_down_)
    return fail(Status::unavailable("http2: connection closed"));
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
