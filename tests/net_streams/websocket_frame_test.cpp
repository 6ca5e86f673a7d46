// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "net/websocket/frame.h"
#include "net/websocket/handshake.h"
#include "stream_fixture.h"

namespace keelson::net {
namespace {

using Op = WebSocketOpcode;

// All pieces in `bytes`; a last one with the text of the error, if there was one.
std::vector<WebSocketPiece> decode(WebSocketRole role, std::string_view bytes,
                                   std::size_t portion = 1 << 20) {
  WebSocketDecoder decoder(role);
  std::vector<WebSocketPiece> pieces;
  while (true) {
    decoder.append(bytes.substr(0, portion));
    bytes.remove_prefix(std::min(portion, bytes.size()));
    while (true) {
      auto piece = decoder.next();
      if (!piece) {
        pieces.push_back({.bytes = "error: " + piece.error().message()});
        return pieces;
      }
      if (!*piece) break;
      pieces.push_back(std::move(**piece));
    }
    if (bytes.empty()) return pieces;
  }
}

std::string joined(const std::vector<WebSocketPiece>& pieces) {
  std::string out;
  for (const auto& piece : pieces) out += piece.bytes;
  return out;
}

TEST(WebSocketFrame, DecodesTheExamplesOfTheSpecification) {
  // RFC 6455, section 5.7.
  struct Case {
    std::string_view name, hex;
    WebSocketRole role;
    std::vector<WebSocketPiece> expected;
  };
  const Case cases[] = {
      {"unmasked text",
       "81 05 48 65 6c 6c 6f",
       WebSocketRole::Client,
       {{Op::Text, true, true, "Hello"}}},
      {"masked text",
       "81 85 37 fa 21 3d 7f 9f 4d 51 58",
       WebSocketRole::Server,
       {{Op::Text, true, true, "Hello"}}},
      {"two fragments",
       "01 03 48 65 6c 80 02 6c 6f",
       WebSocketRole::Client,
       {{Op::Text, true, false, "Hel"}, {Op::Text, false, true, "lo"}}},
      {"ping", "89 05 48 65 6c 6c 6f", WebSocketRole::Client, {{Op::Ping, true, true, "Hello"}}},
      {"ping between fragments",
       "02 01 61 89 00 80 01 62",
       WebSocketRole::Client,
       {{Op::Binary, true, false, "a"},
        {Op::Ping, true, true, ""},
        {Op::Binary, false, true, "b"}}},
      {"empty message", "82 00", WebSocketRole::Client, {{Op::Binary, true, true, ""}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(decode(c.role, from_hex(c.hex)), c.expected);
  }
}

TEST(WebSocketFrame, RefusesWhatTheProtocolForbids) {
  struct Case {
    std::string_view hex, expected;
    WebSocketRole role = WebSocketRole::Client;
  };
  const Case cases[] = {
      {"c1 00", "websocket: reserved bits set without an extension"},
      {"83 00", "websocket: unknown opcode"},
      {"8b 00", "websocket: unknown opcode"},
      {"81 80 00 00 00 00", "websocket: masked frame from a server"},
      {"81 00", "websocket: unmasked frame from a client", WebSocketRole::Server},
      {"09 00", "websocket: control frame fragmented or too long"},
      {"89 7e 00 7e", "websocket: control frame fragmented or too long"},
      {"82 7f ff ff ff ff ff ff ff ff", "websocket: frame too long"},
      {"80 00", "websocket: continuation of no message"},
      {"01 00 81 00", "websocket: message inside another"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.hex);
    EXPECT_EQ(decode(c.role, from_hex(c.hex)).back().bytes, "error: " + std::string(c.expected));
  }
}

TEST(WebSocketFrame, RoundTripsEveryLengthForm) {
  for (const std::size_t size : {0, 1, 125, 126, 65535, 65536, 200'000}) {
    for (const bool masked : {false, true}) {
      SCOPED_TRACE(std::to_string(size) + (masked ? " masked" : ""));
      std::string payload;
      for (std::size_t i = 0; i < size; ++i) payload.push_back(static_cast<char>(i * 7));
      std::optional<std::uint32_t> mask;
      if (masked) mask = 0xdeadbeef;
      const auto role = masked ? WebSocketRole::Server : WebSocketRole::Client;

      const auto pieces = decode(role, encode_websocket_frame(Op::Binary, payload, mask));

      EXPECT_EQ(joined(pieces), payload);
      EXPECT_TRUE(pieces.front().first);
      EXPECT_TRUE(pieces.back().last);
    }
  }
}

TEST(WebSocketFrame, DoesNotDependOnHowTheBytesArrive) {
  const std::string bytes = encode_websocket_frame(Op::Text, std::string(300, 'x'), 7, false) +
                            encode_websocket_frame(Op::Ping, "p", 9) +
                            encode_websocket_frame(Op::Continuation, "end", 11);
  for (const std::size_t portion : {1, 2, 3, 7, 1000}) {
    SCOPED_TRACE(portion);
    auto pieces = decode(WebSocketRole::Server, bytes, portion);
    const auto ping = std::find_if(pieces.begin(), pieces.end(),
                                   [](const auto& piece) { return piece.opcode == Op::Ping; });
    ASSERT_NE(ping, pieces.end());
    EXPECT_EQ(ping->bytes, "p");
    pieces.erase(ping);
    EXPECT_EQ(joined(pieces), std::string(300, 'x') + "end");
    EXPECT_EQ(std::count_if(pieces.begin(), pieces.end(), [](const auto& p) { return p.first; }),
              1);
    EXPECT_EQ(std::count_if(pieces.begin(), pieces.end(), [](const auto& p) { return p.last; }), 1);
  }
}

TEST(WebSocketHandshake, ComputesTheAcceptKeyOfTheSpecification) {
  EXPECT_EQ(websocket_accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketHandshake, AcceptsWhatItsOwnClientAsksFor) {
  const auto random = make_seeded_random(1);
  HttpRequest request;
  set_websocket_request(request, {"v5.channel.k8s.io", "v4.channel.k8s.io"}, *random);
  ASSERT_TRUE(is_websocket_request(request));
  EXPECT_EQ(websocket_protocols(request),
            (std::vector<std::string>{"v5.channel.k8s.io", "v4.channel.k8s.io"}));

  auto response = websocket_accept(request, "v4.channel.k8s.io");

  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 101);
  EXPECT_EQ(check_websocket_response(request, *response).value(), "v4.channel.k8s.io");
  response->headers.set("Sec-WebSocket-Protocol", "v3");
  EXPECT_FALSE(check_websocket_response(request, *response));
  response->headers.set("Sec-WebSocket-Accept", "nonsense");
  EXPECT_FALSE(check_websocket_response(request, *response));
}

TEST(WebSocketHandshake, TellsWebSocketFromOtherRequests) {
  struct Case {
    Headers headers;
    bool expected;
  };
  const Case cases[] = {
      {{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}, true},
      {{{"Connection", "keep-alive, Upgrade"}, {"Upgrade", "WebSocket"}}, true},
      {{{"Connection", "Upgrade"}, {"Upgrade", "SPDY/3.1"}}, false},
      {{{"Connection", "keep-alive"}, {"Upgrade", "websocket"}}, false},
      {{}, false},
  };
  for (const auto& c : cases) {
    HttpRequest request;
    request.headers = c.headers;
    EXPECT_EQ(is_websocket_request(request), c.expected);
  }
}

TEST(WebSocketHandshake, RequiresKeyAndVersion) {
  HttpRequest request;
  request.headers = {{"Sec-WebSocket-Version", "8"}, {"Sec-WebSocket-Key", "x"}};
  EXPECT_FALSE(websocket_accept(request, ""));
  request.headers = {{"Sec-WebSocket-Version", "13"}};
  EXPECT_FALSE(websocket_accept(request, ""));
}

}  // namespace
}  // namespace keelson::net
