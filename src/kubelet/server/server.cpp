// SPDX-License-Identifier: Apache-2.0
#include "kubelet/server/server.h"

#include "api/codec/json.h"
#include "base/log.h"
#include "kubelet/server/routes.h"

namespace keelson::kubelet {

namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";

Task<Result<std::string>> pod_list(Kubelet& kubelet) {
  boost::json::array items;
  for (const auto& pod : kubelet.pods()) items.push_back(api::encode_document(pod));
  boost::json::object list{{"kind", "PodList"},
                           {"apiVersion", "v1"},
                           {"metadata", boost::json::object()},
                           {"items", std::move(items)}};
  co_return boost::json::serialize(list);
}

Task<Result<std::string>> health(Kubelet& kubelet) {
  if (kubelet.is_healthy()) co_return std::string("ok");
  co_return fail(Status::internal("PLEG is not healthy"));
}

Task<void> serve_document(Kubelet& kubelet, net::HttpExchange& exchange,
                          Task<Result<std::string>> document, std::string_view type) {
  auto body = co_await on_kubelet(kubelet, std::move(document));
  if (!body) co_return co_await answer_error(exchange, std::move(body).error());
  co_await answer_text(exchange, std::move(*body), std::string(type));
}

Task<void> serve(Kubelet& kubelet, net::Runtime& loop, const ServerOptions& options,
                 net::HttpExchange& exchange) {
  if (auto allowed = authorize_client(options, exchange.peer(), exchange.request()); !allowed) {
    co_return co_await answer_error(exchange, std::move(allowed).error());
  }
  auto target = net::parse_target(exchange.request().target);
  if (!target) co_return co_await answer_error(exchange, std::move(target).error());
  auto parts = path_parts(target->path);
  const std::string route = parts.empty() ? "" : parts[0];

  if (route == "healthz") {
    co_return co_await serve_document(kubelet, exchange, health(kubelet), kText);
  }
  if (route == "containerLogs") {
    co_return co_await serve_logs(kubelet, exchange, std::move(*target), std::move(parts));
  }
  if (route == "exec" || route == "attach") {
    co_return co_await serve_command(kubelet, loop, exchange, std::move(*target), std::move(parts));
  }
  if (route == "portForward") {
    co_return co_await serve_port_forward(kubelet, loop, exchange, std::move(*target),
                                          std::move(parts));
  }
  if (route == "run") {
    co_return co_await serve_run(kubelet, exchange, std::move(*target), std::move(parts));
  }
  if (route == "pods") {
    co_return co_await serve_document(kubelet, exchange, pod_list(kubelet), kJson);
  }
  if (target->path == "/stats/summary") {
    co_return co_await serve_document(kubelet, exchange, summary_json(kubelet), kJson);
  }
  if (target->path == "/metrics/resource") {
    co_return co_await serve_document(kubelet, exchange, resource_metrics(kubelet), kMetrics);
  }
  if (target->path == "/metrics") {
    co_return co_await serve_document(kubelet, exchange, kubelet_metrics(kubelet), kMetrics);
  }
  co_await answer_error(exchange, Status(Reason::NotFound, "404 page not found"));
}

}  // namespace

std::vector<std::string> path_parts(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (slash != 0) out.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return out;
}

Result<void> authorize_client(const ServerOptions& options, const net::Peer& peer,
                              const net::HttpRequest& request) {
  if (!peer.has_certificate || !peer.certificate_error.empty()) {
    return fail(Reason::Unauthorized, "Unauthorized");
  }
  if (std::ranges::find(options.client_names, peer.common_name) != options.client_names.end()) {
    return {};
  }
  return fail(Reason::Forbidden, "Forbidden (user=" + peer.common_name + ", verb=" +
                                     request.method + ", resource=nodes, subresource=proxy)");
}

net::HttpHandler make_kubelet_handler(Kubelet& kubelet, net::Runtime& loop, ServerOptions options) {
  const auto shared = std::make_shared<const ServerOptions>(std::move(options));
  return [&kubelet, &loop, shared](net::HttpExchange& exchange) -> Task<void> {
    return serve(kubelet, loop, *shared, exchange);
  };
}

Task<void> answer_error(net::HttpExchange& exchange, Status status) {
  net::HttpResponse response;
  response.status = status.code();
  response.headers.set("Content-Type", std::string(kText));
  response.body = status.message() + "\n";
  if (auto sent = co_await exchange.respond(std::move(response)); !sent) {
    log_verbose(2, "Answer could not be sent", {{"err", sent.error().message()}});
  }
}

Task<void> answer_text(net::HttpExchange& exchange, std::string body, std::string type) {
  net::HttpResponse response;
  response.headers.set("Content-Type", std::move(type));
  response.body = std::move(body);
  if (auto sent = co_await exchange.respond(std::move(response)); !sent) {
    log_verbose(2, "Answer could not be sent", {{"err", sent.error().message()}});
  }
}

Task<Result<ContainerPlace>> find_place(Kubelet& kubelet, client::ObjectKey pod, std::string uid,
                                        std::string container) {
  const PodWorker* worker = kubelet.find_worker(pod, uid);
  if (!worker) {
    co_return fail(Reason::NotFound, "pod \"" + pod.name + "\" does not exist");
  }
  ContainerPlace place{.pod = worker->pod(), .container = std::move(container)};
  if (place.container.empty() && place.pod->spec.containers.size() == 1) {
    place.container = place.pod->spec.containers[0].name;
  }
  if (!find_container(*place.pod, place.container)) {
    co_return fail(Reason::NotFound,
                   "container \"" + place.container + "\" not found in pod \"" + pod.name + "\"");
  }
  // Asked now: what the worker last saw may be a second old.
  CO_TRY(const auto found,
         co_await inspect_pod(kubelet.context().runtime, place.pod->metadata.uid, nullptr));
  if (const auto* record = found.latest(place.container)) place.latest = *record;
  if (const auto* record = found.previous(place.container)) place.previous = *record;
  if (const auto* status = kubelet.context().statuses.find(place.pod->metadata.uid)) {
    for (const auto* list : {&status->containerStatuses, &status->initContainerStatuses}) {
      for (const auto& entry : *list) {
        if (entry.name == place.container && entry.state.waiting) {
          place.waiting_reason = entry.state.waiting->reason;
        }
      }
    }
  }
  co_return place;
}

}  // namespace keelson::kubelet
