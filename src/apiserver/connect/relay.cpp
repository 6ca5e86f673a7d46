// SPDX-License-Identifier: Apache-2.0
#include "apiserver/connect/relay.h"

#include <algorithm>

#include "api/ip.h"
#include "apiserver/front/status_json.h"
#include "base/ascii.h"

namespace keelson::apiserver {
namespace {

constexpr std::string_view kHopByHop[] = {
    "Connection", "Keep-Alive",       "Proxy-Authenticate", "Proxy-Authorization",
    "TE",         "Proxy-Connection", "Transfer-Encoding",  "Trailer",
    "Upgrade",    "Content-Length",
};
// The upgrade itself is made by whoever relays it. A user is impersonated towards this server only.
constexpr std::string_view kOwnPrefixes[] = {"impersonate-", "sec-websocket-"};
constexpr std::string_view kOwnHeaders[] = {"Authorization", "Expect", "Host", "X-Forwarded-For"};
// Whether pages of others may read the answer is not for the backend to say.
constexpr std::string_view kCors[] = {
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Headers",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Origin",
};

bool is_among(std::string_view name, const auto& names) {
  return std::ranges::any_of(
      names, [&](std::string_view other) { return equal_ignoring_case(name, other); });
}

// Names that the Connection header adds to those of the connection.
std::vector<std::string_view> connection_options(const net::Headers& headers) {
  std::vector<std::string_view> options;
  for (std::string_view rest : headers.all("Connection")) {
    while (!rest.empty()) {
      const auto comma = rest.find(',');
      std::string_view option = rest.substr(0, comma);
      rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
      while (option.starts_with(' ')) option.remove_prefix(1);
      while (option.ends_with(' ')) option.remove_suffix(1);
      options.push_back(option);
    }
  }
  return options;
}

// Where the host of a URL begins; npos: it has none.
std::size_t host_start(std::string_view url) {
  if (url.starts_with("//")) return 2;
  const auto mark = url.find_first_of(":/?#");
  return mark != url.npos && url.substr(mark).starts_with("://") ? mark + 3 : url.npos;
}

}  // namespace

ProxyTarget split_proxy_target(std::string_view target, const RequestInfo& info) {
  target = target.substr(0, target.find('#'));
  const auto mark = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, mark);
  std::size_t at = 0;
  for (std::size_t left = info.path.size() - info.rest.size(); left > 0; --left) {
    at += path[at] == '%' ? 3 : 1;
  }
  ProxyTarget out;
  out.query = target.substr(mark);
  out.prefix = path.substr(0, at);
  while (out.prefix.ends_with('/')) out.prefix.pop_back();
  if (info.path.ends_with('/') || !info.rest.empty()) out.path = "/";
  out.path += path.substr(at);
  return out;
}

net::Headers forwarded_headers(const net::HttpRequest& request, const net::Peer& peer) {
  const auto options = connection_options(request.headers);
  net::Headers out;
  for (const auto& [name, value] : request.headers) {
    const std::string lower = lower_case(name);
    const bool own =
        is_among(name, kHopByHop) || is_among(name, kOwnHeaders) || is_among(name, options) ||
        std::ranges::any_of(kOwnPrefixes,
                            [&](std::string_view prefix) { return lower.starts_with(prefix); });
    if (!own) out.add(name, value);
  }
  std::string via;
  for (const auto value : request.headers.all("X-Forwarded-For")) via.append(value).append(", ");
  out.add("X-Forwarded-For", via + peer.address);
  return out;
}

net::Headers returned_headers(const net::Headers& answer) {
  const auto options = connection_options(answer);
  net::Headers out;
  for (const auto& [name, value] : answer) {
    if (is_among(name, kHopByHop) || is_among(name, kCors) || is_among(name, options)) continue;
    out.add(name, value);
  }
  return out;
}

std::string proxied_location(std::string location, std::string_view prefix,
                             std::string_view backend, std::string_view asked) {
  const std::string_view whole = location;
  const auto start = host_start(whole);
  const auto end =
      start == whole.npos ? 0 : std::min(whole.find_first_of("/?#", start), whole.size());
  const std::string_view host = start == whole.npos ? "" : whole.substr(start, end - start);
  const std::string_view path = whole.substr(end);
  const bool elsewhere = !host.empty() && host != backend && host != asked;
  if (elsewhere || !path.starts_with('/')) return location;
  std::string out(host.empty() || host != asked ? "" : whole.substr(0, end));
  if (!path.starts_with(prefix)) out += prefix;
  return out.append(path);
}

bool is_proxyable(std::string_view ip) {
  const auto address = api::IpAddress::parse(ip);
  if (!address) return false;
  if (address->is_v4()) {
    const std::uint32_t value = address->v4_value();
    const bool loopback = value >> 24 == 127;
    const bool link_local = value >> 16 == 0xA9FE;
    const bool many = value >> 28 == 0xE || value == 0xFFFFFFFF;
    return value != 0 && !loopback && !link_local && !many;
  }
  const auto& bytes = address->bytes();
  const bool link_local = bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;
  const bool low = std::ranges::all_of(bytes.begin(), bytes.end() - 1,
                                       [](unsigned char byte) { return byte == 0; });
  const bool loopback_or_none = low && bytes.back() <= 1;
  return !link_local && !loopback_or_none && bytes[0] != 0xFF;
}

Task<void> refuse(net::HttpExchange& exchange, Status status) {
  net::HttpResponse response;
  response.status = status.code();
  response.headers.set("Content-Type", "application/json");
  response.body = status_json(status);
  // A client that has gone is no error.
  [[maybe_unused]] const auto sent = co_await exchange.respond(std::move(response));
}

Task<void> pass_on(net::HttpExchange& exchange, net::HttpResponse head, net::HttpBody& body) {
  if (!co_await exchange.start(std::move(head))) co_return;
  while (true) {
    auto chunk = co_await body.read();
    if (!chunk) co_return;
    if (chunk->empty()) break;
    auto shared = std::make_shared<const std::string>(std::move(*chunk));
    if (!co_await exchange.write(std::move(shared))) co_return;
  }
  [[maybe_unused]] const auto finished = co_await exchange.finish();
}

}  // namespace keelson::apiserver
