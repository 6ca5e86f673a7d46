// SPDX-License-Identifier: Apache-2.0
// Exec, attach and port-forward: the runtime serves the streams; the kubelet leads the client
// there.
#include "base/log.h"
#include "kubelet/server/routes.h"
#include "remotecommand/proxy.h"

namespace keelson::kubelet {

namespace {

// The path with or without the pod's uid before the container.
struct StreamPath {
  client::ObjectKey pod;
  std::string uid, container;
};
Result<StreamPath> command_path(const std::vector<std::string>& parts) {
  if (parts.size() == 4) return StreamPath{{parts[1], parts[2]}, "", parts[3]};
  if (parts.size() == 5) return StreamPath{{parts[1], parts[2]}, parts[3], parts[4]};
  return fail(Reason::NotFound, "404 page not found");
}

Task<Result<std::string>> running_container(Kubelet& kubelet, StreamPath path) {
  CO_TRY(const auto place, co_await find_place(kubelet, path.pod, path.uid, path.container));
  if (!place.latest || place.latest->state != ContainerState::Running) {
    co_return fail(Reason::NotFound, "container not found (\"" + place.container + "\")");
  }
  co_return place.latest->id;
}

Task<Result<std::string>> command_url(Kubelet& kubelet, StreamPath path, bool attach,
                                      std::vector<std::string> command,
                                      remotecommand::CommandOptions options) {
  CO_TRY(const auto id, co_await running_container(kubelet, std::move(path)));
  auto& runtime = kubelet.context().runtime;
  if (attach) {
    cri::v1::AttachRequest request;
    request.set_container_id(id);
    request.set_stdin(options.with_stdin);
    request.set_stdout(options.with_stdout);
    request.set_stderr(options.with_stderr);
    request.set_tty(options.tty);
    co_return co_await runtime.attach_url(std::move(request));
  }
  cri::v1::ExecRequest request;
  request.set_container_id(id);
  for (auto& word : command) request.add_cmd(std::move(word));
  request.set_stdin(options.with_stdin);
  request.set_stdout(options.with_stdout);
  request.set_stderr(options.with_stderr);
  request.set_tty(options.tty);
  co_return co_await runtime.exec_url(std::move(request));
}

Task<Result<std::string>> forward_url(Kubelet& kubelet, client::ObjectKey key, std::string uid,
                                      std::vector<std::int32_t> ports) {
  const PodWorker* worker = kubelet.find_worker(key, uid);
  if (!worker) co_return fail(Reason::NotFound, "pod \"" + key.name + "\" does not exist");
  CO_TRY(const auto found,
         co_await inspect_pod(kubelet.context().runtime, worker->pod()->metadata.uid, nullptr));
  const SandboxRecord* sandbox = found.ready_sandbox();
  if (!sandbox) {
    co_return fail(Reason::NotFound, "unable to find pod sandbox for pod \"" + key.name + "\"");
  }
  cri::v1::PortForwardRequest request;
  request.set_pod_sandbox_id(sandbox->id);
  for (const auto port : ports) request.add_port(port);
  co_return co_await kubelet.context().runtime.port_forward_url(std::move(request));
}

struct Relay {
  std::unique_ptr<net::HttpClient> client;
  net::HttpRequest request;
};
Result<Relay> relay_to(net::Runtime& loop, const std::string& url, const std::string& method) {
  TRY(auto parsed, remotecommand::parse_stream_url(url));
  if (parsed.tls) return fail(Status::internal("the runtime's streaming server wants TLS"));
  Relay relay;
  relay.client = net::make_http_client(loop, parsed.origin);
  relay.request.method = method;
  relay.request.target = parsed.target;
  return relay;
}

void log_end(const Result<void>& result, const char* what) {
  if (!result && !result.error().is(Reason::Canceled)) {
    log_verbose(2, "Stream ended", {{"kind", what}, {"err", result.error().message()}});
  }
}

}  // namespace

Task<void> serve_command(Kubelet& kubelet, net::Runtime& loop, net::HttpExchange& exchange,
                         net::Target target, std::vector<std::string> parts) {
  auto path = command_path(parts);
  if (!path) co_return co_await answer_error(exchange, std::move(path).error());
  auto options = remotecommand::parse_kubelet_options(target);
  if (!options) co_return co_await answer_error(exchange, std::move(options).error());
  const bool attach = parts[0] == "attach";
  std::vector<std::string> command;
  for (const auto word : target.all("command")) command.emplace_back(word);
  if (!attach && command.empty()) {
    co_return co_await answer_error(exchange,
                                    Status::bad_request("you must specify a command to run"));
  }
  auto url = co_await on_kubelet(
      kubelet, command_url(kubelet, std::move(*path), attach, std::move(command), *options));
  if (!url) co_return co_await answer_error(exchange, std::move(url).error());
  auto relay = relay_to(loop, *url, exchange.request().method);
  if (!relay) co_return co_await answer_error(exchange, std::move(relay).error());
  log_end(co_await remotecommand::relay_command(exchange, *relay->client, std::move(relay->request),
                                                *options),
          attach ? "attach" : "exec");
}

Task<void> serve_port_forward(Kubelet& kubelet, net::Runtime& loop, net::HttpExchange& exchange,
                              net::Target target, std::vector<std::string> parts) {
  if (parts.size() != 3 && parts.size() != 4) {
    co_return co_await answer_error(exchange, Status(Reason::NotFound, "404 page not found"));
  }
  std::vector<std::int32_t> ports;
  for (const auto text : target.all("port")) {
    std::int32_t port = 0;
    std::from_chars(text.data(), text.data() + text.size(), port);
    if (port < 1 || port > 65535) {
      co_return co_await answer_error(exchange,
                                      Status::bad_request("invalid port " + std::string(text)));
    }
    ports.push_back(port);
  }
  auto url = co_await on_kubelet(
      kubelet, forward_url(kubelet, {parts[1], parts[2]}, parts.size() == 4 ? parts[3] : "",
                           std::move(ports)));
  if (!url) co_return co_await answer_error(exchange, std::move(url).error());
  auto relay = relay_to(loop, *url, exchange.request().method);
  if (!relay) co_return co_await answer_error(exchange, std::move(relay).error());
  log_end(co_await remotecommand::relay_port_forward(exchange, *relay->client,
                                                     std::move(relay->request)),
          "port-forward");
}

// POST /run: a command's output as one answer.
Task<void> serve_run(Kubelet& kubelet, net::HttpExchange& exchange, net::Target target,
                     std::vector<std::string> parts) {
  auto path = command_path(parts);
  if (!path) co_return co_await answer_error(exchange, std::move(path).error());
  std::vector<std::string> command;
  std::string_view text = target.get("cmd");
  while (!text.empty()) {
    const auto space = text.find(' ');
    if (space != 0) command.emplace_back(text.substr(0, space));
    if (space == std::string_view::npos) break;
    text.remove_prefix(space + 1);
  }
  auto id = co_await on_kubelet(kubelet, running_container(kubelet, std::move(*path)));
  if (!id) co_return co_await answer_error(exchange, std::move(id).error());
  auto result = co_await on_kubelet(kubelet, kubelet.context().runtime.exec_sync(
                                                 *id, std::move(command), std::chrono::minutes(2)));
  if (!result) co_return co_await answer_error(exchange, std::move(result).error());
  co_await answer_text(exchange, result->stdout() + result->stderr(), "text/plain; charset=utf-8");
}

}  // namespace keelson::kubelet
