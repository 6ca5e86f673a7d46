// SPDX-License-Identifier: Apache-2.0
#include "dns/server.h"

#include "api/core/v1.h"
#include "api/discovery/v1.h"
#include "base/log.h"
#include "pki/certificate.h"

namespace keelson::dns {
namespace {

constexpr std::size_t kConnectionsMax = 200;
constexpr auto kConnectionIdle = std::chrono::seconds(10);
constexpr std::size_t kTcpMessageMax = 65'535;

std::vector<std::string> host_nameservers(const std::string& path) {
  const auto text = pki::read_file(path);
  return text ? parse_nameservers(*text) : std::vector<std::string>();
}

Task<Result<bool>> read_exactly(net::Stream& stream, std::span<char> into) {
  std::size_t used = 0;
  while (used < into.size()) {
    CO_TRY(const std::size_t count, co_await stream.read(into.subspan(used)));
    if (count == 0) co_return false;
    used += count;
  }
  co_return true;
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
      forwarder_(runtime, executor, *random_, host_nameservers(options_.resolv_conf)),
      tasks_(executor) {}

Server::~Server() = default;

Task<void> Server::run() {
  informers_.start();
  if (co_await informers_.wait_synced()) {
    const TaskContext& here = co_await this_context();
    std::stop_callback forward(here.stop, [this] { tasks_.request_stop(); });
    auto udp = net::bind_udp(runtime_, options_.listen_address, options_.port);
    auto tcp = udp ? net::listen_tcp(runtime_, options_.listen_address, (*udp)->port())
                   : Result<std::unique_ptr<net::Listener>>(fail(udp.error()));
    if (udp && tcp) {
      udp_ = std::move(*udp);
      tcp_ = std::move(*tcp);
      port_ = udp_->port();
      log_info("Serving DNS", {{"address", options_.listen_address}, {"port", port_}});
      if (!options_.cluster_ip.empty()) tasks_.start(publish(this));
      tasks_.start([](Server* self) -> Task<void> {
        [[maybe_unused]] const auto ended = co_await self->serve_tcp();
      }(this));
      [[maybe_unused]] const auto ended = co_await serve_udp();
    } else {
      log_error("Cannot serve DNS", {{"err", (udp ? tcp.error() : udp.error()).message()}});
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
      const auto query = parse_query(datagram.bytes);
      if (!query) {
        ++counts_.malformed;
        continue;
      }
      // The cluster's own names need no wait: answered in the same batch.
      if (query->opcode == 0 && query->class_ == 1) {
        if (auto answer = records_.answer(*query)) {
          responses.push_back({datagram.peer, write_answer(*query, *answer, query->udp_size)});
          continue;
        }
      }
      tasks_.start(forward_udp(this, std::move(datagram)));
    }
    if (!responses.empty()) udp_->send(responses);
  }
}

Task<void> Server::forward_udp(Server* self, net::Datagram datagram) {
  std::string response = co_await self->respond(std::move(datagram.bytes), true);
  if (!response.empty()) self->udp_->send({{datagram.peer, std::move(response)}});
}

Task<std::string> Server::respond(std::string message, bool udp) {
  const auto query = parse_query(message);
  if (!query) {
    ++counts_.malformed;
    co_return std::string();
  }
  const std::size_t size_max = udp ? query->udp_size : kTcpMessageMax;
  if (query->opcode != 0)
    co_return write_answer(*query, {.code = Code::NotImp, .authoritative = false}, size_max);
  if (query->class_ != 1)
    co_return write_answer(*query, {.code = Code::Refused, .authoritative = false}, size_max);
  if (auto answer = records_.answer(*query)) co_return write_answer(*query, *answer, size_max);
  ++counts_.forwarded;
  auto response = co_await forwarder_.ask(*query, std::move(message));
  if (!response)
    co_return write_answer(*query, {.code = Code::ServFail, .authoritative = false}, size_max);
  if (response->size() > size_max) {
    // Says that there is more, by TCP; an empty answer is enough for that.
    std::string cut = write_answer(*query, {.authoritative = false}, size_max);
    cut[2] = static_cast<char>(cut[2] | 0x02);
    co_return cut;
  }
  co_return std::move(*response);
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
    char length[2];
    const auto more = co_await with_timeout(kConnectionIdle, read_exactly(*stream, length));
    if (!more || !*more) break;
    std::string message(static_cast<std::size_t>(static_cast<unsigned char>(length[0])) << 8 |
                            static_cast<unsigned char>(length[1]),
                        '\0');
    const auto whole = co_await with_timeout(kConnectionIdle, read_exactly(*stream, message));
    if (!whole || !*whole) break;
    ++self->counts_.queries;
    const std::string response = co_await self->respond(std::move(message), false);
    if (response.empty()) break;
    std::string framed;
    framed += static_cast<char>(response.size() >> 8);
    framed += static_cast<char>(response.size() & 0xff);
    framed += response;
    if (!co_await stream->write(framed)) break;
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
