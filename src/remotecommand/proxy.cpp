// SPDX-License-Identifier: Apache-2.0
#include "remotecommand/proxy.h"

#include "net/splice.h"
#include "net/websocket/handshake.h"
#include "remotecommand/port_forward.h"
#include "remotecommand/port_forward_client.h"
#include "remotecommand/protocols.h"
#include "remotecommand/session.h"
#include "remotecommand/spdy_command.h"
#include "remotecommand/upgrade.h"

namespace keelson::remotecommand {
namespace {

// What makes up an upgrade. Extensions of WebSocket are left out: nobody here uses any.
constexpr auto kRequestHeaders =
    std::to_array<std::string_view>({"Upgrade", kProtocolHeader, "Sec-WebSocket-Key",
                                     "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"});
constexpr auto kResponseHeaders = std::to_array<std::string_view>(
    {"Upgrade", kProtocolHeader, "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"});

void copy_headers(const net::Headers& from, std::span<const std::string_view> names,
                  net::Headers& to) {
  for (const auto name : names) {
    to.remove(name);
    for (const auto value : from.all(name)) to.add(std::string(name), std::string(value));
  }
  to.set("Connection", "Upgrade");
}

// Upstream's words and code for a server that cannot be reached.
Task<Result<void>> answer_unreachable(net::HttpExchange& from, Status why) {
  if (!why.is(Reason::Canceled)) {
    co_await answer_status(
        from, Status(Reason::Unknown, "error dialing backend: " + why.message()).with_code(500));
  }
  co_return fail(std::move(why));
}

bool chooses(const net::HttpRequest& request, std::span<const std::string_view> served,
             std::string_view protocol) {
  return net::is_websocket_request(request) &&
         choose_protocol(net::websocket_protocols(request), served) == protocol;
}

}  // namespace

Task<Result<void>> proxy_upgrade(net::HttpExchange& from, net::HttpClient& to,
                                 net::HttpRequest request) {
  if (!is_upgrade_request(from.request())) {
    const Status required = Status::bad_request("Upgrade request required");
    co_await answer_status(from, required);
    co_return fail(required);
  }
  copy_headers(from.request().headers, kRequestHeaders, request.headers);
  auto upgraded = co_await to.upgrade(std::move(request));
  if (!upgraded) co_return co_await answer_unreachable(from, std::move(upgraded).error());
  if (!upgraded->stream) {
    co_await pass_on(from, std::move(upgraded->head));
    co_return Result<void>{};
  }
  net::HttpResponse head;
  head.status = 101;
  copy_headers(upgraded->head.headers, kResponseHeaders, head.headers);
  CO_TRY(const auto near, co_await from.upgrade(std::move(head)));
  co_await net::splice_streams(*near, *upgraded->stream);
  co_return Result<void>{};
}

Task<Result<void>> relay_command(net::HttpExchange& from, net::HttpClient& to,
                                 net::HttpRequest request, CommandOptions options) {
  if (!chooses(from.request(), kCommandWebSocketProtocols, kV5))
    co_return co_await proxy_upgrade(from, to, std::move(request));

  request.method = "POST";  // As every SPDY client does.
  auto upgraded = co_await request_spdy(to, std::move(request), kCommandSpdyProtocols);
  if (!upgraded) co_return co_await answer_unreachable(from, std::move(upgraded).error());
  if (!upgraded->stream) {
    co_await pass_on(from, std::move(upgraded->head));
    co_return Result<void>{};
  }
  auto client = co_await start_command(std::move(*upgraded), options);
  if (!client) co_return co_await answer_unreachable(from, std::move(client).error());
  auto session = co_await accept_command(from, options);
  if (!session) {
    co_await (*client)->close();
    co_return fail(std::move(session).error());
  }
  co_await bridge(**session, **client);
  co_return Result<void>{};
}

Task<Result<void>> relay_port_forward(net::HttpExchange& from, net::HttpClient& to,
                                      net::HttpRequest request) {
  if (!chooses(from.request(), kPortForwardWebSocketProtocols, kPortForwardTunnel))
    co_return co_await proxy_upgrade(from, to, std::move(request));

  request.method = "POST";
  auto upgraded = co_await request_spdy(to, std::move(request), kPortForwardSpdyProtocols);
  if (!upgraded) co_return co_await answer_unreachable(from, std::move(upgraded).error());
  if (!upgraded->stream) {
    co_await pass_on(from, std::move(upgraded->head));
    co_return Result<void>{};
  }
  // The tunnel carries the same bytes as the connection behind it: no need to look into them.
  CO_TRY(auto granted, co_await grant_websocket(from, kPortForwardWebSocketProtocols));
  const TaskContext& context = co_await this_context();
  const auto near = net::make_websocket_stream(std::make_unique<net::WebSocket>(
      *context.executor, std::move(granted.stream), net::WebSocketRole::Server, system_random()));
  co_await net::splice_streams(*near, *upgraded->stream);
  co_return Result<void>{};
}

Result<StreamUrl> parse_stream_url(std::string_view url) {
  const auto malformed = [url] {
    return fail(Reason::BadRequest, "not a streaming URL: \"" + std::string(url) + "\"");
  };
  StreamUrl out;
  std::string_view rest = url;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    out.tls = true;
  } else {
    return malformed();
  }
  const std::size_t slash = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, slash);
  out.target = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash));
  if (out.target.starts_with('?')) out.target.insert(0, 1, '/');

  out.origin.port = out.tls ? 443 : 80;
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return malformed();
    out.origin.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    const std::size_t colon = authority.find(':');
    out.origin.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (out.origin.host.empty() || out.origin.host.find('@') != std::string::npos) return malformed();
  if (!port.empty()) {
    const char* const last = port.data() + port.size();
    const auto [end, error] = std::from_chars(port.data() + 1, last, out.origin.port);
    if (port[0] != ':' || error != std::errc() || end != last || out.origin.port == 0)
      return malformed();
  }
  return out;
}

}  // namespace keelson::remotecommand
