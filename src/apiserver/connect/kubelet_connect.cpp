// SPDX-License-Identifier: Apache-2.0
#include "apiserver/connect/kubelet_connect.h"

#include "api/core/v1.h"
#include "apiserver/connect/log_query.h"
#include "apiserver/connect/proxy_connect.h"
#include "base/log.h"
#include "remotecommand/proxy.h"

namespace keelson::apiserver {
namespace {

using core::v1::Container;
using core::v1::Pod;

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
  KubeletConnect(client::Client& client, std::shared_ptr<Kubelets> kubelets)
      : client_(client), kubelets_(std::move(kubelets)) {}

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
  }

 private:
  Task<Result<std::shared_ptr<const Pod>>> pod_of(const CallContext& call) {
    return client_.get<Pod>({call.info.namespace_, call.info.name});
  }

  // Errors: BadRequest for a pod that no node has yet.
  Task<Result<std::shared_ptr<net::HttpClient>>> kubelet_of(std::shared_ptr<const Pod> pod) {
    if (pod->spec.nodeName.empty())
      co_return fail(
          Status::bad_request("pod " + pod->metadata.name + " does not have a host assigned"));
    CO_TRY(auto link, co_await kubelets_->find(pod->spec.nodeName));
    co_return std::move(link.client);
  }

  // --- Log --------------------------------------------------------------------------------------

  Task<void> log(net::HttpExchange& exchange, CallContext& call) {
    auto target = net::parse_target(exchange.request().target);
    if (!target) co_return co_await refuse(exchange, std::move(target).error());
    auto query = kubelet_log_query(*target, call.info.name);
    if (!query) co_return co_await refuse(exchange, std::move(query).error());
    auto pod = co_await pod_of(call);
    if (!pod) co_return co_await refuse(exchange, std::move(pod).error());
    auto container = choose_container(**pod, target->get("container"));
    if (!container) co_return co_await refuse(exchange, std::move(container).error());
    if ((*pod)->spec.nodeName.empty()) {
      // Nothing has run, so nothing has been said.
      [[maybe_unused]] const auto sent = co_await exchange.respond({.status = 204});
      co_return;
    }
    auto kubelet = co_await kubelet_of(*pod);
    if (!kubelet) co_return co_await refuse(exchange, std::move(kubelet).error());
    co_await relay_log(exchange, **kubelet,
                       {.method = "GET",
                        .target = "/containerLogs/" + pod_path(**pod) + "/" + *container + *query});
  }

  static Task<void> relay_log(net::HttpExchange& exchange, net::HttpClient& kubelet,
                              net::HttpRequest request) {
    auto body = co_await kubelet.open(std::move(request));
    if (!body)
      co_return co_await refuse(
          exchange, Status::internal("error dialing backend: " + body.error().message()));
    const auto& answer = (*body)->head();
    if (answer.status < 400 || answer.headers.get("Content-Type") == "application/json") {
      net::HttpResponse head{answer.status, returned_headers(answer.headers), {}};
      co_return co_await pass_on(exchange, std::move(head), **body);
    }
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
    co_await refuse(exchange, Status(reason, text).with_code(answer.status));
  }

  static std::string pod_path(const Pod& pod) {
    return pod.metadata.namespace_ + "/" + pod.metadata.name;
  }
  // Of the very pod that was authorized, not of another that has taken its name.
  static std::string exact_path(const Pod& pod) { return pod_path(pod) + "/" + pod.metadata.uid; }

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
    auto pod = co_await pod_of(call);
    if (!pod) co_return co_await refuse(exchange, std::move(pod).error());
    auto container = choose_container(**pod, target->get("container"));
    if (!container) co_return co_await refuse(exchange, std::move(container).error());
    auto kubelet = co_await kubelet_of(*pod);
    if (!kubelet) co_return co_await refuse(exchange, std::move(kubelet).error());
    const std::string& phase = (*pod)->status.phase;
    if (phase == "Succeeded" || phase == "Failed")
      co_return co_await refuse(
          exchange,
          Status::bad_request("cannot exec into a container in a completed pod; current phase is " +
                              phase));

    auto options = remotecommand::parse_pod_options(*target);
    if (!options) co_return co_await refuse(exchange, std::move(options).error());
    std::string query = "?" + remotecommand::kubelet_query(*options);
    for (const auto word : target->all("command")) query += "&command=" + net::percent_encode(word);
    const auto relayed = co_await remotecommand::relay_command(
        exchange, **kubelet,
        {.method = exchange.request().method,
         .target = path + exact_path(**pod) + "/" + *container + query},
        *options);
    note(relayed, call);
  }

  Task<void> port_forward(net::HttpExchange& exchange, CallContext& call) {
    auto target = net::parse_target(exchange.request().target);
    if (!target) co_return co_await refuse(exchange, std::move(target).error());
    auto pod = co_await pod_of(call);
    if (!pod) co_return co_await refuse(exchange, std::move(pod).error());
    auto kubelet = co_await kubelet_of(*pod);
    if (!kubelet) co_return co_await refuse(exchange, std::move(kubelet).error());
    std::string query;
    for (const auto port : target->all("ports"))
      query += (query.empty() ? "?port=" : "&port=") + net::percent_encode(port);
    const auto relayed = co_await remotecommand::relay_port_forward(
        exchange, **kubelet,
        {.method = exchange.request().method,
         .target = "/portForward/" + exact_path(**pod) + query});
    note(relayed, call);
  }

  static void note(const Result<void>& relayed, const CallContext& call) {
    if (relayed || relayed.error().is(Reason::Canceled)) return;
    log_verbose(2, "Stream ended early",
                {{"pod", call.info.namespace_ + "/" + call.info.name},
                 {"subresource", call.info.subresource},
                 {"err", relayed.error().message()}});
  }

  client::Client& client_;
  const std::shared_ptr<Kubelets> kubelets_;
};

}  // namespace

void add_kubelet_connect(Routes& routes, client::Client& client, HttpDial dial, Random& random,
                         KubeletConnectOptions options) {
  const auto kubelets = std::make_shared<Kubelets>(client, dial, std::move(options));
  std::make_shared<KubeletConnect>(client, kubelets)->add_to(routes);
  add_proxy_connect(routes, client, kubelets, std::move(dial), random);
}

}  // namespace keelson::apiserver
