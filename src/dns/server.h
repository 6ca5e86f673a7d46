// SPDX-License-Identifier: Apache-2.0
// The name server of the cluster: sockets on the node, and the Service that leads to it.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "client/informer.h"
#include "dns/forwarder.h"
#include "dns/records.h"
#include "net/datagram.h"
#include "net/stream.h"

namespace keelson::dns {

struct ServerOptions {
  std::string cluster_domain = "cluster.local";
  std::string cluster_ip;      // Of Service kube-system/kube-dns; empty: no Service is made.
  std::string listen_address;  // On the node; not loopback if there is to be a Service.
  std::uint16_t port = 10053;  // 0: any.
  std::string node_name;
  std::string resolv_conf = "/etc/resolv.conf";
  std::vector<NameServer>
      upstreams;  // Where all other names are asked; empty: those of resolv_conf.
};

struct ServerCounts {
  std::uint64_t queries = 0, forwarded = 0, malformed = 0;
};

class Server {
 public:
  // `executor` is serial; all outlive the server.
  Server(client::Client& client, net::Runtime& runtime, Executor& executor, ServerOptions options);
  ~Server();

  // Until stopped.
  Task<void> run();

  // After it has started to listen; 0 before.
  std::uint16_t port() const { return port_; }
  const ServerCounts& counts() const { return counts_; }

 private:
  // Nothing: somebody else has to be asked.
  std::optional<Answer> answer_at_once(const Query& query) const;
  // The response; `size_max`: what the transport takes.
  Task<std::string> answer(Query query, std::size_t size_max);
  // With what the alias at its end leads to, in the cluster or elsewhere.
  Task<Answer> follow_aliases(Query query, Answer answer);
  Task<Result<void>> serve_udp();
  static Task<void> answer_udp(Server* self, net::DatagramAddress peer, Query query);
  Task<Result<void>> serve_tcp();
  static Task<void> serve_connection(Server* self, std::unique_ptr<net::Stream> stream);
  static Task<void> publish(Server* self);
  Task<Result<void>> publish_once();

  client::Client& client_;
  net::Runtime& runtime_;
  const ServerOptions options_;
  const std::unique_ptr<Random> random_;
  client::InformerSet informers_;
  Records records_;
  Forwarder forwarder_;
  std::unique_ptr<net::DatagramSocket> udp_;
  std::unique_ptr<net::Listener> tcp_;
  TaskGroup tasks_;
  std::uint16_t port_ = 0;
  std::size_t connections_ = 0;
  ServerCounts counts_;
};

}  // namespace keelson::dns
