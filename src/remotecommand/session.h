// SPDX-License-Identifier: Apache-2.0
// Running commands over the network, whatever protocol carries them: SPDY/3.1 with
// [v1..v4].channel.k8s.io, where each stream is a SPDY stream named by its streamType header, or
// WebSocket with [v1, v4, v5].channel.k8s.io and their base64 kin, where the first byte of each
// message names the channel.
//
//   client ==stdin, resize=> | session | ==> command
//          <=stdout, stderr, error=      <==
#pragma once

#include <memory>
#include <optional>

#include "net/http.h"
#include "remotecommand/command.h"

namespace keelson::remotecommand {

// The channels of a command as byte streams, seen from one end. Those not asked for are null. A
// channel that only goes the other way reads 0 at once, or refuses writes. Each is a net::Stream
// with its contract: one reader and one writer.
struct CommandStreams {
  std::unique_ptr<net::Stream> input;   // stdin
  std::unique_ptr<net::Stream> output;  // stdout
  std::unique_ptr<net::Stream> errors;  // stderr
  std::unique_ptr<net::Stream> status;  // The error channel; always there.
  std::unique_ptr<net::Stream> resize;  // With a terminal.
};

// What carries the channels.
class Carrier {
 public:
  virtual ~Carrier() = default;
  // Whether status is JSON (v4 on) or text.
  virtual bool json_status() const = 0;
  // Requested when the other end has gone.
  virtual std::stop_token closed() const = 0;
  // Sends what is queued and ends the connection in order. A peer that does not read can hold it up
  // until the calling task is stopped; then it takes some seconds at most.
  virtual Task<void> close() = 0;
};

// A command as its server sees it. Destroying it unfinished ends the connection at once. Streams
// are destroyed before their carrier.
class CommandSession final {
 public:
  CommandSession(CommandOptions options, std::unique_ptr<Carrier> carrier, CommandStreams streams)
      : options_(options), carrier_(std::move(carrier)), streams_(std::move(streams)) {}

  const CommandOptions& options() const { return options_; }
  CommandStreams& streams() { return streams_; }
  bool json_status() const { return carrier_->json_status(); }
  std::stop_token closed() const { return carrier_->closed(); }

  // The next size of the terminal; nothing when the client has gone or has no terminal.
  // Errors: BadRequest, Canceled.
  Task<Result<std::optional<TerminalSize>>> next_size();
  // Tells the client how the command ended, after all its output, and ends the connection.
  Task<void> finish(CommandStatus status);
  // Ends the connection, saying no more than has been written to the streams.
  Task<void> close();

 private:
  CommandOptions options_;
  std::unique_ptr<Carrier> carrier_;
  CommandStreams streams_;
  TerminalSizeDecoder sizes_;
  std::vector<TerminalSize> pending_sizes_;
};

// A command as its client sees it.
class CommandClient final {
 public:
  CommandClient(CommandOptions options, std::unique_ptr<Carrier> carrier, CommandStreams streams)
      : options_(options), carrier_(std::move(carrier)), streams_(std::move(streams)) {}

  const CommandOptions& options() const { return options_; }
  // input: write, then shutdown_write(). output, errors: read until 0.
  CommandStreams& streams() { return streams_; }
  bool json_status() const { return carrier_->json_status(); }
  std::stop_token closed() const { return carrier_->closed(); }

  // Errors: BadRequest without a terminal, Unavailable.
  Task<Result<void>> resize(TerminalSize size);
  // Waits for the end. Outputs must be read meanwhile: an unread stream holds up the others.
  Task<Result<CommandStatus>> wait();
  Task<void> close();

 private:
  CommandOptions options_;
  std::unique_ptr<Carrier> carrier_;
  CommandStreams streams_;
};

struct ServerLimits {
  // How long a client may take to open its streams; upstream's DefaultStreamCreationTimeout.
  Duration stream_creation = std::chrono::seconds(30);
};

// Serves an exec or attach request: answers the upgrade and waits for the client's streams.
// On error the exchange has been answered where it still could be, so the error is for the log:
// BadRequest ("Upgrade request required", a missing header), Forbidden (no protocol in common),
// Timeout (streams not opened), Unavailable, Canceled.
Task<Result<std::unique_ptr<CommandSession>>> accept_command(net::HttpExchange& exchange,
                                                             CommandOptions options,
                                                             ServerLimits limits = {});

// Runs a command through a server that speaks SPDY (every kubelet, containerd, CRI-O, API server).
// `request` has method, target and credentials; the upgrade is added here. Errors: Unavailable; the
// server's own refusal with its code and text.
Task<Result<std::unique_ptr<CommandClient>>> connect_command(net::HttpClient& client,
                                                             net::HttpRequest request,
                                                             CommandOptions options);

// Joins both until the command has ended or either end has gone; then closes both.
Task<void> bridge(CommandSession& session, CommandClient& client);

}  // namespace keelson::remotecommand
