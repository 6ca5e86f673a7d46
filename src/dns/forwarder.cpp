// SPDX-License-Identifier: Apache-2.0
#include "dns/forwarder.h"

#include <algorithm>

#include "dns/framing.h"

namespace keelson::dns {
namespace {

constexpr auto kServerTimeout = std::chrono::seconds(2);
constexpr std::size_t kAttemptsMin = 2;  // A datagram may be lost.
constexpr std::size_t kWaitingMax = 1000;
constexpr std::size_t kCacheBytes = 4 << 20;
constexpr std::size_t kEntryBytes = 200;  // What an entry takes besides its text, about.
constexpr std::uint32_t kTtlMax = 3600, kNegativeTtlMax = 30;

// What the answer depends on.
std::string key_of(const Query& query) {
  return query.name + "/" + std::to_string(query.type) + (query.dnssec_ok ? "/do" : "") +
         (query.checking_disabled ? "/cd" : "");
}

}  // namespace

std::vector<std::string> parse_nameservers(std::string_view resolv_conf) {
  std::vector<std::string> servers;
  while (!resolv_conf.empty() && servers.size() < 3) {
    const auto end = resolv_conf.find('\n');
    std::string_view line = resolv_conf.substr(0, end);
    resolv_conf.remove_prefix(end == std::string_view::npos ? resolv_conf.size() : end + 1);
    constexpr std::string_view kWord = "nameserver";
    if (!line.starts_with(kWord) || line.size() <= kWord.size()) continue;
    line.remove_prefix(kWord.size());
    const auto first = line.find_first_not_of(" \t");
    if (first == 0 || first == std::string_view::npos) continue;
    line.remove_prefix(first);
    std::string address(line.substr(0, line.find_first_of(" \t\r#;")));
    if (address_data(address)) servers.push_back(std::move(address));
  }
  return servers;
}

std::optional<std::string> ResponseCache::find(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  const Place entry = found->second;
  const Duration now = executor_.monotonic();
  if (now >= entry->expires) {
    erase(entry);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  std::string response = entry->response;
  age_response(response,
               static_cast<std::uint32_t>(
                   std::chrono::duration_cast<std::chrono::seconds>(now - entry->stored).count()));
  return response;
}

void ResponseCache::put(const std::string& key, const std::string& response) {
  const auto ttl = response_ttl(response);
  const Code code = code_of(response);
  if (!ttl || is_truncated(response) || (code != Code::NoError && code != Code::NxDomain)) return;
  const bool negative = code == Code::NxDomain || (response[6] == 0 && response[7] == 0);
  const std::uint32_t seconds = std::min(*ttl, negative ? kNegativeTtlMax : kTtlMax);
  if (seconds == 0) return;
  if (const auto known = by_key_.find(key); known != by_key_.end()) erase(known->second);
  const Duration now = executor_.monotonic();
  entries_.push_front({key, response, now, now + std::chrono::seconds(seconds)});
  by_key_[entries_.front().key] = entries_.begin();
  bytes_ += kEntryBytes + key.size() + response.size();
  while (bytes_ > bytes_max_) erase(std::prev(entries_.end()));
}

void ResponseCache::erase(Place entry) {
  bytes_ -= kEntryBytes + entry->key.size() + entry->response.size();
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

Forwarder::Forwarder(net::Runtime& runtime, Executor& executor, Random& random,
                     std::vector<NameServer> servers)
    : runtime_(runtime),
      random_(random),
      servers_(std::move(servers)),
      cache_(executor, kCacheBytes) {}

Forwarder::~Forwarder() = default;

Task<Result<std::string>> Forwarder::ask(Query query) {
  const std::string key = key_of(query);
  if (auto known = cache_.find(key)) co_return std::move(*known);
  if (servers_.empty()) co_return fail(Status::unavailable("no upstream name server"));
  if (waiting_ >= kWaitingMax)
    co_return fail(Reason::TooManyRequests, "too many questions under way");
  ++waiting_;
  auto& place = flights_[key];
  const bool first = !place;
  if (first) place = std::make_shared<Flight>();
  const std::shared_ptr<Flight> flight = place;
  if (first) {
    flight->response = co_await ask_servers(std::move(query));
    if (flight->response) cache_.put(key, *flight->response);
    flights_.erase(key);
    flight->landed.set();
  } else if (const auto landed = co_await flight->landed.wait(); !landed) {
    --waiting_;
    co_return fail(landed.error());
  }
  --waiting_;
  co_return flight->response;
}

Task<Result<std::string>> Forwarder::ask_servers(Query query) {
  Result<std::string> best = fail(Status::unavailable("no upstream name server answered"));
  const std::size_t first = preferred_, attempts = std::max(servers_.size(), kAttemptsMin);
  for (std::size_t i = 0; i < attempts; ++i) {
    const std::size_t number = (first + i) % servers_.size();
    auto response = co_await with_timeout(kServerTimeout, ask_udp(servers_[number], query));
    if (response && is_truncated(*response)) {
      auto whole = co_await with_timeout(kServerTimeout, ask_tcp(servers_[number], query));
      if (whole) response = std::move(whole);
    }
    if (!response) {
      if (response.error().is(Reason::Canceled)) co_return fail(response.error());
      if (!best) best = fail(response.error());
      continue;
    }
    best = without_opt(std::move(*response));
    const Code code = code_of(*best);
    // Another one may be better off.
    if (code == Code::ServFail || code == Code::Refused || code == Code::NotImp) continue;
    preferred_ = number;
    break;
  }
  co_return best;
}

Task<Result<std::string>> Forwarder::ask_udp(NameServer server, Query query) {
  // A socket of its own, with a port that the kernel picks at random, and an id of our own: what
  // makes answers hard to forge (RFC 5452).
  CO_TRY(const auto socket, net::connect_udp(runtime_, server.address, server.port));
  const auto id = static_cast<std::uint16_t>(random_.next());
  const std::string message = write_query(query, id);
  socket->send({{{}, message}});
  while (true) {
    CO_TRY(auto datagrams, co_await socket->receive());
    for (auto& datagram : datagrams) {
      if (is_response_to(datagram.bytes, id, query.question)) co_return std::move(datagram.bytes);
    }
  }
}

Task<Result<std::string>> Forwarder::ask_tcp(NameServer server, Query query) {
  CO_TRY(const auto stream,
         co_await net::connect_tcp(runtime_, server.address, server.port, kServerTimeout));
  const auto id = static_cast<std::uint16_t>(random_.next());
  CO_TRY_OK(co_await write_framed(*stream, write_query(query, id)));
  CO_TRY(auto response, co_await read_framed(*stream));
  if (!response || !is_response_to(*response, id, query.question))
    co_return fail(Status::unavailable("name server " + server.address + " answers nonsense"));
  co_return std::move(*response);
}

}  // namespace keelson::dns
