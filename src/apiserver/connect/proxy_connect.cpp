// SPDX-License-Identifier: Apache-2.0
#include "apiserver/connect/proxy_connect.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/core/v1.h"
#include "base/log.h"
#include "remotecommand/proxy.h"

namespace keelson::apiserver {
namespace {

using core::v1::EndpointAddress;
using core::v1::Endpoints;
using core::v1::Pod;
using core::v1::Service;

constexpr std::size_t kBodyMax = 32 << 20;

// "name", "name:port", "scheme:name:port"
struct Named {
  std::string scheme, name, port;
};
std::optional<Named> parse_name(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ':')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  Named named;
  if (parts.size() > 3) return std::nullopt;
  if (parts.size() == 3) {
    named.scheme = parts.front();
    parts.erase(parts.begin());
  }
  named.name = parts[0];
  if (parts.size() == 2) named.port = parts[1];
  const bool known = named.scheme.empty() || named.scheme == "http" || named.scheme == "https";
  if (!known || named.name.empty()) return std::nullopt;
  return named;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Status unreachable(const std::string& why) {
  return Status::unavailable("error trying to reach service: " + why);
}

std::string ip_of(const Pod& pod) {
  return pod.status.podIPs.empty() ? pod.status.podIP : pod.status.podIPs.front().ip;
}

// As upstream: the first that a container tells, or the scheme's own.
Result<std::uint16_t> port_of(const Named& named, const Pod& pod) {
  if (!named.port.empty()) {
    const auto port = number(named.port);
    if (!port || *port < 1 || *port > 65535) {
      return fail(unreachable("dial tcp: address " + named.port + ": invalid port"));
    }
    return static_cast<std::uint16_t>(*port);
  }
  for (const auto& container : pod.spec.containers) {
    if (!container.ports.empty()) {
      return static_cast<std::uint16_t>(container.ports.front().containerPort);
    }
  }
  return named.scheme == "https" ? 443 : 80;
}

struct Backend {
  net::HttpClient& client;
  std::string host;  // With its port.
};

class ProxyConnect : public std::enable_shared_from_this<ProxyConnect> {
 public:
  ProxyConnect(client::Client& client, std::shared_ptr<Kubelets> kubelets, HttpDial dial,
               Random& random)
      : client_(client), kubelets_(std::move(kubelets)), dial_(std::move(dial)), random_(random) {}

  void add_to(Routes& routes) {
    const auto self = shared_from_this();
    const auto add = [&](std::string resource, auto method) {
      routes.add_connect(std::move(resource), "proxy",
                         [self, method](net::HttpExchange& exchange, CallContext& call) {
                           return ((*self).*method)(exchange, call);
                         });
    };
    add("nodes", &ProxyConnect::node);
    add("pods", &ProxyConnect::pod);
    add("services", &ProxyConnect::service);
  }

 private:
  // --- Where to ---------------------------------------------------------------------------------

  Task<void> node(net::HttpExchange& exchange, CallContext& call) {
    auto kubelet = co_await kubelets_->find(call.info.name);
    if (!kubelet) co_return co_await refuse(exchange, std::move(kubelet).error());
    co_await forward(exchange, call, {*kubelet->client, kubelet->host});
  }

  Task<void> pod(net::HttpExchange& exchange, CallContext& call) {
    const auto named = parse_name(call.info.name);
    if (!named) co_return co_await refuse_name(exchange, call, "pod");
    auto found = co_await client_.get<Pod>({call.info.namespace_, named->name});
    if (!found) co_return co_await refuse(exchange, std::move(found).error());
    const std::string ip = ip_of(**found);
    if (!is_proxyable(ip)) {
      co_return co_await refuse(exchange, Status::bad_request("address not allowed"));
    }
    auto port = port_of(*named, **found);
    if (!port) co_return co_await refuse(exchange, std::move(port).error());
    co_await forward_to(exchange, call, named->scheme, ip, *port);
  }

  Task<void> service(net::HttpExchange& exchange, CallContext& call) {
    auto named = parse_name(call.info.name);
    if (!named) co_return co_await refuse_name(exchange, call, "service");
    auto endpoint = co_await find_endpoint(call.info, *named);
    if (!endpoint) co_return co_await refuse(exchange, std::move(endpoint).error());
    co_await forward_to(exchange, call, named->scheme, endpoint->ip, endpoint->port);
  }

  struct Endpoint {
    std::string ip;
    std::uint16_t port;
  };

  // Errors: NotFound, ServiceUnavailable.
  Task<Result<Endpoint>> find_endpoint(RequestInfo info, Named named) {
    const std::string& namespace_ = info.namespace_;
    if (const auto port = number(named.port)) {
      CO_TRY(const auto service, co_await client_.get<Service>({namespace_, named.name}));
      const auto found =
          std::ranges::find(service->spec.ports, *port, &core::v1::ServicePort::port);
      if (found == service->spec.ports.end()) {
        co_return fail(Status::unavailable("no service port " + named.port +
                                           " found for service \"" + named.name + "\""));
      }
      named.port = found->name;
    }
    CO_TRY(const auto endpoints, co_await client_.get<Endpoints>({namespace_, named.name}));
    const auto& subsets = endpoints->subsets;
    const std::size_t first = first_of(subsets);
    for (std::size_t i = 0; i < subsets.size(); ++i) {
      const auto& subset = subsets[(first + i) % subsets.size()];
      for (const auto& port : subset.ports) {
        if (port.name != named.port) continue;
        if (auto ip = co_await find_address(namespace_, subset.addresses)) {
          co_return Endpoint{*std::move(ip), static_cast<std::uint16_t>(port.port)};
        }
      }
    }
    const std::string& shown = subsets.empty() ? named.name : info.name;
    co_return fail(Status::unavailable("no endpoints available for service \"" + shown + "\""));
  }

  // Anyone may write Endpoints; only pods of the namespace are meant by the right to proxy.
  Task<std::optional<std::string>> find_address(std::string namespace_,
                                                std::vector<EndpointAddress> addresses) {
    const std::size_t first = first_of(addresses);
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      const auto& address = addresses[(first + i) % addresses.size()];
      if (!address.targetRef || address.targetRef->namespace_ != namespace_) continue;
      if (!is_proxyable(address.ip)) continue;
      const auto pod = co_await client_.get<Pod>({namespace_, address.targetRef->name});
      if (!pod) continue;
      const auto& ips = (*pod)->status.podIPs;
      if (std::ranges::find(ips, address.ip, &core::v1::PodIP::ip) != ips.end()) {
        co_return address.ip;
      }
    }
    co_return std::nullopt;
  }

  // Where to begin, so that all get their share.
  std::size_t first_of(const auto& list) {
    return list.empty() ? 0 : static_cast<std::size_t>(random_.below(list.size()));
  }

  static Task<void> refuse_name(net::HttpExchange& exchange, CallContext& call,
                                const std::string& kind) {
    return refuse(exchange,
                  Status::bad_request("invalid " + kind + " request \"" + call.info.name + "\""));
  }

  // --- The request ------------------------------------------------------------------------------

  Task<void> forward_to(net::HttpExchange& exchange, CallContext& call, std::string scheme,
                        std::string ip, std::uint16_t port) {
    net::Origin origin{.host = ip, .port = port, .tls = nullptr, .unix_path = {}};
    if (scheme == "https") {
      // As upstream: a pod's own certificate is nobody's business here.
      auto tls = net::make_tls_client({.insecure = true});
      if (!tls) co_return co_await refuse(exchange, std::move(tls).error());
      origin.tls = std::move(*tls);
    }
    const auto backend = dial_(std::move(origin));
    co_await forward(exchange, call, {*backend, host_and_port(ip, port)});
  }

  Task<void> forward(net::HttpExchange& exchange, CallContext& call, Backend backend) {
    const net::HttpRequest& asked = exchange.request();
    const ProxyTarget target = split_proxy_target(asked.target, call.info);
    net::HttpRequest request;
    request.method = asked.method;
    request.target = (target.path.empty() ? "/" : target.path) + target.query;
    request.authority = asked.authority;
    request.headers = forwarded_headers(asked, exchange.peer());
    if (remotecommand::is_upgrade_request(asked)) {
      const auto relayed =
          co_await remotecommand::proxy_upgrade(exchange, backend.client, std::move(request));
      co_return note(relayed, call);
    }
    if (target.path.empty() && (asked.method == "GET" || asked.method == "HEAD")) {
      // So that a page's relative links stay below it.
      net::HttpResponse redirect{.status = 301};
      redirect.headers.set("Location", target.prefix + "/" + target.query);
      [[maybe_unused]] const auto sent = co_await exchange.respond(std::move(redirect));
      co_return;
    }
    request.headers.set("X-Forwarded-Uri", target.prefix + target.path);
    auto body = co_await exchange.read_body(kBodyMax);
    if (!body) co_return co_await refuse(exchange, std::move(body).error());
    request.body = std::move(*body);

    auto answer = co_await backend.client.open(std::move(request));
    if (!answer) co_return co_await refuse(exchange, unreachable(answer.error().message()));
    const net::HttpResponse& head = (*answer)->head();
    net::HttpResponse returned{head.status, returned_headers(head.headers), {}};
    if (const std::string location(head.headers.get("Location")); !location.empty()) {
      returned.headers.set(
          "Location", proxied_location(location, target.prefix, backend.host, asked.authority));
    }
    co_await pass_on(exchange, std::move(returned), **answer);
  }

  static void note(const Result<void>& relayed, const CallContext& call) {
    if (relayed || relayed.error().is(Reason::Canceled)) return;
    log_verbose(2, "Stream ended early",
                {{"object", call.info.namespace_ + "/" + call.info.name},
                 {"subresource", call.info.subresource},
                 {"err", relayed.error().message()}});
  }

  client::Client& client_;
  const std::shared_ptr<Kubelets> kubelets_;
  const HttpDial dial_;
  Random& random_;
};

}  // namespace

void add_proxy_connect(Routes& routes, client::Client& client, std::shared_ptr<Kubelets> kubelets,
                       HttpDial dial, Random& random) {
  std::make_shared<ProxyConnect>(client, std::move(kubelets), std::move(dial), random)
      ->add_to(routes);
}

}  // namespace keelson::apiserver
