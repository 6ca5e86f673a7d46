// SPDX-License-Identifier: Apache-2.0
// The opening handshake of WebSocket. Source: RFC 6455, section 4.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "net/http.h"

namespace keelson::net {

// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string websocket_accept_key(std::string_view key);

// Asks for an upgrade to WebSocket; says nothing about whether the request is otherwise right.
bool is_websocket_request(const HttpRequest& request);
// The subprotocols offered, the client's favourite first.
std::vector<std::string> websocket_protocols(const HttpRequest& request);

// The 101 that accepts `request` with `protocol` (empty: none). Errors: BadRequest for a missing
// key or another version than 13.
Result<HttpResponse> websocket_accept(const HttpRequest& request, std::string_view protocol);

// Adds what makes `request` ask for one of `protocols`.
void set_websocket_request(HttpRequest& request, const std::vector<std::string>& protocols,
                           Random& random);
// The subprotocol that the 101 in `head` chose (may be empty). Errors: BadRequest for a wrong
// accept key or a subprotocol that was not offered.
Result<std::string> check_websocket_response(const HttpRequest& request, const HttpResponse& head);

// True if a comma-separated header of that name lists `token`, whatever its case.
bool header_has_token(const Headers& headers, std::string_view name, std::string_view token);
// All values of a header of that name, split at commas and trimmed; empty ones left out.
std::vector<std::string> header_list(const Headers& headers, std::string_view name);

}  // namespace keelson::net
