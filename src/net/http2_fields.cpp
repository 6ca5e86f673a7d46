// SPDX-License-Identifier: Apache-2.0
#include "net/http2_fields.h"

#include "net/http1_codec.h"

namespace keelson::net {

Http2Fields::Http2Fields(const HttpRequest& head, bool secure) {
  add(":method", head.method);
  add(":scheme", secure ? "https" : "http");
  add(":authority", head.authority);
  add(":path", head.target);
  add_all(head.headers);
}

Http2Fields::Http2Fields(const HttpResponse& head) : status_(std::to_string(head.status)) {
  add(":status", status_);
  add_all(head.headers);
}

Http2Fields::Http2Fields(const Headers& trailers) { add_all(trailers); }

void Http2Fields::add(std::string_view name, std::string_view value) {
  fields_.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                     reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                     value.size(), NGHTTP2_NV_FLAG_NONE});
}

void Http2Fields::add_all(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (!is_token(name) || !is_field_value(value) || is_connection_field(name)) continue;
    const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (std::ranges::none_of(name, upper)) {
      add(name, value);
      continue;
    }
    std::string& lowered = names_.emplace_back(name);
    for (char& c : lowered) c = upper(c) ? static_cast<char>(c + 32) : c;
    add(lowered, value);
  }
}

}  // namespace keelson::net
