// SPDX-License-Identifier: Apache-2.0
#include "net/spdy/session.h"

#include "net/spdy/session_core.h"

namespace keelson::net {
namespace {

// Of one DATA frame; what Go's io.Copy makes of a stream.
constexpr std::size_t kDataBytes = 32 << 10;

}  // namespace

// --- SpdyStream ---------------------------------------------------------------------------------

SpdyStream::SpdyStream(std::shared_ptr<SpdySessionCore> core, SpdyStreamId id, Headers headers,
                       std::shared_ptr<SpdyStreamState> state)
    : core_(std::move(core)), id_(id), headers_(std::move(headers)), state_(std::move(state)) {}

SpdyStream::~SpdyStream() { close(); }

Task<Result<std::size_t>> SpdyStream::read(std::span<char> into) {
  while (unread_offset_ == unread_.size()) {
    auto piece = co_await state_->inbox.pop();
    if (!piece) {
      if (state_->inbox.is_closed()) co_return std::size_t{0};
      co_return fail(Status::canceled());
    }
    unread_ = std::move(*piece);
    unread_offset_ = 0;
  }
  const std::size_t count = std::min(into.size(), unread_.size() - unread_offset_);
  std::memcpy(into.data(), unread_.data() + unread_offset_, count);
  unread_offset_ += count;
  co_return count;
}

Task<Result<void>> SpdyStream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    {
      std::lock_guard lock(core_->mutex);
      if (state_->reset || state_->local_closed)
        co_return fail(Status::unavailable("write on a closed SPDY stream"));
    }
    const std::string_view part = bytes.substr(0, kDataBytes);
    bytes.remove_prefix(part.size());
    CO_TRY_OK(co_await core_->send(SpdyData{id_, false, std::string(part)}));
  }
  co_return Result<void>{};
}

Task<Result<void>> SpdyStream::shutdown_write() {
  {
    std::lock_guard lock(core_->mutex);
    if (state_->reset || state_->local_closed) co_return Result<void>{};
  }
  CO_TRY_OK(co_await core_->send(SpdyData{id_, true, {}}));
  core_->close_local(id_, *state_);
  co_return Result<void>{};
}

void SpdyStream::close() { SpdySessionCore::reset_stream(core_, id_, SpdyStatus::Cancel); }

const Peer& SpdyStream::peer() const { return core_->stream->peer(); }

// --- SpdySession --------------------------------------------------------------------------------

SpdySession::SpdySession(Executor& executor, std::unique_ptr<Stream> stream, SpdyRole role,
                         SpdyLimits limits)
    : core_(std::make_shared<SpdySessionCore>(executor, std::move(stream), role, limits)) {
  spawn(executor, SpdySessionCore::run_reader(core_));
  spawn(executor, SpdySessionCore::run_writer(core_));
}

SpdySession::~SpdySession() { abort(); }

void SpdySession::abort() { core_->abort(); }

std::stop_token SpdySession::closed() const { return core_->closed.get_token(); }

Task<Result<std::unique_ptr<SpdyStream>>> SpdySession::open(Headers headers) {
  const auto core = core_;
  std::unique_ptr<SpdyStream> stream;
  std::shared_ptr<SpdyStreamState> state;
  {
    CO_TRY(const AsyncMutex::Guard in_order, co_await core->opening.lock());
    SpdyStreamId id = 0;
    {
      std::lock_guard lock(core->mutex);
      if (core->ended || core->no_new_streams)
        co_return fail(Status::unavailable("SPDY session has ended"));
      if (core->streams.size() >= core->limits.streams)
        co_return fail(Reason::TooManyRequests, "too many streams in a SPDY session");
      id = core->next_id;
      core->next_id += 2;
      state = core->add_stream(id);
    }
    stream = std::make_unique<SpdyStream>(core, id, headers, state);
    CO_TRY_OK(co_await core->send(SpdySynStream{.id = id, .headers = std::move(headers)}));
  }
  CO_TRY_OK(co_await state->answered.wait());
  {
    std::lock_guard lock(core->mutex);
    if (state->replied && !core->ended) co_return stream;
  }
  co_return fail(Status::unavailable("SPDY stream was refused"));
}

Task<Result<std::unique_ptr<SpdyStream>>> SpdySession::accept() {
  const auto core = core_;
  auto incoming = co_await core->incoming.pop();
  if (incoming) {
    co_return std::make_unique<SpdyStream>(core, incoming->id, std::move(incoming->headers),
                                           std::move(incoming->state));
  }
  if (!core->incoming.is_closed()) co_return fail(Status::canceled());
  co_return std::unique_ptr<SpdyStream>();
}

Task<Result<void>> SpdySession::reply(const SpdyStream& stream, Headers headers) {
  co_return co_await core_->send(SpdySynReply{.id = stream.id(), .headers = std::move(headers)});
}

Task<Result<void>> SpdySession::ping() {
  const std::uint32_t id = core_->role == SpdyRole::Client ? 1 : 2;
  co_return co_await core_->send(SpdyPing{id});
}

Task<void> SpdySession::close() {
  const TaskContext& context = co_await this_context();
  const auto core = core_;
  TimerId hurry = 0;
  {
    // The ended connection then ends every wait below.
    std::stop_callback stopped(context.stop, [&hurry, &core] {
      hurry = core->executor.after(core->limits.linger, [core] { core->abort(); });
    });
    (void)co_await run_in(TaskContext{context.executor, {}}, SpdySessionCore::finish(core));
  }
  if (hurry) core->executor.cancel(hurry);
  core->abort();
  const TaskContext unstoppable{context.executor, {}};
  (void)co_await run_in(unstoppable, core->writer_done.wait());
  (void)co_await run_in(unstoppable, core->reader_done.wait());
}

}  // namespace keelson::net
