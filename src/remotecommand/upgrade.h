// SPDX-License-Identifier: Apache-2.0
// The HTTP part of every protocol here: choosing a subprotocol, granting and asking for upgrades,
// answering refusals. Private to this folder. Source: apimachinery httpstream, wsstream.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"
#include "net/spdy/session.h"
#include "net/websocket/websocket.h"

namespace keelson::remotecommand {

inline constexpr std::string_view kProtocolHeader = "X-Stream-Protocol-Version";

// The client's favourite among those that the server has.
std::optional<std::string_view> choose_protocol(const std::vector<std::string>& offered,
                                                std::span<const std::string_view> served);

// A metav1.Status, as a Kubernetes API answers.
Task<void> answer_status(net::HttpExchange& exchange, const Status& status);
// A line of text, as Go's http.Error.
Task<void> answer_text(net::HttpExchange& exchange, int code, std::string text,
                       net::Headers headers = {});
// What a server behind us answered instead of the upgrade.
Task<void> pass_on(net::HttpExchange& exchange, net::HttpResponse refusal);

struct Granted {
  std::string protocol;
  std::unique_ptr<net::Stream> stream;
};
// Both answer the exchange on failure too. Errors: BadRequest, Forbidden, Unavailable, Canceled.
Task<Result<Granted>> grant_spdy(net::HttpExchange& exchange,
                                 std::span<const std::string_view> served);
// `served` may contain "", for clients that name no protocol.
Task<Result<Granted>> grant_websocket(net::HttpExchange& exchange,
                                      std::span<const std::string_view> served);

// Asks for SPDY/3.1 with one of `protocols`; a refusal comes back as such. Errors: Unavailable.
Task<Result<net::HttpClient::Upgraded>> request_spdy(net::HttpClient& client,
                                                     net::HttpRequest request,
                                                     std::span<const std::string_view> protocols);
// A refusal as the error that it means.
Status refusal_status(const net::HttpResponse& refusal);

// Masks of client frames and handshake keys; shared, as it has no state of its own.
Random& system_random();

}  // namespace keelson::remotecommand
