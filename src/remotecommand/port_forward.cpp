// SPDX-License-Identifier: Apache-2.0
#include "remotecommand/port_forward.h"

#include "base/sync.h"
#include "net/splice.h"
#include "net/websocket/handshake.h"
#include "remotecommand/carrier.h"
#include "remotecommand/port_forward_client.h"
#include "remotecommand/protocols.h"
#include "remotecommand/proxy.h"
#include "remotecommand/upgrade.h"

namespace keelson::remotecommand {
namespace {

// Ports of one request over the channel protocol: channel numbers are single bytes.
constexpr std::size_t kPortsMax = 127;
constexpr std::size_t kErrorBytesMax = 64 << 10;

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const std::string quoted = "\"" + std::string(text) + "\"";
  if (error != std::errc() || end != text.data() + text.size() || port > 65535)
    return fail(Reason::BadRequest, "unable to parse " + quoted + " as a port");
  if (port == 0) return fail(Reason::BadRequest, "port " + quoted + " must be > 0");
  return static_cast<std::uint16_t>(port);
}

// --- SPDY ---------------------------------------------------------------------------------------

class SpdyPortForwardSession final : public PortForwardSession {
 public:
  SpdyPortForwardSession(Executor& executor, std::unique_ptr<net::Stream> stream,
                         Duration pair_timeout)
      : executor_(executor),
        pair_timeout_(pair_timeout),
        carrier_(executor, std::move(stream), net::SpdyRole::Server, false) {}

  Task<Result<std::optional<ForwardedConnection>>> accept() override {
    using Accepted = Result<std::optional<ForwardedConnection>>;
    while (true) {
      CO_TRY(auto stream, co_await carrier_.session().accept());
      if (!stream) co_return Accepted(std::nullopt);
      forget_old_halves();
      auto [key, half, is_data] = place_of(*stream);
      if (!half) continue;  // Refused by being dropped.
      CO_TRY_OK(co_await carrier_.session().reply(*stream));
      (is_data ? half->connection.data : half->connection.error) = std::move(stream);
      if (!half->connection.data || !half->connection.error) continue;
      auto complete = std::move(half->connection);
      halves_.erase(key);
      co_return Accepted(std::move(complete));
    }
  }

  std::stop_token closed() const override { return carrier_.closed(); }
  Task<void> close() override {
    halves_.clear();
    co_await carrier_.close();
  }

 private:
  // A connection of which one stream has come.
  struct Half {
    ForwardedConnection connection;
    Duration since{};
  };
  struct Place {
    std::string key;
    Half* half = nullptr;  // null: the stream makes no sense
    bool is_data = false;
  };

  Place place_of(const net::SpdyStream& stream) {
    const std::string_view type = stream.headers().get(kStreamType);
    const bool is_data = type == "data";
    const auto port = parse_port(stream.headers().get(kPort));
    if ((!is_data && type != "error") || !port) return {};
    std::string key(stream.headers().get(kRequestId));
    // The first clients sent no id; they opened the error stream, then the data stream.
    if (key.empty()) key = std::to_string(stream.id() - (is_data ? 2 : 0));
    Half& half = halves_[key];
    if (!half.connection.data && !half.connection.error) {
      half.connection.port = *port;
      half.since = executor_.monotonic();
    }
    if (is_data ? half.connection.data != nullptr : half.connection.error != nullptr) return {};
    return {std::move(key), &half, is_data};
  }

  void forget_old_halves() {
    const Duration now = executor_.monotonic();
    std::erase_if(halves_,
                  [&](const auto& entry) { return now - entry.second.since > pair_timeout_; });
  }

  Executor& executor_;
  const Duration pair_timeout_;
  SpdyCarrier carrier_;
  std::map<std::string, Half> halves_;  // By request id. Destroyed before the carrier.
};

// --- WebSocket channels -------------------------------------------------------------------------

class ChannelPortForwardSession final : public PortForwardSession {
 public:
  ChannelPortForwardSession(Executor& executor, Granted granted,
                            const std::vector<std::uint16_t>& ports)
      : carrier_(executor, std::move(granted.stream), ChannelProtocol::named(granted.protocol),
                 readable_channels(ports.size())),
        pending_(ports.size()) {
    for (std::size_t i = 0; i < ports.size(); ++i)
      pending_.try_push({ports[i], carrier_.channel(2 * i), carrier_.channel(2 * i + 1)});
    stop_pending_.emplace(carrier_.closed(), [this] { pending_.close(); });
  }

  Task<Result<std::optional<ForwardedConnection>>> accept() override {
    auto connection = co_await pending_.pop();
    if (!connection) {
      if (!pending_.is_closed()) co_return fail(Status::canceled());
      co_return Result<std::optional<ForwardedConnection>>(std::nullopt);
    }
    // Each channel begins with the port that it belongs to.
    const std::string port{static_cast<char>(connection->port & 0xff),
                           static_cast<char>(connection->port >> 8)};
    CO_TRY_OK(co_await connection->data->write(port));
    CO_TRY_OK(co_await connection->error->write(port));
    co_return Result<std::optional<ForwardedConnection>>(std::move(connection));
  }

  std::stop_token closed() const override { return carrier_.closed(); }
  Task<void> close() override { co_await carrier_.close(); }

 private:
  static std::vector<bool> readable_channels(std::size_t ports) {
    std::vector<bool> readable;
    for (std::size_t i = 0; i < ports; ++i) readable.insert(readable.end(), {true, false});
    return readable;
  }

  WebSocketCarrier carrier_;
  Channel<ForwardedConnection> pending_;
  std::optional<std::stop_callback<Work>> stop_pending_;
};

Result<std::vector<std::uint16_t>> ports_of(const net::HttpRequest& request) {
  TRY(const net::Target target, net::parse_target(request.target));
  const std::string_view name = target.has(kPort) ? kPort : "ports";
  if (!target.has(name)) return fail(Reason::BadRequest, "query parameter \"port\" is required");
  std::vector<std::uint16_t> ports;
  for (std::string_view list : target.all(name)) {
    if (list.empty())
      return fail(Reason::BadRequest,
                  "query parameter \"" + std::string(name) + "\" cannot be empty");
    while (true) {
      const std::size_t comma = list.find(',');
      TRY(const std::uint16_t port, parse_port(list.substr(0, comma)));
      ports.push_back(port);
      if (comma == std::string_view::npos) break;
      list.remove_prefix(comma + 1);
    }
  }
  if (ports.size() > kPortsMax) return fail(Reason::BadRequest, "too many ports");
  return ports;
}

Task<Result<std::unique_ptr<PortForwardSession>>> accept_websocket_port_forward(
    net::HttpExchange& exchange, ServerLimits limits) {
  const TaskContext& context = co_await this_context();
  const net::HttpRequest& request = exchange.request();
  const auto protocol =
      choose_protocol(net::websocket_protocols(request), kPortForwardWebSocketProtocols);
  if (protocol == kPortForwardTunnel) {
    CO_TRY(auto granted, co_await grant_websocket(exchange, kPortForwardWebSocketProtocols));
    auto socket = std::make_unique<net::WebSocket>(*context.executor, std::move(granted.stream),
                                                   net::WebSocketRole::Server, system_random());
    co_return std::make_unique<SpdyPortForwardSession>(
        *context.executor, net::make_websocket_stream(std::move(socket)), limits.stream_creation);
  }
  auto ports = ports_of(request);
  if (!ports) {
    co_await answer_text(exchange, 400, ports.error().message());
    co_return fail(std::move(ports).error());
  }
  CO_TRY(auto granted, co_await grant_websocket(exchange, kPortForwardWebSocketProtocols));
  co_return std::make_unique<ChannelPortForwardSession>(*context.executor, std::move(granted),
                                                        *ports);
}

// --- Client -------------------------------------------------------------------------------------

class SpdyPortForwardClient final : public PortForwardClient {
 public:
  SpdyPortForwardClient(Executor& executor, std::unique_ptr<net::Stream> stream)
      : carrier_(executor, std::move(stream), net::SpdyRole::Client, false) {}

  Task<Result<ForwardedConnection>> open(std::uint16_t port) override {
    net::Headers headers{{std::string(kStreamType), "error"},
                         {std::string(kPort), std::to_string(port)},
                         {std::string(kRequestId), std::to_string(last_request_.fetch_add(1))}};
    ForwardedConnection connection;
    connection.port = port;
    CO_TRY(connection.error, co_await carrier_.session().open(headers));
    CO_TRY_OK(co_await connection.error->shutdown_write());
    headers.set(kStreamType, "data");
    CO_TRY(connection.data, co_await carrier_.session().open(std::move(headers)));
    co_return connection;
  }

  std::stop_token closed() const override { return carrier_.closed(); }
  Task<void> close() override { co_await carrier_.close(); }

 private:
  SpdyCarrier carrier_;
  std::atomic<std::uint64_t> last_request_{0};
};

// --- Joining ------------------------------------------------------------------------------------

Task<void> tell_error(net::Stream& error, std::string text) {
  (void)co_await error.write(text);
  (void)co_await error.shutdown_write();
}

// The server's error text, then the end of the stream; a server sends one text at most.
Task<void> relay_error(net::Stream& from, net::Stream& to) {
  std::string text;
  while (text.size() < kErrorBytesMax) {
    auto bytes = co_await net::read_some(from);
    if (!bytes || bytes->empty()) break;
    text += *bytes;
  }
  co_await tell_error(to, std::move(text));
}

Task<void> forward(ForwardedConnection near, PortForwardClient& client) {
  const TaskContext& context = co_await this_context();
  auto far = co_await client.open(near.port);
  if (!far) {
    co_await tell_error(*near.error, far.error().message());
    (void)co_await near.data->shutdown_write();
    co_return;
  }
  TaskGroup errors(*context.executor);
  {
    std::stop_callback stopped(context.stop, [&errors] { errors.request_stop(); });
    errors.start(relay_error(*far->error, *near.error));
    co_await net::splice_streams(*near.data, *far->data);
    co_await errors.join();
  }
}

Task<void> serve_connection(ForwardedConnection near, const Dial& dial) {
  auto far = co_await dial(near.port);
  if (!far) {
    co_await tell_error(*near.error, far.error().message());
    (void)co_await near.data->shutdown_write();
    co_return;
  }
  co_await net::splice_streams(*near.data, **far);
  (void)co_await near.error->shutdown_write();
}

// Starts `serve` for each connection until the client, or `other`, has gone.
template <class Serve>
Task<void> serve_all(PortForwardSession& session, std::stop_token other, Serve serve) {
  const TaskContext& context = co_await this_context();
  TaskGroup connections(*context.executor);
  std::stop_source accepting;
  {
    const auto stop = [&accepting] { accepting.request_stop(); };
    std::stop_callback stopped(context.stop, stop);
    std::stop_callback client_gone(session.closed(), stop);
    std::stop_callback other_gone(other, stop);
    const TaskContext until_then{context.executor, accepting.get_token()};
    while (true) {
      auto connection = co_await run_in(until_then, session.accept());
      if (!connection || !*connection) break;
      connections.start(serve(std::move(**connection)));
    }
  }
  co_await connections.stop();
}

}  // namespace

std::unique_ptr<PortForwardClient> start_port_forward(Executor& executor,
                                                      std::unique_ptr<net::Stream> stream) {
  return std::make_unique<SpdyPortForwardClient>(executor, std::move(stream));
}

Task<Result<std::unique_ptr<PortForwardSession>>> accept_port_forward(net::HttpExchange& exchange,
                                                                      ServerLimits limits) {
  if (net::is_websocket_request(exchange.request()))
    co_return co_await accept_websocket_port_forward(exchange, limits);
  if (!is_upgrade_request(exchange.request())) {
    const Status required = Status::bad_request("Upgrade request required");
    co_await answer_status(exchange, required);
    co_return fail(required);
  }
  const TaskContext& context = co_await this_context();
  CO_TRY(auto granted, co_await grant_spdy(exchange, kPortForwardSpdyProtocols));
  co_return std::make_unique<SpdyPortForwardSession>(*context.executor, std::move(granted.stream),
                                                     limits.stream_creation);
}

Task<Result<std::unique_ptr<PortForwardClient>>> connect_port_forward(net::HttpClient& client,
                                                                      net::HttpRequest request) {
  const TaskContext& context = co_await this_context();
  CO_TRY(auto upgraded,
         co_await request_spdy(client, std::move(request), kPortForwardSpdyProtocols));
  if (!upgraded.stream) co_return fail(refusal_status(upgraded.head));
  co_return start_port_forward(*context.executor, std::move(upgraded.stream));
}

Task<void> bridge(PortForwardSession& session, PortForwardClient& client) {
  co_await serve_all(session, client.closed(), [&client](ForwardedConnection connection) {
    return forward(std::move(connection), client);
  });
  co_await client.close();
  co_await session.close();
}

Task<void> serve_port_forward(PortForwardSession& session, const Dial& dial) {
  co_await serve_all(session, {}, [&dial](ForwardedConnection connection) {
    return serve_connection(std::move(connection), dial);
  });
  co_await session.close();
}

}  // namespace keelson::remotecommand
