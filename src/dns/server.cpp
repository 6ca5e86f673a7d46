// SPDX-License-Identifier: Apache-2.0
#include "dns/server.h"

#include "api/core/v1.h"
#include "api/discovery/v1.h"
#include "base/log.h"
#include "dns/framing.h"
#include "dns/sockets.h"
#include "pki/certificate.h"

namespace keelson::dns {
namespace {

constexpr std::size_t kConnectionsMax = 200;
constexpr auto kConnectionIdle = std::chrono::seconds(10);
constexpr int kAliasesMax = 8;

std::vector<NameServer> upstreams(const ServerOptions& options) {
  if (!options.upstreams.empty()) return options.upstreams;
  std::vector<NameServer> servers;
  const auto text = pki::read_file(options.resolv_conf);
  if (!text) return servers;
  for (auto& address : parse_nameservers(*text)) {
    // A question must not come back to where it was asked.
    if (address != options.cluster_ip) servers.push_back({std::move(address)});
  }
  return servers;
}

// The name that an alias leads to, if an address is asked for and the answer ends with the alias.
std::optional<std::string> open_alias(const Query& query, const Answer& answer) {
  if (!query.is_for(Type::A) && !query.is_for(Type::Aaaa)) return std::nullopt;
  if (answer.answers.empty() || answer.answers.back().type != Type::Cname) return std::nullopt;
  return name_of_data(answer.answers.back().data);
}

}  // namespace

Server::Server(client::Client& client, net::Runtime& runtime, Executor& executor,
               ServerOptions options)
    : client_(client),
      runtime_(runtime),
      options_(std::move(options)),
      random_(make_system_random()),
      informers_(client, executor),
      records_(informers_, options_.cluster_domain),
      forwarder_(runtime, executor, *random_, upstreams(options_)),
      tasks_(executor) {}

Server::~Server() = default;

Task<void> Server::run() {
  informers_.start();
  if (co_await informers_.wait_synced()) {
    const TaskContext& here = co_await this_context();
    std::stop_callback forward(here.stop, [this] { tasks_.request_stop(); });
    if (auto sockets = listen(runtime_, options_.listen_address, options_.port)) {
      udp_ = std::move(sockets->udp);
      tcp_ = std::move(sockets->tcp);
      port_ = udp_->port();
      log_info("Serving DNS", {{"address", options_.listen_address}, {"port", port_}});
      if (!options_.cluster_ip.empty()) tasks_.start(publish(this));
      tasks_.start([](Server* self) -> Task<void> {
        [[maybe_unused]] const auto ended = co_await self->serve_tcp();
      }(this));
      [[maybe_unused]] const auto ended = co_await serve_udp();
    } else {
      log_error("Cannot serve DNS", {{"err", sockets.error().message()}});
    }
    co_await tasks_.stop();
    if (udp_) udp_->close();
    if (tcp_) tcp_->close();
  }
  co_await informers_.stop();
}

Task<Result<void>> Server::serve_udp() {
  while (true) {
    CO_TRY(auto datagrams, co_await udp_->receive());
    std::vector<net::Datagram> responses;
    for (auto& datagram : datagrams) {
      ++counts_.queries;
      auto query = parse_query(datagram.bytes);
      if (!query) {
        ++counts_.malformed;
        std::string error = format_error(datagram.bytes);
        if (!error.empty()) responses.push_back({std::move(datagram.peer), std::move(error)});
        continue;
      }
      // The cluster's own names need no wait: answered in the same batch.
      if (const auto answer = answer_at_once(*query)) {
        responses.push_back(
            {std::move(datagram.peer), write_answer(*query, *answer, query->udp_size)});
        continue;
      }
      tasks_.start(answer_udp(this, std::move(datagram.peer), std::move(*query)));
    }
    if (!responses.empty()) udp_->send(responses);
  }
}

Task<void> Server::answer_udp(Server* self, net::DatagramAddress peer, Query query) {
  const std::size_t size_max = query.udp_size;
  std::string response = co_await self->answer(std::move(query), size_max);
  self->udp_->send({{std::move(peer), std::move(response)}});
}

std::optional<Answer> Server::answer_at_once(const Query& query) const {
  const auto refuse = [](Code code) { return Answer{.code = code, .authoritative = false}; };
  if (query.edns_version != 0) return refuse(Code::BadVersion);
  if (query.opcode != 0) return refuse(Code::NotImp);
  // RFC 8482: nobody needs all that there is, but for attacks on others.
  if (query.class_ != 1 || query.is_for(Type::Any) || query.is_for(Type::Axfr) ||
      query.is_for(Type::Ixfr))
    return refuse(Code::Refused);
  auto answer = records_.answer(query);
  if (answer && open_alias(query, *answer)) return std::nullopt;
  return answer;
}

Task<std::string> Server::answer(Query query, std::size_t size_max) {
  if (const auto answer = answer_at_once(query)) co_return write_answer(query, *answer, size_max);
  if (auto answer = records_.answer(query)) {
    Answer whole = co_await follow_aliases(query, std::move(*answer));
    co_return write_answer(query, whole, size_max);
  }
  ++counts_.forwarded;
  auto response = co_await forwarder_.ask(query);
  if (!response)
    co_return write_answer(query, {.code = Code::ServFail, .authoritative = false}, size_max);
  co_return fit_response(query, std::move(*response), size_max);
}

Task<Answer> Server::follow_aliases(Query query, Answer answer) {
  for (int i = 0; i < kAliasesMax; ++i) {
    auto target = open_alias(query, answer);
    if (!target) co_return answer;
    Query next = query;
    next.name = std::move(*target);
    next.question = question_of(next.name, next.type);
    std::vector<Record> found;
    if (auto more = records_.answer(next)) {
      answer.code = more->code;
      answer.authority = std::move(more->authority);
      found = std::move(more->answers);
    } else {
      ++counts_.forwarded;
      const auto response = co_await forwarder_.ask(std::move(next));
      if (!response) break;
      // Whoever was asked has gone the rest of the way.
      answer.code = code_of(*response);
      found = address_records(*response);
      answer.answers.insert(answer.answers.end(), found.begin(), found.end());
      co_return answer;
    }
    if (found.empty()) co_return answer;
    answer.answers.insert(answer.answers.end(), found.begin(), found.end());
  }
  co_return Answer{.code = Code::ServFail, .authoritative = false};
}

Task<Result<void>> Server::serve_tcp() {
  while (true) {
    CO_TRY(auto stream, co_await tcp_->accept());
    if (connections_ >= kConnectionsMax) {
      stream->close();
      continue;
    }
    ++connections_;
    tasks_.start(serve_connection(this, std::move(stream)));
  }
}

Task<void> Server::serve_connection(Server* self, std::unique_ptr<net::Stream> stream) {
  while (true) {
    auto message = co_await with_timeout(kConnectionIdle, read_framed(*stream));
    if (!message || !*message) break;
    ++self->counts_.queries;
    auto query = parse_query(**message);
    std::string response;
    if (query) {
      response = co_await self->answer(std::move(*query), kTcpMessageMax);
    } else {
      ++self->counts_.malformed;
      response = format_error(**message);
    }
    if (response.empty()) break;
    // A client that does not take its answers is none.
    if (!co_await with_timeout(kConnectionIdle, write_framed(*stream, std::move(response)))) break;
  }
  stream->close();
  --self->connections_;
}

// --- The Service --------------------------------------------------------------------------------

Task<void> Server::publish(Server* self) {
  Duration retry = std::chrono::milliseconds(200);
  while (true) {
    const auto done = co_await self->publish_once();
    if (!done) {
      if (done.error().is(Reason::Canceled)) co_return;
      log_warning("Cannot publish the DNS service", {{"err", done.error().message()}});
      if (!co_await sleep_for(retry)) co_return;
      retry = std::min<Duration>(retry * 2, std::chrono::seconds(30));
      continue;
    }
    // Looked after, in case somebody removes it.
    retry = std::chrono::seconds(1);
    if (!co_await sleep_for(std::chrono::minutes(1))) co_return;
  }
}

Task<Result<void>> Server::publish_once() {
  using core::v1::Service;
  using discovery::v1::EndpointSlice;
  const api::ObjectKey key{"kube-system", "kube-dns"};
  auto present = co_await client_.get<Service>(key);
  if (!present && !present.error().is(Reason::NotFound)) co_return fail(std::move(present).error());
  if (!present) {
    Service service;
    service.metadata.name = key.name;
    service.metadata.namespace_ = key.namespace_;
    service.metadata.labels = {{"k8s-app", "kube-dns"},
                               {"kubernetes.io/cluster-service", "true"},
                               {"kubernetes.io/name", "CoreDNS"}};
    service.spec.clusterIP = options_.cluster_ip;
    service.spec.ports = {
        {.name = "dns", .protocol = "UDP", .port = 53, .targetPort = api::IntOrString(port_)},
        {.name = "dns-tcp", .protocol = "TCP", .port = 53, .targetPort = api::IntOrString(port_)}};
    CO_TRY(present, co_await client_.create(std::move(service)));
  }

  const api::ObjectKey slice_key{"kube-system", "kube-dns-" + options_.node_name};
  EndpointSlice slice;
  auto current = co_await client_.get<EndpointSlice>(slice_key);
  if (!current && !current.error().is(Reason::NotFound)) co_return fail(std::move(current).error());
  if (current) slice = **current;
  slice.metadata.name = slice_key.name;
  slice.metadata.namespace_ = slice_key.namespace_;
  slice.metadata.labels["kubernetes.io/service-name"] = "kube-dns";
  slice.metadata.labels["endpointslice.kubernetes.io/managed-by"] = "dns.keelson";
  slice.addressType = "IPv4";
  slice.ports = {{.name = "dns", .protocol = "UDP", .port = port_},
                 {.name = "dns-tcp", .protocol = "TCP", .port = port_}};
  slice.endpoints = {{.addresses = {options_.listen_address},
                      .conditions = {.ready = true, .serving = true, .terminating = false},
                      .nodeName = options_.node_name}};
  if (!current) {
    CO_TRY_OK(co_await client_.create(std::move(slice)));
  } else if (!(slice == **current)) {
    CO_TRY_OK(co_await client_.update(std::move(slice)));
  }
  co_return Result<void>{};
}

}  // namespace keelson::dns
