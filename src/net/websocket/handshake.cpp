// SPDX-License-Identifier: Apache-2.0
#include "net/websocket/handshake.h"

#include <openssl/evp.h>

#include "base/ascii.h"
#include "base/base64.h"

namespace keelson::net {
namespace {

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::vector<std::string> header_list(const Headers& headers, std::string_view name) {
  std::vector<std::string> values;
  for (std::string_view line : headers.all(name)) {
    while (!line.empty()) {
      const std::size_t comma = line.find(',');
      if (const auto value = trim(line.substr(0, comma)); !value.empty())
        values.emplace_back(value);
      line = comma == std::string_view::npos ? "" : line.substr(comma + 1);
    }
  }
  return values;
}

bool header_has_token(const Headers& headers, std::string_view name, std::string_view token) {
  for (const auto& value : header_list(headers, name)) {
    if (equal_ignoring_case(value, token)) return true;
  }
  return false;
}

std::string websocket_accept_key(std::string_view key) {
  // The GUID is the protocol's (RFC 6455, 1.3); SHA-1 guards against nothing but confusion here.
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  CHECK(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) == 1);
  return base64_encode({reinterpret_cast<const char*>(digest), size});
}

bool is_websocket_request(const HttpRequest& request) {
  return header_has_token(request.headers, "Connection", "upgrade") &&
         equal_ignoring_case(trim(request.headers.get("Upgrade")), "websocket");
}

std::vector<std::string> websocket_protocols(const HttpRequest& request) {
  return header_list(request.headers, "Sec-WebSocket-Protocol");
}

Result<HttpResponse> websocket_accept(const HttpRequest& request, std::string_view protocol) {
  if (trim(request.headers.get("Sec-WebSocket-Version")) != "13")
    return fail(Reason::BadRequest, "websocket: version 13 is required");
  const std::string_view key = trim(request.headers.get("Sec-WebSocket-Key"));
  if (key.empty()) return fail(Reason::BadRequest, "websocket: Sec-WebSocket-Key is required");

  HttpResponse response;
  response.status = 101;
  response.headers.add("Upgrade", "websocket");
  response.headers.add("Connection", "Upgrade");
  response.headers.add("Sec-WebSocket-Accept", websocket_accept_key(key));
  if (!protocol.empty()) response.headers.add("Sec-WebSocket-Protocol", std::string(protocol));
  return response;
}

void set_websocket_request(HttpRequest& request, const std::vector<std::string>& protocols,
                           Random& random) {
  std::string key;
  for (int i = 0; i < 16; ++i) key.push_back(static_cast<char>(random.next() & 0xff));
  request.headers.set("Connection", "Upgrade");
  request.headers.set("Upgrade", "websocket");
  request.headers.set("Sec-WebSocket-Version", "13");
  request.headers.set("Sec-WebSocket-Key", base64_encode(key));
  request.headers.remove("Sec-WebSocket-Protocol");
  for (const auto& protocol : protocols) request.headers.add("Sec-WebSocket-Protocol", protocol);
}

Result<std::string> check_websocket_response(const HttpRequest& request, const HttpResponse& head) {
  if (trim(head.headers.get("Sec-WebSocket-Accept")) !=
      websocket_accept_key(request.headers.get("Sec-WebSocket-Key")))
    return fail(Reason::BadRequest, "websocket: wrong Sec-WebSocket-Accept");
  const std::string protocol(trim(head.headers.get("Sec-WebSocket-Protocol")));
  if (protocol.empty()) return protocol;
  for (const auto& offered : websocket_protocols(request)) {
    if (offered == protocol) return protocol;
  }
  return fail(Reason::BadRequest, "websocket: subprotocol was not offered: " + protocol);
}

}  // namespace keelson::net
