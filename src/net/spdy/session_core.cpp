// SPDX-License-Identifier: Apache-2.0
#include "net/spdy/session_core.h"

#include "net/splice.h"

namespace keelson::net {
namespace {

bool is_odd(std::uint32_t id) { return id % 2 == 1; }

}  // namespace

SpdySessionCore::SpdySessionCore(Executor& where, std::unique_ptr<Stream> connection,
                                 SpdyRole our_role, SpdyLimits our_limits)
    : executor(where),
      stream(std::move(connection)),
      role(our_role),
      limits(our_limits),
      queue(our_limits.queued_frames),
      incoming(our_limits.pending_streams),
      decoder(our_limits.frame),
      next_id(our_role == SpdyRole::Client ? 1 : 2) {}

// --- Streams ------------------------------------------------------------------------------------

Task<Result<void>> SpdySessionCore::send(SpdyFrame frame) {
  // The queue belongs to this core, so `this` outlives the frame.
  co_return co_await queue.push(
      [this, unsent = std::move(frame)] { return encoder.encode(unsent); });
}

std::shared_ptr<SpdyStreamState> SpdySessionCore::add_stream(SpdyStreamId id) {
  auto state = std::make_shared<SpdyStreamState>(limits.buffered_pieces);
  streams.emplace(id, state);
  return state;
}

std::shared_ptr<SpdyStreamState> SpdySessionCore::find_stream(SpdyStreamId id) {
  std::lock_guard lock(mutex);
  const auto found = streams.find(id);
  return found == streams.end() ? nullptr : found->second;
}

void SpdySessionCore::close_local(SpdyStreamId id, SpdyStreamState& state) {
  std::lock_guard lock(mutex);
  state.local_closed = true;
  if (state.remote_closed) streams.erase(id);
}

void SpdySessionCore::reset_stream(const std::shared_ptr<SpdySessionCore>& core, SpdyStreamId id,
                                   SpdyStatus status) {
  {
    std::lock_guard lock(core->mutex);
    const auto found = core->streams.find(id);
    if (found == core->streams.end()) return;
    found->second->reset = true;
    found->second->inbox.close();
    found->second->answered.set();
    core->streams.erase(found);
  }
  const auto encode = [raw = core.get(), id, status] {
    return raw->encoder.encode(SpdyRstStream{id, status});
  };
  if (core->queue.try_push(encode)) return;
  // The queue is full, and whoever drops a stream cannot wait.
  spawn(core->executor,
        [](std::shared_ptr<SpdySessionCore> owner, SpdyRstStream frame) -> Task<void> {
          (void)co_await owner->send(frame);
        }(core, SpdyRstStream{id, status}));
}

// --- Frames that come ---------------------------------------------------------------------------

Task<void> SpdySessionCore::run_reader(std::shared_ptr<SpdySessionCore> core) {
  (void)co_await core->read_frames();
  core->end();
  core->reader_done.set();
}

Task<Result<void>> SpdySessionCore::read_frames() {
  while (true) {
    CO_TRY(auto frame, decoder.next());
    if (frame) {
      co_await handle(std::move(*frame));
      continue;
    }
    CO_TRY(const std::string bytes, co_await read_some(*stream));
    if (bytes.empty()) co_return Result<void>{};
    decoder.append(bytes);
  }
}

Task<void> SpdySessionCore::handle(SpdyFrame frame) {
  if (auto* data = std::get_if<SpdyData>(&frame)) {
    co_await receive_data(std::move(*data));
  } else if (auto* opened = std::get_if<SpdySynStream>(&frame)) {
    accept_stream(std::move(*opened));
  } else if (const auto* reply = std::get_if<SpdySynReply>(&frame)) {
    if (const auto state = find_stream(reply->id)) {
      {
        std::lock_guard lock(mutex);
        state->replied = true;
      }
      state->answered.set();
      if (reply->fin) close_remote(reply->id);
    }
  } else if (const auto* reset = std::get_if<SpdyRstStream>(&frame)) {
    stream_reset(reset->id);
  } else if (const auto* headers = std::get_if<SpdyHeaders>(&frame)) {
    if (headers->fin) close_remote(headers->id);
  } else if (const auto* ping = std::get_if<SpdyPing>(&frame)) {
    // Ours come back as answers. A peer that pings without reading loses its answers.
    if (is_odd(ping->id) != (role == SpdyRole::Client))
      queue.try_push([this, echo = *ping] { return encoder.encode(echo); });
  } else if (std::holds_alternative<SpdyGoAway>(frame)) {
    std::lock_guard lock(mutex);
    no_new_streams = true;
  }
  // SETTINGS and WINDOW_UPDATE: see the head of session.h.
}

void SpdySessionCore::accept_stream(SpdySynStream frame) {
  const SpdyStreamId id = frame.id;
  std::optional<SpdyStatus> refusal;
  std::shared_ptr<SpdyStreamState> state;
  {
    std::lock_guard lock(mutex);
    if (is_odd(id) == (role == SpdyRole::Client) || id <= last_remote_id) {
      refusal = SpdyStatus::ProtocolError;
    } else {
      last_remote_id = id;
      if (no_new_streams || streams.size() >= limits.streams) {
        refusal = SpdyStatus::RefusedStream;
      } else {
        state = add_stream(id);
        state->replied = true;
        state->local_closed = frame.unidirectional;
        state->remote_closed = frame.fin;
        if (frame.fin) state->inbox.close();
      }
    }
  }
  if (state && !incoming.try_push(SpdyIncoming{id, std::move(frame.headers), state})) {
    std::lock_guard lock(mutex);
    streams.erase(id);
    refusal = SpdyStatus::RefusedStream;
  }
  if (refusal) {
    queue.try_push([this, answer = SpdyRstStream{id, *refusal}] { return encoder.encode(answer); });
  }
}

Task<void> SpdySessionCore::receive_data(SpdyData frame) {
  std::shared_ptr<SpdyStreamState> state;
  {
    std::lock_guard lock(mutex);
    // Data for a stream that is gone was on its way when it went.
    const auto found = streams.find(frame.id);
    if (found != streams.end() && !found->second->remote_closed && !discarding)
      state = found->second;
  }
  // Waits for room, and so holds up the connection; false when nobody will read.
  if (state && !frame.bytes.empty()) co_await state->inbox.push(std::move(frame.bytes));
  if (frame.fin) close_remote(frame.id);
}

void SpdySessionCore::close_remote(SpdyStreamId id) {
  std::lock_guard lock(mutex);
  const auto found = streams.find(id);
  if (found == streams.end()) return;
  found->second->remote_closed = true;
  found->second->inbox.close();
  if (found->second->local_closed) streams.erase(found);
}

void SpdySessionCore::stream_reset(SpdyStreamId id) {
  std::lock_guard lock(mutex);
  const auto found = streams.find(id);
  if (found == streams.end()) return;
  found->second->reset = true;
  found->second->inbox.close();
  found->second->answered.set();
  streams.erase(found);
}

// --- The end ------------------------------------------------------------------------------------

Task<void> SpdySessionCore::run_writer(std::shared_ptr<SpdySessionCore> core) {
  if (!co_await core->queue.run(*core->stream)) core->stream->close();
  core->writer_done.set();
}

void SpdySessionCore::end() {
  {
    std::lock_guard lock(mutex);
    ended = true;
    for (const auto& [id, state] : streams) {
      state->reset = true;
      state->inbox.close();
      state->answered.set();
    }
    streams.clear();
  }
  incoming.close();
  queue.close();
  closed.request_stop();
}

void SpdySessionCore::abort() {
  end();
  stream->close();
}

Task<Result<void>> SpdySessionCore::finish(std::shared_ptr<SpdySessionCore> core) {
  std::vector<SpdyStreamId> open;
  SpdyStreamId last_good = 0;
  {
    std::lock_guard lock(core->mutex);
    core->no_new_streams = true;
    core->discarding = true;
    last_good = core->last_remote_id;
    for (const auto& [id, state] : core->streams) {
      // The reading task must not wait for readers who have gone.
      state->inbox.close();
      if (!std::exchange(state->local_closed, true)) open.push_back(id);
    }
  }
  core->incoming.close();
  for (const SpdyStreamId id : open) CO_TRY_OK(co_await core->send(SpdyData{id, true, {}}));
  CO_TRY_OK(co_await core->send(SpdyGoAway{last_good, 0}));
  core->queue.close();
  CO_TRY_OK(co_await core->writer_done.wait());
  CO_TRY_OK(co_await core->stream->shutdown_write());
  co_return co_await with_timeout(core->limits.linger, core->reader_done.wait());
}

}  // namespace keelson::net
