// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"
#include "base/sync.h"
#include "remotecommand/carrier.h"
#include "remotecommand/upgrade.h"

namespace keelson::remotecommand {
namespace {

constexpr unsigned char kCloseChannel = 255;
// Unread messages' pieces of one channel; a piece has at most 16 KiB.
constexpr std::size_t kBufferedPieces = 64;
constexpr std::size_t kMessageBytes = 32 << 10;

}  // namespace

ChannelProtocol ChannelProtocol::named(std::string_view protocol) {
  const bool v5 = protocol.starts_with("v5.");
  return {.base64 = protocol.find("base64.") != std::string_view::npos,
          .half_close = v5,
          .json_status = v5 || protocol.starts_with("v4.")};
}

// Lives as long as the carrier, a stream of it, or the task that reads.
struct WebSocketCarrier::Core {
  Core(Executor& executor, std::unique_ptr<net::Stream> stream, ChannelProtocol how,
       const std::vector<bool>& readable)
      : socket(executor, std::move(stream), net::WebSocketRole::Server, system_random()),
        protocol(how) {
    for (const bool can_read : readable) {
      inboxes.push_back(std::make_unique<Channel<std::string>>(kBufferedPieces));
      if (!can_read) inboxes.back()->close();
    }
  }

  Task<Result<void>> send(std::size_t index, std::string_view bytes) {
    std::string message;
    message.reserve(bytes.size() + 1);
    if (protocol.base64) {
      message.push_back(static_cast<char>('0' + index));
      message += base64_encode(bytes);
    } else {
      message.push_back(static_cast<char>(index));
      message += bytes;
    }
    co_return co_await socket.send(
        protocol.base64 ? net::WebSocketOpcode::Text : net::WebSocketOpcode::Binary,
        std::move(message));
  }

  net::WebSocket socket;
  const ChannelProtocol protocol;
  std::vector<std::unique_ptr<Channel<std::string>>> inboxes;
  std::stop_source reading;
  std::stop_source closed;
  Event reader_done;
};

class WebSocketCarrier::ChannelStream final : public net::Stream {
 public:
  ChannelStream(std::shared_ptr<Core> core, std::size_t index)
      : core_(std::move(core)), index_(index), inbox_(*core_->inboxes[index]) {}
  ~ChannelStream() override { close(); }

  Task<Result<std::size_t>> read(std::span<char> into) override {
    while (offset_ == unread_.size()) {
      auto piece = co_await inbox_.pop();
      if (!piece) {
        if (inbox_.is_closed()) co_return std::size_t{0};
        co_return fail(Status::canceled());
      }
      unread_ = std::move(*piece);
      offset_ = 0;
    }
    const std::size_t count = std::min(into.size(), unread_.size() - offset_);
    std::memcpy(into.data(), unread_.data() + offset_, count);
    offset_ += count;
    co_return count;
  }

  Task<Result<void>> write(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (write_ended_) co_return fail(Status::unavailable("write on a closed channel"));
      const std::string_view part = bytes.substr(0, kMessageBytes);
      bytes.remove_prefix(part.size());
      CO_TRY_OK(co_await core_->send(index_, part));
    }
    co_return Result<void>{};
  }

  // The protocols have no word for it in this direction: clients read until the connection closes.
  Task<Result<void>> shutdown_write() override {
    write_ended_ = true;
    co_return Result<void>{};
  }

  void close() override {
    write_ended_ = true;
    inbox_.close();
  }
  const net::Peer& peer() const override { return core_->socket.peer(); }

 private:
  const std::shared_ptr<Core> core_;
  const std::size_t index_;
  Channel<std::string>& inbox_;
  std::atomic<bool> write_ended_{false};
  std::string unread_;
  std::size_t offset_ = 0;
};

WebSocketCarrier::WebSocketCarrier(Executor& executor, std::unique_ptr<net::Stream> stream,
                                   ChannelProtocol protocol, const std::vector<bool>& readable)
    : core_(std::make_shared<Core>(executor, std::move(stream), protocol, readable)) {
  spawn(executor, run(core_), core_->reading.get_token());
}

WebSocketCarrier::~WebSocketCarrier() {
  core_->reading.request_stop();
  core_->socket.abort();
}

std::unique_ptr<net::Stream> WebSocketCarrier::channel(std::size_t index) {
  return std::make_unique<ChannelStream>(core_, index);
}

Task<Result<void>> WebSocketCarrier::greet(std::size_t index) {
  co_return co_await core_->send(index, {});
}

bool WebSocketCarrier::json_status() const { return core_->protocol.json_status; }

std::stop_token WebSocketCarrier::closed() const { return core_->closed.get_token(); }

Task<void> WebSocketCarrier::run(std::shared_ptr<Core> core) {
  auto end = co_await read_messages(*core);
  for (const auto& inbox : core->inboxes) inbox->close();
  // A message that makes no sense ends the connection; the other errors have ended it already.
  if (!end && end.error().is(Reason::BadRequest)) core->socket.abort();
  core->closed.request_stop();
  core->reader_done.set();
}

Task<Result<void>> WebSocketCarrier::read_messages(Core& core) {
  std::optional<unsigned char> channel;
  std::string undecoded;  // Of base64: fewer than four characters.
  while (true) {
    CO_TRY(auto piece, co_await core.socket.receive());
    if (!piece) co_return Result<void>{};
    std::string bytes = std::move(piece->bytes);
    if (piece->first) {
      channel.reset();
      undecoded.clear();
    }
    if (!channel && !bytes.empty()) {
      channel = static_cast<unsigned char>(core.protocol.base64 ? bytes[0] - '0' : bytes[0]);
      bytes.erase(0, 1);
    }
    if (core.protocol.base64) {
      undecoded += bytes;
      const std::size_t whole = piece->last ? undecoded.size() : undecoded.size() / 4 * 4;
      CO_TRY(bytes, base64_decode(std::string_view(undecoded).substr(0, whole)));
      undecoded.erase(0, whole);
    }
    if (bytes.empty()) continue;
    if (core.protocol.half_close && channel == kCloseChannel) {
      const auto which = static_cast<unsigned char>(bytes[0]);
      if (which < core.inboxes.size()) core.inboxes[which]->close();
    } else if (*channel < core.inboxes.size()) {
      // False: nobody reads that channel.
      (void)co_await core.inboxes[*channel]->push(std::move(bytes));
    }
  }
}

Task<void> WebSocketCarrier::close() {
  const TaskContext& context = co_await this_context();
  const auto core = core_;
  core->reading.request_stop();
  (void)co_await run_in(TaskContext{context.executor, {}}, core->reader_done.wait());
  co_await core->socket.close();
}

}  // namespace keelson::remotecommand
