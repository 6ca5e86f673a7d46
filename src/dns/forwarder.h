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

struct NameServer {
  std::string address;  // IP
  std::uint16_t port = 53;
};

// Whole responses by question, each for as long as its records live. Least recently used ones go
// first.
class ResponseCache {
 public:
  ResponseCache(const Executor& executor, std::size_t bytes_max)
      : executor_(executor), bytes_max_(bytes_max) {}

  // With their age put right; nothing if it is not there any more.
  std::optional<std::string> find(const std::string& key);
  // Passes over what may not be kept: failures, cut ones, those without time to live.
  void put(const std::string& key, const std::string& response);

 private:
  struct Entry {
    std::string key, response;
    Duration stored, expires;
  };
  using Place = std::list<Entry>::iterator;
  void erase(Place entry);

  const Executor& executor_;
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  // The most recently used first.
  std::unordered_map<std::string_view, Place> by_key_;
};

class Forwarder {
 public:
  // No name servers: every question fails. Used on one serial executor.
  Forwarder(net::Runtime& runtime, Executor& executor, Random& random,
            std::vector<NameServer> servers);
  ~Forwarder();

  // A response, without OPT, with whatever id and spelling: see fit_response(). Who asks what is
  // being asked already shares its answer, so a loop of forwarders ends in a time-out.
  // Errors: Unavailable, Timeout, TooManyRequests.
  Task<Result<std::string>> ask(Query query);

 private:
  struct Flight {
    Event landed;
    Result<std::string> response = fail(Status::canceled());
  };
  Task<Result<std::string>> ask_servers(Query query);
  Task<Result<std::string>> ask_udp(NameServer server, Query query);
  Task<Result<std::string>> ask_tcp(NameServer server, Query query);

  net::Runtime& runtime_;
  Random& random_;
  const std::vector<NameServer> servers_;
  std::size_t preferred_ = 0;  // The server that answered last.
  ResponseCache cache_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
  std::size_t waiting_ = 0;
};

}  // namespace keelson::dns
