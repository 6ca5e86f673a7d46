// SPDX-License-Identifier: Apache-2.0
// One HTTP/2 connection, either side of it. nghttp2 knows the protocol; this feeds it, sends what
// it has to say in large batches, and turns its callbacks into waits.
//
//   transport -> read loop -> nghttp2 -> streams' inbound, on_request
//   streams' outbound -> nghttp2 -> batch -> write loop -> transport
//
// Source: RFC 9113.
#pragma once

#include "net/http.h"

struct nghttp2_session;

namespace keelson::net {

struct Http2Batch;

using Bytes = std::shared_ptr<const std::string>;

// One request and its response. Everything but the head is the session's, under its lock.
struct Http2Stream {
  std::int32_t id = -1;
  // The head that came; complete, and constant, once it was handed out.
  HttpRequest request;
  HttpResponse response;
  Headers trailers;
  std::size_t head_size = 0;
  bool head_done = false;
  bool head_too_large = false;

  std::string inbound;
  bool inbound_ended = false;
  bool unwanted = false;  // Nobody reads inbound any more.
  std::optional<Completion<bool>> reader;

  std::deque<Bytes> outbound;
  std::size_t outbound_taken = 0;  // Of the front.
  std::size_t outbound_size = 0;
  bool outbound_ended = false;
  std::optional<Headers> last_fields;  // Trailers to be sent.
  bool aborted = false;                // To be reset once the outbound is sent.
  bool deferred = false;               // nghttp2 waits to hear of more outbound.
  std::optional<Completion<bool>> writer;

  bool closed = false;
  std::uint32_t error = 0;  // Of RST_STREAM or GOAWAY, once closed.

  std::stop_source stop;  // Of the task that handles the request.
  std::stop_source gone{std::nostopstate};
};

class Http2Session final : public std::enable_shared_from_this<Http2Session> {
 public:
  enum class Role { Server, Client };
  struct Settings {
    std::size_t header_bytes = 1 << 20;
    std::uint32_t streams = 250;
    std::uint32_t resets_per_minute = 1000;
    std::uint32_t stream_window = 256 << 10;  // Upstream's.
    std::int32_t connection_window = 16 << 20;
    Duration first = std::chrono::seconds(32);  // Until the peer's preface.
    Duration idle = std::chrono::seconds(90);
    // A client asks a peer that is silent this long whether it is there, and waits this long.
    // Upstream: client-go's HTTP2_READ_IDLE_TIMEOUT_SECONDS, HTTP2_PING_TIMEOUT_SECONDS.
    Duration ping_after = std::chrono::seconds(30);
    Duration ping_timeout = std::chrono::seconds(15);
  };

  Http2Session(Role role, std::unique_ptr<Stream> transport, Settings settings);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // Called without the lock for each request that comes to a server.
  std::function<void(std::shared_ptr<Http2Stream>)> on_request;

  // Runs the connection to its end. `received` was read from the transport already.
  Task<void> run(std::string received);
  // GOAWAY: no new streams; the connection ends with the last that is open. Thread-safe, as all
  // below.
  void begin_shutdown();
  // Ends the connection at once.
  void close();

  const Peer& peer() const { return transport_->peer(); }
  bool usable() const;  // For new streams of a client.
  std::size_t open_streams() const;
  std::size_t streams_limit() const;  // The peer's.

  // A client's new stream. Errors: Unavailable if the connection takes no more.
  Result<std::shared_ptr<Http2Stream>> open(const HttpRequest& head, std::vector<Bytes> body,
                                            bool ended);
  // A server's response. Errors: Unavailable when the peer has gone.
  Result<void> respond(Http2Stream& stream, const HttpResponse& head, std::vector<Bytes> body,
                       bool ended);
  Result<void> send_continue(Http2Stream& stream);
  Result<void> send(Http2Stream& stream, std::vector<Bytes> chunks, bool ended);
  // Ends a response with trailers.
  Result<void> send_trailers(Http2Stream& stream, Headers trailers);
  // Waits until little of the outbound is left. Errors: Unavailable, Canceled.
  Task<Result<void>> drained(std::shared_ptr<Http2Stream> stream);

  // Waits for the head of a response. Errors as receive().
  Task<Result<void>> head(std::shared_ptr<Http2Stream> stream);
  // All that is there of the body, at least one byte; empty at the end.
  // Errors: Unavailable (code 0 reset without one), Canceled.
  Task<Result<std::string>> receive(std::shared_ptr<Http2Stream> stream);
  bool receive_would_wait(const Http2Stream& stream) const;

  // Ends the stream if it is open; what still comes for it is dropped.
  void reset(Http2Stream& stream, std::uint32_t error);
  // Sends what was queued, and then resets the stream: its response will never be complete.
  void abort(Http2Stream& stream);
  void discard_inbound(Http2Stream& stream);
  // Requested when the peer goes away or the connection shuts down.
  std::stop_token gone(Http2Stream& stream);

 private:
  friend struct Http2Callbacks;

  Task<void> read_loop(std::string received);
  Task<void> write_loop();
  void take(std::string_view bytes);
  void begin_farewell();
  void fill(Http2Batch& batch);
  void end_streams();
  void run_stops();
  void schedule();
  void watch_clock(Executor& executor, Duration delay);
  void on_clock(Executor& executor);
  bool wants_nothing() const;
  void push(Http2Stream& stream, std::vector<Bytes> chunks, bool ended);
  void count_misbehaviour();
  void close_stream(std::int32_t id, std::uint32_t error);
  Status closed_error(const Http2Stream& stream) const;
  void take_inbound(Http2Stream& stream, std::size_t size);

  const Role role_;
  const Settings settings_;
  const std::unique_ptr<Stream> transport_;

  mutable std::mutex mutex_;  // Of all below and of the streams.
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, std::shared_ptr<Http2Stream>> streams_;
  bool dead_ = false;
  bool shutting_down_ = false;
  bool preface_seen_ = false;
  Http2Batch* batch_ = nullptr;
  std::optional<Completion<bool>> writer_;  // The write loop, waiting.
  bool write_asked_ = false;
  std::vector<std::shared_ptr<Http2Stream>> arrived_;
  std::vector<std::stop_source> stops_;  // To be requested without the lock.
  Executor* executor_ = nullptr;
  TimerId clock_ = 0;
  TimerId farewell_ = 0;
  Duration last_heard_{0};
  bool ping_sent_ = false;
  Duration minute_start_{0};
  std::uint32_t misbehaviour_ = 0;
};

}  // namespace keelson::net
