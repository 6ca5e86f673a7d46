// SPDX-License-Identifier: Apache-2.0
// What a session's tasks, its streams and the session object share; private to this folder.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "base/sync.h"
#include "net/spdy/session.h"
#include "net/write_queue.h"

namespace keelson::net {

struct SpdyStreamState {
  explicit SpdyStreamState(std::size_t buffered_pieces) : inbox(buffered_pieces) {}

  Channel<std::string> inbox;  // Closed when nothing more will come.
  Event answered;              // By SYN_REPLY, RST_STREAM or the end of the session.

  // Under the core's mutex.
  bool replied = false;
  bool reset = false;
  bool local_closed = false;
  bool remote_closed = false;
};

// Opened by the peer, not accepted yet.
struct SpdyIncoming {
  SpdyStreamId id;
  Headers headers;
  std::shared_ptr<SpdyStreamState> state;
};

// Lives as long as anybody who needs it. Two tasks of its own: one reads frames, one writes them.
struct SpdySessionCore {
  SpdySessionCore(Executor& where, std::unique_ptr<Stream> connection, SpdyRole our_role,
                  SpdyLimits our_limits);

  // --- Streams, from any task -------------------------------------------------------------------
  // Queues a frame. Errors: Unavailable, Canceled.
  Task<Result<void>> send(SpdyFrame frame);
  // Queues a RST_STREAM if the stream still goes either way.
  static void reset_stream(const std::shared_ptr<SpdySessionCore>& core, SpdyStreamId id,
                           SpdyStatus status);
  void close_local(SpdyStreamId id, SpdyStreamState& state);
  std::shared_ptr<SpdyStreamState> add_stream(SpdyStreamId id);
  std::shared_ptr<SpdyStreamState> find_stream(SpdyStreamId id);

  // --- The session ------------------------------------------------------------------------------
  static Task<void> run_reader(std::shared_ptr<SpdySessionCore> core);
  static Task<void> run_writer(std::shared_ptr<SpdySessionCore> core);
  // Half-closes streams, says GOAWAY and waits for all to be written and the peer to follow.
  static Task<Result<void>> finish(std::shared_ptr<SpdySessionCore> core);
  // Ends every wait and the connection.
  void abort();

  Executor& executor;
  const std::unique_ptr<Stream> stream;
  const SpdyRole role;
  const SpdyLimits limits;
  WriteQueue queue;
  Channel<SpdyIncoming> incoming;
  std::stop_source closed;
  Event reader_done, writer_done;
  AsyncMutex opening;  // Ids must reach the wire in order.

  SpdyEncoder encoder;  // Of the writing task.
  SpdyDecoder decoder;  // Of the reading task.

  std::mutex mutex;  // For what follows.
  std::map<SpdyStreamId, std::shared_ptr<SpdyStreamState>> streams;
  SpdyStreamId next_id;
  SpdyStreamId last_remote_id = 0;
  bool ended = false;
  bool no_new_streams = false;  // Since a GOAWAY, theirs or ours.
  bool discarding = false;      // Since close(): what still comes is of no use.

 private:
  Task<Result<void>> read_frames();
  Task<void> handle(SpdyFrame frame);
  void accept_stream(SpdySynStream frame);
  Task<void> receive_data(SpdyData frame);
  void close_remote(SpdyStreamId id);
  void stream_reset(SpdyStreamId id);
  void end();
};

}  // namespace keelson::net
