// SPDX-License-Identifier: Apache-2.0
#include "remotecommand/session.h"

#include "net/splice.h"
#include "net/websocket/handshake.h"
#include "remotecommand/carrier.h"
#include "remotecommand/protocols.h"
#include "remotecommand/proxy.h"
#include "remotecommand/spdy_command.h"
#include "remotecommand/upgrade.h"

namespace keelson::remotecommand {
namespace {

constexpr std::size_t kStatusBytesMax = 1 << 20;

Task<Result<std::unique_ptr<CommandSession>>> accept_spdy_command(net::HttpExchange& exchange,
                                                                  CommandOptions options,
                                                                  ServerLimits limits) {
  const TaskContext& context = co_await this_context();
  CO_TRY(auto granted, co_await grant_spdy(exchange, kCommandSpdyProtocols));
  const bool with_resize = granted.protocol == kV4 || granted.protocol == kV3;
  auto carrier = std::make_unique<SpdyCarrier>(*context.executor, std::move(granted.stream),
                                               net::SpdyRole::Server, granted.protocol == kV4);
  auto streams = co_await with_timeout(limits.stream_creation,
                                       accept_streams(carrier->session(), options, with_resize));
  if (!streams) {
    co_await carrier->close();
    if (streams.error().is(Reason::Timeout))
      co_return fail(Reason::Timeout, "timed out waiting for client to create streams");
    co_return fail(std::move(streams).error());
  }
  co_return std::make_unique<CommandSession>(options, std::move(carrier), std::move(*streams));
}

Task<Result<std::unique_ptr<CommandSession>>> accept_websocket_command(net::HttpExchange& exchange,
                                                                       CommandOptions options) {
  const TaskContext& context = co_await this_context();
  CO_TRY(auto granted, co_await grant_websocket(exchange, kCommandWebSocketProtocols));
  auto carrier = std::make_unique<WebSocketCarrier>(
      *context.executor, std::move(granted.stream), ChannelProtocol::named(granted.protocol),
      std::vector<bool>{options.with_stdin, false, false, false, options.tty});

  CommandStreams streams;
  if (options.with_stdin) streams.input = carrier->channel(kStdinChannel);
  if (options.with_stdout) streams.output = carrier->channel(kStdoutChannel);
  if (options.with_stderr) streams.errors = carrier->channel(kStderrChannel);
  streams.status = carrier->channel(kErrorChannel);
  if (options.tty) streams.resize = carrier->channel(kResizeChannel);
  CO_TRY_OK(co_await carrier->greet(options.with_stdout   ? kStdoutChannel
                                    : options.with_stderr ? kStderrChannel
                                                          : kErrorChannel));
  co_return std::make_unique<CommandSession>(options, std::move(carrier), std::move(streams));
}

Task<void> copy(net::Stream* from, net::Stream* to) {
  if (from && to) (void)co_await net::copy_stream(*from, *to);
}

Task<void> wait_for_status(CommandClient& client, std::optional<CommandStatus>* status) {
  auto end = co_await client.wait();
  if (end) {
    *status = std::move(*end);
  } else {
    *status = CommandStatus::failed(end.error());
  }
}

}  // namespace

// --- Server -------------------------------------------------------------------------------------

Task<Result<std::optional<TerminalSize>>> CommandSession::next_size() {
  using Size = Result<std::optional<TerminalSize>>;
  while (pending_sizes_.empty()) {
    if (!streams_.resize) co_return Size(std::nullopt);
    CO_TRY(const std::string bytes, co_await net::read_some(*streams_.resize));
    if (bytes.empty()) co_return Size(std::nullopt);
    CO_TRY(pending_sizes_, sizes_.decode(bytes));
  }
  const TerminalSize size = pending_sizes_.front();
  pending_sizes_.erase(pending_sizes_.begin());
  co_return Size(size);
}

Task<void> CommandSession::finish(CommandStatus status) {
  // Whether the client still listens shows in close().
  if (streams_.output) (void)co_await streams_.output->shutdown_write();
  if (streams_.errors) (void)co_await streams_.errors->shutdown_write();
  (void)co_await streams_.status->write(encode_command_status(status, json_status()));
  (void)co_await streams_.status->shutdown_write();
  co_await carrier_->close();
}

Task<void> CommandSession::close() { co_await carrier_->close(); }

Task<Result<std::unique_ptr<CommandSession>>> accept_command(net::HttpExchange& exchange,
                                                             CommandOptions options,
                                                             ServerLimits limits) {
  if (net::is_websocket_request(exchange.request()))
    co_return co_await accept_websocket_command(exchange, options);
  if (is_upgrade_request(exchange.request()))
    co_return co_await accept_spdy_command(exchange, options, limits);
  const Status required = Status::bad_request("Upgrade request required");
  co_await answer_status(exchange, required);
  co_return fail(required);
}

// --- Client -------------------------------------------------------------------------------------

Task<Result<void>> CommandClient::resize(TerminalSize size) {
  if (!streams_.resize) co_return fail(Status::bad_request("the command has no terminal"));
  co_return co_await streams_.resize->write(encode_terminal_size(size));
}

Task<Result<CommandStatus>> CommandClient::wait() {
  std::string text;
  while (true) {
    CO_TRY(const std::string bytes, co_await net::read_some(*streams_.status));
    if (bytes.empty()) break;
    text += bytes;
    if (text.size() > kStatusBytesMax) co_return fail(Status::unavailable("status is too long"));
  }
  // Since v4 success is told too, so silence means that the server has gone.
  if (text.empty() && json_status())
    co_return fail(Status::unavailable("connection ended before the command did"));
  co_return decode_command_status(text, json_status());
}

Task<void> CommandClient::close() { co_await carrier_->close(); }

Task<Result<std::unique_ptr<CommandClient>>> connect_command(net::HttpClient& client,
                                                             net::HttpRequest request,
                                                             CommandOptions options) {
  CO_TRY(auto upgraded, co_await request_spdy(client, std::move(request), kCommandSpdyProtocols));
  if (!upgraded.stream) co_return fail(refusal_status(upgraded.head));
  co_return co_await start_command(std::move(upgraded), options);
}

// --- Both ---------------------------------------------------------------------------------------

Task<void> bridge(CommandSession& session, CommandClient& client) {
  const TaskContext& context = co_await this_context();
  CommandStreams& near = session.streams();
  CommandStreams& far = client.streams();
  std::optional<CommandStatus> status;
  {
    TaskGroup from_client(*context.executor);
    TaskGroup from_command(*context.executor);
    const auto stop_both = [&from_client, &from_command] {
      from_client.request_stop();
      from_command.request_stop();
    };
    std::stop_callback stopped(context.stop, stop_both);
    std::stop_callback client_gone(session.closed(), stop_both);
    from_client.start(copy(near.input.get(), far.input.get()));
    from_client.start(copy(near.resize.get(), far.resize.get()));
    from_command.start(copy(far.output.get(), near.output.get()));
    from_command.start(copy(far.errors.get(), near.errors.get()));
    from_command.start(wait_for_status(client, &status));
    // The command has ended when its outputs and its status have; its input may go on for ever.
    co_await from_command.join();
    co_await from_client.stop();
  }
  if (session.closed().stop_requested() || context.stop.stop_requested()) {
    co_await client.close();
    co_await session.close();
  } else {
    co_await session.finish(std::move(*status));
    co_await client.close();
  }
}

}  // namespace keelson::remotecommand
