// SPDX-License-Identifier: Apache-2.0
#include "remotecommand/upgrade.h"

#include <boost/json.hpp>

#include "base/ascii.h"
#include "net/websocket/handshake.h"
#include "remotecommand/proxy.h"

namespace keelson::remotecommand {
namespace {

namespace json = boost::json;

constexpr std::string_view kSpdy = "SPDY/3.1";

// As Go prints a slice of strings.
template <class Strings>
std::string in_brackets(const Strings& strings) {
  std::string out = "[";
  for (const auto& text : strings) {
    if (out.size() > 1) out += ' ';
    out += text;
  }
  return out + "]";
}

bool contains_ignoring_case(std::string_view text, std::string_view lower_part) {
  const auto found = std::search(text.begin(), text.end(), lower_part.begin(), lower_part.end(),
                                 [](char left, char right) { return lower_case(left) == right; });
  return found != text.end();
}

// Headers that describe one connection, or that respond() sets itself.
bool is_own_of_connection(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te",
       "trailer", "proxy-connection", "date"});
  for (const auto own : kNames) {
    if (equal_ignoring_case(name, own)) return true;
  }
  return false;
}

Task<Result<Granted>> refuse(net::HttpExchange& exchange, int code, std::string text,
                             net::Headers headers = {}) {
  const Reason reason = code == 403 ? Reason::Forbidden : Reason::BadRequest;
  Status why(reason, text);
  co_await answer_text(exchange, code, std::move(text), std::move(headers));
  co_return fail(std::move(why));
}

}  // namespace

bool is_upgrade_request(const net::HttpRequest& request) {
  for (const std::string_view value : request.headers.all("Connection")) {
    if (contains_ignoring_case(value, "upgrade")) return true;
  }
  return false;
}

std::optional<std::string_view> choose_protocol(const std::vector<std::string>& offered,
                                                std::span<const std::string_view> served) {
  for (const auto& wanted : offered) {
    for (const auto have : served) {
      if (wanted == have) return have;
    }
  }
  return std::nullopt;
}

Task<void> answer_status(net::HttpExchange& exchange, const Status& status) {
  json::object body{{"kind", "Status"},
                    {"apiVersion", "v1"},
                    {"metadata", json::object()},
                    {"status", "Failure"},
                    {"message", status.message()}};
  if (!status.is(Reason::Unknown)) body["reason"] = std::string(reason_name(status.reason()));
  body["code"] = status.code();
  net::HttpResponse response;
  response.status = status.code();
  response.headers.add("Content-Type", "application/json");
  response.body = json::serialize(body);
  // Whether the client still listens is its own business.
  (void)co_await exchange.respond(std::move(response));
}

Task<void> answer_text(net::HttpExchange& exchange, int code, std::string text,
                       net::Headers headers) {
  net::HttpResponse response;
  response.status = code;
  response.headers = std::move(headers);
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.body = std::move(text) + "\n";
  (void)co_await exchange.respond(std::move(response));
}

Task<void> pass_on(net::HttpExchange& exchange, net::HttpResponse refusal) {
  net::HttpResponse response;
  response.status = refusal.status;
  for (const auto& [name, value] : refusal.headers) {
    if (!is_own_of_connection(name)) response.headers.add(name, value);
  }
  response.body = std::move(refusal.body);
  (void)co_await exchange.respond(std::move(response));
}

Task<Result<Granted>> grant_spdy(net::HttpExchange& exchange,
                                 std::span<const std::string_view> served) {
  const net::HttpRequest& request = exchange.request();
  const auto offered = net::header_list(request.headers, kProtocolHeader);
  if (offered.empty()) {
    co_return co_await refuse(
        exchange, 400, "unable to upgrade: " + std::string(kProtocolHeader) + " is required");
  }
  const auto protocol = choose_protocol(offered, served);
  if (!protocol) {
    net::Headers accepted;
    for (const auto have : served)
      accepted.add("X-Accepted-Stream-Protocol-Versions", std::string(have));
    co_return co_await refuse(exchange, 403,
                              "unable to upgrade: unable to negotiate protocol: client supports " +
                                  in_brackets(offered) + ", server accepts " + in_brackets(served),
                              std::move(accepted));
  }
  if (!is_upgrade_request(request) ||
      !contains_ignoring_case(request.headers.get("Upgrade"), "spdy/3.1")) {
    // Upstream prints all headers here, credentials too.
    co_return co_await refuse(exchange, 400,
                              "unable to upgrade: missing upgrade headers in request");
  }

  net::HttpResponse head;
  head.status = 101;
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", std::string(kSpdy));
  head.headers.add(std::string(kProtocolHeader), std::string(*protocol));
  Granted granted;
  granted.protocol = *protocol;
  CO_TRY(granted.stream, co_await exchange.upgrade(std::move(head)));
  co_return granted;
}

Task<Result<Granted>> grant_websocket(net::HttpExchange& exchange,
                                      std::span<const std::string_view> served) {
  const net::HttpRequest& request = exchange.request();
  auto offered = net::websocket_protocols(request);
  if (offered.empty()) offered.emplace_back();
  const auto protocol = choose_protocol(offered, served);
  if (!protocol) {
    co_return co_await refuse(exchange, 403,
                              "requested protocol(s) are not supported: " + in_brackets(offered) +
                                  "; supports " + in_brackets(served));
  }
  auto head = net::websocket_accept(request, *protocol);
  if (!head) {
    co_return co_await refuse(exchange, 400, "unable to upgrade: " + head.error().message());
  }
  Granted granted;
  granted.protocol = *protocol;
  CO_TRY(granted.stream, co_await exchange.upgrade(std::move(*head)));
  co_return granted;
}

Task<Result<net::HttpClient::Upgraded>> request_spdy(net::HttpClient& client,
                                                     net::HttpRequest request,
                                                     std::span<const std::string_view> protocols) {
  request.headers.set("Connection", "Upgrade");
  request.headers.set("Upgrade", std::string(kSpdy));
  request.headers.remove(kProtocolHeader);
  for (const auto protocol : protocols)
    request.headers.add(std::string(kProtocolHeader), std::string(protocol));
  auto upgraded = co_await client.upgrade(std::move(request));
  if (upgraded && upgraded->stream &&
      !contains_ignoring_case(upgraded->head.headers.get("Upgrade"), "spdy/3.1")) {
    co_return fail(Status::unavailable("unable to upgrade connection: not to SPDY/3.1"));
  }
  co_return upgraded;
}

Status refusal_status(const net::HttpResponse& refusal) {
  std::string message = refusal.body;
  std::string reason;
  boost::system::error_code error;
  const json::value value = json::parse(refusal.body, error);
  if (const json::object* const fields = error ? nullptr : value.if_object()) {
    if (const auto* text = fields->if_contains("message"); text && text->is_string())
      message = text->get_string();
    if (const auto* text = fields->if_contains("reason"); text && text->is_string())
      reason = text->get_string();
  }
  while (message.ends_with('\n')) message.pop_back();
  return Status(reason_from_name(reason), "unable to upgrade connection: " + message)
      .with_code(refusal.status);
}

Random& system_random() {
  static const std::unique_ptr<Random> random = make_system_random();
  return *random;
}

}  // namespace keelson::remotecommand
