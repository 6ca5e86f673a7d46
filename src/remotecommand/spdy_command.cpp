// SPDX-License-Identifier: Apache-2.0
#include "remotecommand/spdy_command.h"

#include "remotecommand/carrier.h"
#include "remotecommand/protocols.h"
#include "remotecommand/upgrade.h"

namespace keelson::remotecommand {
namespace {

struct Slot {
  std::string_view type;
  std::unique_ptr<net::Stream> CommandStreams::* stream;
  bool wanted;
};

std::array<Slot, 5> slots(const CommandOptions& options, bool with_resize) {
  return {{{"error", &CommandStreams::status, true},
           {"stdin", &CommandStreams::input, options.with_stdin},
           {"stdout", &CommandStreams::output, options.with_stdout},
           {"stderr", &CommandStreams::errors, options.with_stderr},
           {"resize", &CommandStreams::resize, options.tty && with_resize}}};
}

}  // namespace

Task<Result<CommandStreams>> accept_streams(net::SpdySession& session, CommandOptions options,
                                            bool with_resize) {
  CommandStreams streams;
  const auto all = slots(options, with_resize);
  auto missing =
      std::count_if(all.begin(), all.end(), [](const Slot& slot) { return slot.wanted; });
  while (missing > 0) {
    CO_TRY(auto stream, co_await session.accept());
    if (!stream) co_return fail(Status::unavailable("client left before it opened its streams"));
    const std::string_view type = stream->headers().get(kStreamType);
    const auto slot = std::find_if(all.begin(), all.end(),
                                   [type](const Slot& known) { return known.type == type; });
    // Unknown, not asked for, or a second of its kind: refused by being dropped.
    if (slot == all.end() || !slot->wanted || streams.*(slot->stream)) continue;
    CO_TRY_OK(co_await session.reply(*stream));
    streams.*(slot->stream) = std::move(stream);
    --missing;
  }
  co_return streams;
}

Task<Result<CommandStreams>> open_streams(net::SpdySession& session, CommandOptions options,
                                          bool with_resize) {
  CommandStreams streams;
  for (const Slot& slot : slots(options, with_resize)) {
    if (!slot.wanted) continue;
    net::Headers headers;
    headers.add(std::string(kStreamType), std::string(slot.type));
    CO_TRY(streams.*(slot.stream), co_await session.open(std::move(headers)));
  }
  co_return streams;
}

Task<Result<std::unique_ptr<CommandClient>>> start_command(net::HttpClient::Upgraded upgraded,
                                                           CommandOptions options) {
  const TaskContext& context = co_await this_context();
  const std::string_view named = upgraded.head.headers.get(kProtocolHeader);
  // A server that names none speaks the first.
  const std::string_view protocol = named.empty() ? kV1 : named;
  const auto known =
      std::find(kCommandSpdyProtocols.begin(), kCommandSpdyProtocols.end(), protocol);
  if (known == kCommandSpdyProtocols.end()) {
    co_return fail(Status::unavailable("unable to upgrade connection: unknown protocol \"" +
                                       std::string(protocol) + "\""));
  }
  const bool with_resize = protocol == kV4 || protocol == kV3;
  auto carrier = std::make_unique<SpdyCarrier>(*context.executor, std::move(upgraded.stream),
                                               net::SpdyRole::Client, protocol == kV4);
  auto streams = co_await open_streams(carrier->session(), options, with_resize);
  if (!streams) {
    co_await carrier->close();
    co_return fail(std::move(streams).error().with_context("error creating streams"));
  }
  co_return std::make_unique<CommandClient>(options, std::move(carrier), std::move(*streams));
}

}  // namespace keelson::remotecommand
