// SPDX-License-Identifier: Apache-2.0
#include "dns/forwarder.h"

#include <algorithm>

namespace keelson::dns {
namespace {

constexpr std::uint16_t kPort = 53;
constexpr auto kServerTimeout = std::chrono::seconds(2);
constexpr std::size_t kUnderWayMax = 1000;
constexpr std::size_t kCacheEntries = 10'000;
constexpr std::uint32_t kTtlMax = 3600, kNegativeTtlMax = 30;

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

std::string ResponseCache::key_of(const Query& query) {
  return query.name + "/" + std::to_string(query.type) + "/" + std::to_string(query.class_) +
         (query.edns ? "/e" : "");
}

std::optional<std::string> ResponseCache::find(const Query& query) {
  const auto found = by_key_.find(key_of(query));
  if (found == by_key_.end()) return std::nullopt;
  const auto entry = found->second;
  const Duration now = executor_.monotonic();
  if (now >= entry->expires) {
    entries_.erase(entry);
    by_key_.erase(found);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  std::string response = entry->response;
  response[0] = static_cast<char>(query.id >> 8);
  response[1] = static_cast<char>(query.id & 0xff);
  // The question goes back in the asker's own spelling.
  response.replace(12, query.question.size(), query.question);
  age_response(response, static_cast<std::uint32_t>(
                             std::chrono::duration_cast<std::chrono::seconds>(now - entry->stored)
                                 .count()));
  return response;
}

void ResponseCache::put(const Query& query, const std::string& response) {
  auto ttl = response_ttl(response);
  if (!ttl || response.size() < 12 + query.question.size()) return;
  const auto code = static_cast<Code>(response[3] & 15);
  const bool truncated = (response[2] & 0x02) != 0;
  if (truncated || (code != Code::NoError && code != Code::NxDomain)) return;
  const bool negative = code == Code::NxDomain || (response[6] == 0 && response[7] == 0);
  const std::uint32_t seconds = std::min(*ttl, negative ? kNegativeTtlMax : kTtlMax);
  if (seconds == 0) return;
  const std::string key = key_of(query);
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    entries_.erase(known->second);
    by_key_.erase(known);
  }
  const Duration now = executor_.monotonic();
  entries_.push_front({key, response, now, now + std::chrono::seconds(seconds)});
  by_key_[key] = entries_.begin();
  if (entries_.size() > entries_max_) {
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

Forwarder::Forwarder(net::Runtime& runtime, Executor& executor, Random& random,
                     std::vector<std::string> nameservers)
    : runtime_(runtime),
      random_(random),
      nameservers_(std::move(nameservers)),
      cache_(executor, kCacheEntries) {}

Forwarder::~Forwarder() = default;

Task<Result<std::string>> Forwarder::ask(Query query, std::string message) {
  if (auto known = cache_.find(query)) co_return *known;
  if (nameservers_.empty()) co_return fail(Status::unavailable("no upstream name server"));
  if (under_way_ >= kUnderWayMax)
    co_return fail(Reason::TooManyRequests, "too many questions under way");
  ++under_way_;
  Result<std::string> response = fail(Status::unavailable("no upstream name server answered"));
  for (const auto& server : nameservers_) {
    response = co_await with_timeout(kServerTimeout, ask_server(server, query, message));
    if (response || response.error().is(Reason::Canceled)) break;
  }
  --under_way_;
  if (response) {
    cache_.put(query, *response);
    (*response)[0] = static_cast<char>(query.id >> 8);
    (*response)[1] = static_cast<char>(query.id & 0xff);
  }
  co_return response;
}

Task<Result<std::string>> Forwarder::ask_server(std::string server, Query query,
                                                std::string message) {
  // A socket of its own, with a port that the kernel picks at random, and an id of our own: what
  // makes answers hard to forge (RFC 5452).
  CO_TRY(const auto socket, net::connect_udp(runtime_, server, kPort));
  const auto id = static_cast<std::uint16_t>(random_.next());
  message[0] = static_cast<char>(id >> 8);
  message[1] = static_cast<char>(id & 0xff);
  socket->send({{{}, message}});
  while (true) {
    CO_TRY(const auto datagrams, co_await socket->receive());
    for (const auto& datagram : datagrams) {
      const std::string& bytes = datagram.bytes;
      if (bytes.size() < 12 + query.question.size() || bytes[0] != message[0] ||
          bytes[1] != message[1] || (bytes[2] & 0x80) == 0 ||
          std::string_view(bytes).substr(12, query.question.size()) != query.question)
        continue;
      co_return bytes;
    }
  }
}

}  // namespace keelson::dns
