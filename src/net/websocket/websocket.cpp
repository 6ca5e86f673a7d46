// SPDX-License-Identifier: Apache-2.0
#include "net/websocket/websocket.h"

#include "base/sync.h"
#include "net/splice.h"
#include "net/write_queue.h"

namespace keelson::net {
namespace {

constexpr std::size_t kQueuedFrames = 32;
constexpr Duration kLinger = std::chrono::seconds(10);

constexpr std::uint16_t kCloseNormal = 1000;
constexpr std::uint16_t kCloseGoingAway = 1001;
constexpr std::uint16_t kCloseProtocolError = 1002;

}  // namespace

// Lives as long as the connection object or the task that writes.
struct WebSocket::Core {
  Core(Executor& where, std::unique_ptr<Stream> connection, WebSocketRole our_role, Random& source)
      : executor(where),
        stream(std::move(connection)),
        role(our_role),
        random(source),
        decoder(our_role) {}

  std::string encode(WebSocketOpcode opcode, std::string_view payload) {
    if (close_encoded) return {};  // Nothing follows a Close.
    close_encoded = opcode == WebSocketOpcode::Close;
    std::optional<std::uint32_t> mask;
    if (role == WebSocketRole::Client) mask = static_cast<std::uint32_t>(random.next());
    return encode_websocket_frame(opcode, payload, mask);
  }
  WriteQueue::Encode frame(WebSocketOpcode opcode, std::string payload) {
    // The queue belongs to this core, so the pointer outlives the frame.
    return [this, opcode, bytes = std::move(payload)] { return encode(opcode, bytes); };
  }

  Task<Result<void>> send_close(std::uint16_t code, std::string reason) {
    if (close_sent.exchange(true)) co_return Result<void>{};
    auto sent =
        co_await queue.push(frame(WebSocketOpcode::Close, encode_websocket_close(code, reason)));
    queue.close();
    co_return sent;
  }

  // Answers the peer's Close, and says how the connection ended.
  Result<void> closed_by_peer(std::string_view payload) {
    if (payload.size() == 1) {
      return fail(Reason::BadRequest, "websocket: close code cut short");
    }
    std::uint16_t code = kCloseNormal;
    if (payload.size() >= 2) {
      code = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                        static_cast<unsigned char>(payload[1]));
      payload.remove_prefix(2);
    }
    if (!close_sent.exchange(true)) {
      queue.try_push(frame(WebSocketOpcode::Close, encode_websocket_close(code, {})));
      queue.close();
    }
    if (code == kCloseNormal || code == kCloseGoingAway) return {};
    return fail(Status::unavailable("websocket: close " + std::to_string(code) +
                                    (payload.empty() ? "" : ": " + std::string(payload))));
  }

  void abort() {
    queue.close();
    stream->close();
  }

  Executor& executor;
  const std::unique_ptr<Stream> stream;
  const WebSocketRole role;
  Random& random;
  WriteQueue queue{kQueuedFrames};
  bool close_encoded = false;  // Of the writing task.
  std::atomic<bool> close_sent{false};
  Event writer_done;

  // Of the receiving task.
  WebSocketDecoder decoder;
  std::optional<Result<void>> end;
};

Task<void> WebSocket::run_writer(std::shared_ptr<Core> core) {
  if (!co_await core->queue.run(*core->stream)) core->stream->close();
  core->writer_done.set();
}

WebSocket::WebSocket(Executor& executor, std::unique_ptr<Stream> stream, WebSocketRole role,
                     Random& random)
    : core_(std::make_shared<Core>(executor, std::move(stream), role, random)) {
  spawn(executor, run_writer(core_));
}

WebSocket::~WebSocket() { abort(); }

void WebSocket::abort() { core_->abort(); }

const Peer& WebSocket::peer() const { return core_->stream->peer(); }

Task<Result<void>> WebSocket::send(WebSocketOpcode opcode, std::string payload) {
  co_return co_await core_->queue.push(core_->frame(opcode, std::move(payload)));
}

Task<Result<void>> WebSocket::send_close(std::uint16_t code, std::string reason) {
  co_return co_await core_->send_close(code, std::move(reason));
}

Task<Result<std::optional<WebSocketPiece>>> WebSocket::receive() {
  using Received = Result<std::optional<WebSocketPiece>>;
  Core& core = *core_;
  while (!core.end) {
    auto piece = core.decoder.next();
    if (!piece) {
      co_await core.send_close(kCloseProtocolError, piece.error().message());
      core.end = fail(std::move(piece).error());
      break;
    }
    if (!*piece) {
      auto bytes = co_await read_some(*core.stream);
      if (!bytes && bytes.error().is(Reason::Canceled)) co_return fail(std::move(bytes).error());
      if (!bytes) {
        core.end = fail(std::move(bytes).error());
      } else if (bytes->empty()) {
        core.end =
            fail(Status::unavailable("websocket: close 1006 (abnormal closure): unexpected EOF"));
      } else {
        core.decoder.append(*bytes);
      }
      continue;
    }
    switch ((*piece)->opcode) {
      case WebSocketOpcode::Ping:
        // A peer that pings without reading loses its answers, not our memory.
        core.queue.try_push(core.frame(WebSocketOpcode::Pong, std::move((*piece)->bytes)));
        break;
      case WebSocketOpcode::Pong:
        break;
      case WebSocketOpcode::Close:
        core.end = core.closed_by_peer((*piece)->bytes);
        break;
      default:
        co_return Received(std::move(*piece));
    }
  }
  if (!*core.end) co_return fail(core.end->error());
  co_return Received(std::nullopt);
}

Task<Result<std::optional<WebSocketMessage>>> WebSocket::receive_message(std::size_t limit_bytes) {
  using Received = Result<std::optional<WebSocketMessage>>;
  WebSocketMessage message;
  while (true) {
    CO_TRY(auto piece, co_await receive());
    if (!piece) co_return Received(std::nullopt);
    if (message.bytes.size() + piece->bytes.size() > limit_bytes)
      co_return fail(Reason::RequestEntityTooLarge, "websocket: message too long");
    message.opcode = piece->opcode;
    message.bytes += piece->bytes;
    if (piece->last) co_return Received(std::move(message));
  }
}

namespace {

Task<Result<void>> drain(WebSocket& socket) {
  while (true) {
    CO_TRY(auto piece, co_await socket.receive());
    if (!piece) co_return Result<void>{};
  }
}

}  // namespace

Task<void> WebSocket::close(std::uint16_t code, std::string reason) {
  const TaskContext& context = co_await this_context();
  const auto core = core_;
  // A stopped task gives the peer only a while to read what is queued; the closed stream then ends
  // every wait below.
  TimerId hurry = 0;
  {
    std::stop_callback stopped(context.stop, [&hurry, &core] {
      hurry = core->executor.after(kLinger, [core] { core->abort(); });
    });
    auto finish = [](WebSocket& socket, std::shared_ptr<Core> shared, std::uint16_t close_code,
                     std::string why) -> Task<Result<void>> {
      CO_TRY_OK(co_await shared->send_close(close_code, std::move(why)));
      CO_TRY_OK(co_await shared->writer_done.wait());
      co_return co_await with_timeout(kLinger, drain(socket));
    };
    (void)co_await run_in(TaskContext{context.executor, {}},
                          finish(*this, core, code, std::move(reason)));
  }
  if (hurry) core->executor.cancel(hurry);
  core->abort();
  (void)co_await run_in(TaskContext{context.executor, {}}, core->writer_done.wait());
}

namespace {

class WebSocketStream final : public Stream {
 public:
  explicit WebSocketStream(std::unique_ptr<WebSocket> socket) : socket_(std::move(socket)) {}

  Task<Result<std::size_t>> read(std::span<char> into) override {
    while (offset_ == unread_.size()) {
      CO_TRY(auto piece, co_await socket_->receive());
      if (!piece) co_return std::size_t{0};
      if (piece->opcode != WebSocketOpcode::Binary)
        co_return fail(Reason::BadRequest, "websocket: text message in a tunnel");
      unread_ = std::move(piece->bytes);
      offset_ = 0;
    }
    const std::size_t count = std::min(into.size(), unread_.size() - offset_);
    std::memcpy(into.data(), unread_.data() + offset_, count);
    offset_ += count;
    co_return count;
  }

  Task<Result<void>> write(std::string_view bytes) override {
    co_return co_await socket_->send(WebSocketOpcode::Binary, std::string(bytes));
  }
  Task<Result<void>> shutdown_write() override { co_return co_await socket_->send_close(); }
  void close() override { socket_->abort(); }
  const Peer& peer() const override { return socket_->peer(); }

 private:
  const std::unique_ptr<WebSocket> socket_;
  std::string unread_;
  std::size_t offset_ = 0;
};

}  // namespace

std::unique_ptr<Stream> make_websocket_stream(std::unique_ptr<WebSocket> socket) {
  return std::make_unique<WebSocketStream>(std::move(socket));
}

}  // namespace keelson::net
