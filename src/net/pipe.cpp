// SPDX-License-Identifier: Apache-2.0
// The in-memory pair of streams.
#include "net/stream.h"

namespace keelson::net {
namespace {

constexpr std::size_t kBufferMax = 256 << 10;

using Woken = Result<void>;

// One direction: its writer waits while the buffer is full, its reader while it is empty.
struct Flow {
  std::string buffer;
  std::size_t taken = 0;  // Of the buffer's front.
  bool ended = false;
  std::optional<Completion<Woken>> reader, writer;

  std::size_t size() const { return buffer.size() - taken; }

  static void wake(std::optional<Completion<Woken>>& waiter) {
    if (auto woken = std::exchange(waiter, std::nullopt)) woken->complete({});
  }
};

struct Shared {
  std::mutex mutex;
  bool closed = false;
  std::array<Flow, 2> flows;
};

class PipeStream final : public Stream {
 public:
  PipeStream(std::shared_ptr<Shared> shared, std::size_t side)
      : shared_(std::move(shared)), side_(side) {
    peer_.address = "pipe";
  }
  ~PipeStream() override { close(); }

  Task<Result<std::size_t>> read(std::span<char> into) override {
    while (true) {
      CO_TRY_OK(co_await readable());
      std::lock_guard lock(shared_->mutex);
      Flow& flow = inbound();
      if (const std::size_t size = std::min(flow.size(), into.size()); size > 0) {
        std::memcpy(into.data(), flow.buffer.data() + flow.taken, size);
        flow.taken += size;
        if (flow.size() == 0) {
          flow.buffer.clear();
          flow.taken = 0;
        }
        Flow::wake(flow.writer);
        co_return size;
      }
      if (flow.ended || into.empty()) co_return std::size_t{0};
    }
  }

  Task<Result<void>> readable() override {
    // What the peer wrote before it closed can still be read.
    co_return co_await suspended<Woken>(fail(Status::canceled()), [this](Completion<Woken> done) {
      std::lock_guard lock(shared_->mutex);
      Flow& flow = inbound();
      if (closed_here_) {
        done.complete(fail(Status::unavailable("use of closed network connection")));
      } else if (flow.size() > 0 || flow.ended) {
        done.complete({});
      } else {
        flow.reader = std::move(done);
      }
    });
  }

  Task<Result<void>> write(std::string_view bytes) override {
    while (true) {
      CO_TRY_OK(co_await writable());
      std::lock_guard lock(shared_->mutex);
      if (shared_->closed || outbound().ended) continue;
      Flow& flow = outbound();
      const std::size_t room = kBufferMax - std::min(flow.size(), kBufferMax);
      if (flow.taken > kBufferMax) {
        flow.buffer.erase(0, flow.taken);
        flow.taken = 0;
      }
      flow.buffer.append(bytes.substr(0, room));
      bytes.remove_prefix(std::min(room, bytes.size()));
      Flow::wake(flow.reader);
      if (bytes.empty()) co_return Result<void>{};
    }
  }

  Task<Result<void>> shutdown_write() override {
    {
      std::lock_guard lock(shared_->mutex);
      outbound().ended = true;
      Flow::wake(outbound().reader);
    }
    co_return Result<void>{};
  }

  void close() override {
    std::lock_guard lock(shared_->mutex);
    closed_here_ = true;
    shared_->closed = true;
    for (Flow& flow : shared_->flows) {
      flow.ended = true;
      if (auto reader = std::exchange(flow.reader, std::nullopt)) {
        if (&flow == &inbound()) {
          reader->complete(fail(Status::unavailable("use of closed network connection")));
        } else {
          reader->complete({});
        }
      }
      if (auto writer = std::exchange(flow.writer, std::nullopt)) writer->complete({});
    }
  }

  const Peer& peer() const override { return peer_; }

 private:
  Flow& inbound() { return shared_->flows[1 - side_]; }
  Flow& outbound() { return shared_->flows[side_]; }

  Suspended<Woken, std::function<void(Completion<Woken>)>> writable() {
    return suspended<Woken>(fail(Status::canceled()),
                            std::function<void(Completion<Woken>)>([this](Completion<Woken> done) {
                              std::lock_guard lock(shared_->mutex);
                              if (shared_->closed || outbound().ended) {
                                done.complete(fail(Status::unavailable("write on closed pipe")));
                              } else if (outbound().size() < kBufferMax) {
                                done.complete({});
                              } else {
                                outbound().writer = std::move(done);
                              }
                            }));
  }

  const std::shared_ptr<Shared> shared_;
  const std::size_t side_;
  bool closed_here_ = false;  // Under the shared mutex.
  Peer peer_;
};

}  // namespace

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_pipe() {
  auto shared = std::make_shared<Shared>();
  return {std::make_unique<PipeStream>(shared, 0), std::make_unique<PipeStream>(shared, 1)};
}

}  // namespace keelson::net
