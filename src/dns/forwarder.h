// SPDX-License-Identifier: Apache-2.0
// Names that are not the cluster's: asked of the host's resolvers, and remembered.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "base/sync.h"
#include "dns/message.h"
#include "net/datagram.h"

namespace keelson::dns {

// "nameserver" lines of a resolv.conf, at most three. Pure.
std::vector<std::string> parse_nameservers(std::string_view resolv_conf);

// Whole responses by question, each for as long as its records live. Least recently used ones go first.
class ResponseCache {
 public:
  ResponseCache(const Executor& executor, std::size_t entries_max)
      : executor_(executor), entries_max_(entries_max) {}

  // With the id and the age put right; nothing if it is not there any more.
  std::optional<std::string> find(const Query& query);
  void put(const Query& query, const std::string& response);

 private:
  struct Entry {
    std::string key, response;
    Duration stored, expires;
  };
  static std::string key_of(const Query& query);

  const Executor& executor_;
  const std::size_t entries_max_;
  std::list<Entry> entries_;  // The most recently used first.
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
};

class Forwarder {
 public:
  // `nameservers`: IP addresses; none: every question fails. Used on one serial executor.
  Forwarder(net::Runtime& runtime, Executor& executor, Random& random,
            std::vector<std::string> nameservers);
  ~Forwarder();

  // The response to send, truncated as the client of UDP needs it. Errors: Unavailable, Timeout, TooManyRequests.
  Task<Result<std::string>> ask(Query query, std::string message);

 private:
  Task<Result<std::string>> ask_server(std::string server, Query query, std::string message);

  net::Runtime& runtime_;
  Random& random_;
  const std::vector<std::string> nameservers_;
  ResponseCache cache_;
  std::size_t under_way_ = 0;
};

}  // namespace keelson::dns
