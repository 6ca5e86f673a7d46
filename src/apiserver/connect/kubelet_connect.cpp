// SPDX-License-Identifier: Apache-2.0
#include "apiserver/connect/kubelet_connect.h"

#include <map>
#include <mutex>

#include "api/core/v1.h"
#include "apiserver/front/status_json.h"
#include "base/log.h"
#include "remotecommand/proxy.h"

namespace keelson::apiserver {
namespace {

using core::v1::Container;
using core::v1::Node;
using core::v1::Pod;

struct KubeletAddress {
  std::string host;
  std::uint16_t port;

  auto operator<=>(const KubeletAddress&) const = default;
};

Task<void> refuse(net::HttpExchange& exchange, Status status) {
  const int code = status.code();
  [[maybe_unused]] const auto sent = co_await exchange.respond(
      {.status = code,
       .headers = {{"Content-Type", "application/json"}},
       .body = status_json(status)});
}

std::vector<std::string> container_names(const Pod& pod) {
  std::vector<std::string> names;
  for (const auto& container : pod.spec.initContainers) names.push_back(container.name);
  for (const auto& container : pod.spec.containers) names.push_back(container.name);
  for (const auto& container : pod.spec.ephemeralContainers) names.push_back(container.name);
  return names;
}

std::string joined(const std::vector<Container>& containers) {
  std::string text;
  for (const auto& container : containers) {
    if (!text.empty()) text += " ";
    text += container.name;
  }
  return text;
}

// The container that a request means. Errors: BadRequest with upstream's texts.
Result<std::string> choose_container(const Pod& pod, std::string_view wanted) {
  if (wanted.empty()) {
    if (pod.spec.containers.size() == 1) return pod.spec.containers.front().name;
    std::string message = "a container name must be specified for pod " + pod.metadata.name +
                          ", choose one of: [" + joined(pod.spec.containers) + "]";
    if (!pod.spec.initContainers.empty()) {
      message += " or one of the init containers: [";
      for (std::size_t i = 0; i < pod.spec.initContainers.size(); ++i)
        message += (i ? " " : "") + pod.spec.initContainers[i].name;
      message += "]";
    }
    return fail(Status::bad_request(message));
  }
  for (const auto& name : container_names(pod)) {
    if (name == wanted) return name;
  }
  return fail(Status::bad_request("container " + std::string(wanted) + " is not valid for pod " +
                                  pod.metadata.name));
}

class KubeletConnect : public std::enable_shared_from_this<KubeletConnect> {
 public:
  KubeletConnect(client::Client& client, net::Runtime& runtime, KubeletConnectOptions options)
      : client_(client), runtime_(runtime), options_(std::move(options)) {}

  void add_to(Routes& routes) {
    const auto self = shared_from_this();
    const auto add = [&](std::string subresource, auto method) {
      routes.add_connect("pods", std::move(subresource),
                         [self, method](net::HttpExchange& exchange, CallContext& call) {
                           return ((*self).*method)(exchange, call);
                         });
    };
    add("log", &KubeletConnect::log);
    add("exec", &KubeletConnect::exec);
    add("attach", &KubeletConnect::attach);
    add("portforward", &KubeletConnect::port_forward);
    routes.add_connect("nodes", "proxy", [self](net::HttpExchange& exchange, CallContext& call) {
      return self->proxy_node(exchange, call);
    });
    routes.add_connect("pods", "proxy", [self](net::HttpExchange& exchange, CallContext& call) {
      return self->proxy_pod(exchange, call);
    });
    routes.add_connect("services", "proxy", [self](net::HttpExchange& exchange, CallContext& call) {
      return self->proxy_service(exchange, call);
    });
  }

 private:
  // --- Where a pod's kubelet is -----------------------------------------------------------------

  struct Place {
    std::shared_ptr<const Pod> pod;
    std::shared_ptr<net::HttpClient> kubelet;
  };

  Task<Result<Place>> find_place(const CallContext& call) {
    CO_TRY(auto pod, co_await client_.get<Pod>({call.info.namespace_, call.info.name}));
    if (pod->spec.nodeName.empty())
      co_return fail(Status::bad_request("pod " + pod->metadata.name +
                                         " does not have a host assigned"));
    CO_TRY(auto kubelet, co_await kubelet_of(pod->spec.nodeName));
    co_return Place{std::move(pod), std::move(kubelet)};
  }

  Task<Result<std::shared_ptr<net::HttpClient>>> kubelet_of(std::string node_name) {
    CO_TRY(const auto node, co_await client_.get<Node>({"", node_name}));
    KubeletAddress address{{}, 10250};
    if (const auto port = node->status.daemonEndpoints.kubeletEndpoint.Port; port > 0)
      address.port = static_cast<std::uint16_t>(port);
    for (const auto& type : options_.address_types) {
      for (const auto& candidate : node->status.addresses) {
        if (address.host.empty() && candidate.type == type) address.host = candidate.address;
      }
    }
    if (address.host.empty())
      co_return fail(Status::internal("no preferred addresses found; known addresses: []"));
    std::lock_guard lock(mutex_);
    auto& known = kubelets_[address];
    if (!known) {
      known = net::make_http_client(
          runtime_, net::Origin{.host = address.host, .port = address.port, .tls = options_.tls});
    }
    co_return known;
  }

  // --- Log --------------------------------------------------------------------------------------

  Task<void> log(net::HttpExchange& exchange, CallContext& call) {
    auto target = net::parse_target(exchange.request().target);
    if (!target) co_return co_await refuse(exchange, std::move(target).error());
    auto place = co_await find_place(call);
    if (!place) co_return co_await refuse(exchange, std::move(place).error());
    auto container = choose_container(*place->pod, target->get("container"));
    if (!container) co_return co_await refuse(exchange, std::move(container).error());

    std::string query;
    for (const auto& [key, value] : target->query) {
      if (key == "container") continue;
      query += (query.empty() ? "?" : "&") + net::percent_encode(key) + "=" +
               net::percent_encode(value);
    }
    co_await relay(exchange, *place->kubelet,
                   {.method = "GET",
                    .target = "/containerLogs/" + pod_path(*place->pod) + "/" + *container + query});
  }

  // A plain response, passed on as it comes.
  static Task<void> relay(net::HttpExchange& exchange, net::HttpClient& backend,
                          net::HttpRequest request) {
    auto body = co_await backend.open(std::move(request));
    if (!body)
      co_return co_await refuse(exchange,
                                Status::internal("error dialing backend: " + body.error().message()));
    const auto& answer = (*body)->head();
    if (answer.status >= 400 && answer.headers.get("Content-Type") != "application/json") {
      std::string text;
      while (text.size() < (64U << 10)) {
        auto more = co_await (*body)->read();
        if (!more || more->empty()) break;
        text += *more;
      }
      while (text.ends_with('\n')) text.pop_back();
      const Reason reason = answer.status == 404   ? Reason::NotFound
                            : answer.status == 400 ? Reason::BadRequest
                                                   : Reason::InternalError;
      co_return co_await refuse(exchange, Status(reason, text).with_code(answer.status));
    }
    net::HttpResponse head{.status = answer.status, .headers = {}, .body = {}};
    for (const auto& [name, value] : answer.headers) {
      // The transfer is framed anew on this side.
      static constexpr std::string_view kHopByHop[] = {
          "connection", "content-length", "transfer-encoding", "keep-alive", "upgrade"};
      const bool skip = std::ranges::any_of(kHopByHop, [&name](std::string_view hop) {
        return std::ranges::equal(hop, name, {}, {}, [](unsigned char c) { return std::tolower(c); });
      });
      if (!skip) head.headers.add(name, value);
    }
    if (!co_await exchange.start(std::move(head))) co_return;
    while (true) {
      auto chunk = co_await (*body)->read();
      if (!chunk || chunk->empty()) break;
      if (!co_await exchange.write(std::make_shared<const std::string>(std::move(*chunk)))) co_return;
    }
    [[maybe_unused]] const auto finished = co_await exchange.finish();
  }

  static std::string pod_path(const Pod& pod) {
    return pod.metadata.namespace_ + "/" + pod.metadata.name;
  }

  // --- Exec, attach, port-forward ---------------------------------------------------------------

  Task<void> exec(net::HttpExchange& exchange, CallContext& call) {
    return command(exchange, call, "/exec/");
  }
  Task<void> attach(net::HttpExchange& exchange, CallContext& call) {
    return command(exchange, call, "/attach/");
  }

  Task<void> command(net::HttpExchange& exchange, CallContext& call, std::string path) {
    auto target = net::parse_target(exchange.request().target);
    if (!target) co_return co_await refuse(exchange, std::move(target).error());
    auto place = co_await find_place(call);
    if (!place) co_return co_await refuse(exchange, std::move(place).error());
    auto container = choose_container(*place->pod, target->get("container"));
    if (!container) co_return co_await refuse(exchange, std::move(container).error());
    if (place->pod->status.phase == "Succeeded" || place->pod->status.phase == "Failed")
      co_return co_await refuse(
          exchange, Status::bad_request("cannot exec into a container in a completed pod; current phase is " +
                                        place->pod->status.phase));

    auto options = remotecommand::parse_pod_options(*target);
    if (!options) co_return co_await refuse(exchange, std::move(options).error());
    std::string query = "?" + remotecommand::kubelet_query(*options);
    for (const auto word : target->all("command")) query += "&command=" + net::percent_encode(word);
    const auto relayed = co_await remotecommand::relay_command(
        exchange, *place->kubelet,
        {.method = exchange.request().method,
         .target = path + pod_path(*place->pod) + "/" + *container + query},
        *options);
    note(relayed, call);
  }

  Task<void> port_forward(net::HttpExchange& exchange, CallContext& call) {
    auto target = net::parse_target(exchange.request().target);
    if (!target) co_return co_await refuse(exchange, std::move(target).error());
    auto place = co_await find_place(call);
    if (!place) co_return co_await refuse(exchange, std::move(place).error());
    std::string query;
    for (const auto port : target->all("ports"))
      query += (query.empty() ? "?port=" : "&port=") + net::percent_encode(port);
    const auto relayed = co_await remotecommand::relay_port_forward(
        exchange, *place->kubelet,
        {.method = exchange.request().method,
         .target = "/portForward/" + pod_path(*place->pod) + query});
    note(relayed, call);
  }

  static void note(const Result<void>& relayed, const CallContext& call) {
    if (relayed || relayed.error().is(Reason::Canceled)) return;
    log_verbose(2, "Stream ended early", {{"pod", call.info.namespace_ + "/" + call.info.name},
                                          {"subresource", call.info.subresource},
                                          {"err", relayed.error().message()}});
  }

  // --- Proxy ------------------------------------------------------------------------------------

  Task<void> proxy_node(net::HttpExchange& exchange, CallContext& call) {
    auto kubelet = co_await kubelet_of(call.info.name);
    if (!kubelet) co_return co_await refuse(exchange, std::move(kubelet).error());
    co_await forward(exchange, call, **kubelet);
  }

  // "name", "name:port", "scheme:name:port"
  struct Named {
    std::string scheme = "http", name, port;
  };
  static Named parse_name(const std::string& text) {
    Named named;
    const auto first = text.find(':');
    if (first == std::string::npos) {
      named.name = text;
      return named;
    }
    const auto second = text.find(':', first + 1);
    if (second == std::string::npos) {
      named.name = text.substr(0, first);
      named.port = text.substr(first + 1);
    } else {
      named.scheme = text.substr(0, first);
      named.name = text.substr(first + 1, second - first - 1);
      named.port = text.substr(second + 1);
    }
    return named;
  }

  Task<void> proxy_pod(net::HttpExchange& exchange, CallContext& call) {
    const Named named = parse_name(call.info.name);
    auto pod = co_await client_.get<Pod>({call.info.namespace_, named.name});
    if (!pod) co_return co_await refuse(exchange, std::move(pod).error());
    std::uint16_t port = 0;
    if (!named.port.empty()) {
      port = static_cast<std::uint16_t>(std::atoi(named.port.c_str()));
    } else {
      for (const auto& container : (*pod)->spec.containers) {
        if (!port && !container.ports.empty())
          port = static_cast<std::uint16_t>(container.ports.front().containerPort);
      }
    }
    if ((*pod)->status.podIP.empty() || !port)
      co_return co_await refuse(exchange, Status::unavailable("address not allowed"));
    co_await forward_to(exchange, call, named.scheme, (*pod)->status.podIP, port);
  }

  Task<void> proxy_service(net::HttpExchange& exchange, CallContext& call) {
    const Named named = parse_name(call.info.name);
    auto service = co_await client_.get<core::v1::Service>({call.info.namespace_, named.name});
    if (!service) co_return co_await refuse(exchange, std::move(service).error());
    auto endpoints = co_await client_.get<core::v1::Endpoints>({call.info.namespace_, named.name});
    for (const auto& port : (*service)->spec.ports) {
      const bool chosen = named.port.empty() ? (*service)->spec.ports.size() == 1
                                             : named.port == port.name ||
                                                   named.port == std::to_string(port.port);
      if (!chosen || !endpoints) continue;
      for (const auto& subset : (*endpoints)->subsets) {
        for (const auto& candidate : subset.ports) {
          if (candidate.name == port.name && !subset.addresses.empty())
            co_return co_await forward_to(exchange, call, named.scheme,
                                          subset.addresses.front().ip,
                                          static_cast<std::uint16_t>(candidate.port));
        }
      }
    }
    co_await refuse(exchange, Status::unavailable("no endpoints available for service \"" +
                                                  named.name + "\""));
  }

  Task<void> forward_to(net::HttpExchange& exchange, CallContext& call, std::string scheme,
                        std::string host, std::uint16_t port) {
    net::Origin origin{.host = std::move(host), .port = port};
    if (scheme == "https") {
      // As upstream: a pod's own certificate is nobody's business here.
      auto tls = net::make_tls_client({.insecure = true});
      if (!tls) co_return co_await refuse(exchange, std::move(tls).error());
      origin.tls = std::move(*tls);
    }
    const auto backend = net::make_http_client(runtime_, std::move(origin));
    co_await forward(exchange, call, *backend);
  }

  Task<void> forward(net::HttpExchange& exchange, CallContext& call, net::HttpClient& backend) {
    const std::string& whole = exchange.request().target;
    const auto question = whole.find('?');
    net::HttpRequest request;
    request.method = exchange.request().method;
    request.target = "/" + call.info.rest +
                     (question == std::string::npos ? "" : whole.substr(question));
    if (remotecommand::is_upgrade_request(exchange.request())) {
      const auto relayed = co_await remotecommand::proxy_upgrade(exchange, backend, request);
      note(relayed, call);
      co_return;
    }
    for (const auto& [name, value] : exchange.request().headers) {
      // The caller's credentials are for this server alone.
      if (name == "Content-Type" || name == "Accept" || name == "content-type" || name == "accept")
        request.headers.add(name, value);
    }
    auto body = co_await exchange.read_body(32 << 20);
    if (!body) co_return co_await refuse(exchange, std::move(body).error());
    request.body = std::move(*body);
    co_await relay(exchange, backend, std::move(request));
  }

  client::Client& client_;
  net::Runtime& runtime_;
  const KubeletConnectOptions options_;
  std::mutex mutex_;
  std::map<KubeletAddress, std::shared_ptr<net::HttpClient>> kubelets_;
};

}  // namespace

void add_kubelet_connect(Routes& routes, client::Client& client, net::Runtime& runtime,
                         KubeletConnectOptions options) {
  std::make_shared<KubeletConnect>(client, runtime, std::move(options))->add_to(routes);
}

}  // namespace keelson::apiserver
