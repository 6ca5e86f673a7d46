// SPDX-License-Identifier: Apache-2.0
#include "kubelet/probe.h"

namespace keelson::kubelet {

namespace {

constexpr std::size_t kOutputLimit = 10 << 10;
constexpr std::string_view kUserAgent = "kube-probe/1.36";

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Result<HttpProbe> http_request(const v1::HTTPGetAction& action, const v1::Container& container,
                               const ProbeTarget& target, Duration timeout) {
  HttpProbe request;
  TRY(request.port, resolve_port(action.port, container));
  request.scheme = action.scheme.empty() ? "http" : lower(action.scheme);
  request.address = action.host.empty() ? target.pod_ip : action.host;
  request.path = action.path.starts_with('/') ? action.path : "/" + action.path;
  request.timeout = timeout;
  bool user_agent = false, accept = false;
  for (const auto& header : action.httpHeaders) {
    const std::string name = lower(header.name);
    if (name == "host") {
      request.host = header.value;
      continue;
    }
    user_agent |= name == "user-agent";
    accept |= name == "accept";
    // An empty value takes the header out.
    if (!header.value.empty()) request.headers.emplace_back(header.name, header.value);
  }
  if (!user_agent) request.headers.emplace_back("User-Agent", kUserAgent);
  if (!accept) request.headers.emplace_back("Accept", "*/*");
  return request;
}

ProbeOutcome failure(std::string output) {
  if (output.size() > kOutputLimit) output.resize(kOutputLimit);
  return {.success = false, .output = std::move(output)};
}

Task<Result<ProbeOutcome>> exec(NodeContext& node, const v1::ExecAction& action,
                                std::string container_id, std::chrono::seconds timeout) {
  auto result = co_await node.runtime.exec_sync(std::move(container_id), action.command, timeout);
  if (!result) {
    if (result.error().is(Reason::Canceled)) co_return fail(std::move(result).error());
    if (result.error().is(Reason::Timeout)) {
      std::string command;
      for (const auto& word : action.command) command += (command.empty() ? "\"" : " ") + word;
      co_return failure("command timed out: " + command + "\" timed out after " +
                        std::to_string(timeout.count()) + "s");
    }
    co_return failure(result.error().message());
  }
  if (result->exit_code() == 0) co_return ProbeOutcome{.success = true};
  co_return failure(result->stdout() + result->stderr());
}

Task<Result<ProbeOutcome>> http(NodeContext& node, HttpProbe request) {
  const std::string url =
      request.scheme + "://" + request.address + ":" + std::to_string(request.port) + request.path;
  auto answer = co_await node.host.http_get(std::move(request));
  if (!answer) {
    if (answer.error().is(Reason::Canceled)) co_return fail(std::move(answer).error());
    co_return failure("Get \"" + url + "\": " + answer.error().message());
  }
  if (answer->status >= 200 && answer->status < 400) co_return ProbeOutcome{.success = true};
  co_return failure("HTTP probe failed with statuscode: " + std::to_string(answer->status));
}

}  // namespace

std::string_view probe_name(ProbeKind kind) {
  switch (kind) {
    case ProbeKind::Startup:
      return "Startup";
    case ProbeKind::Liveness:
      return "Liveness";
    case ProbeKind::Readiness:
      return "Readiness";
  }
  return "";
}

Task<Result<ProbeOutcome>> run_probe(NodeContext& node, PodPtr pod, const v1::Container* container,
                                     const v1::Probe* probe, ProbeTarget target) {
  const std::chrono::seconds timeout(std::max(1, probe->timeoutSeconds));
  if (probe->exec) {
    v1::ExecAction action;
    // Only what the spec itself says; other values are not known here.
    Variables variables;
    for (const auto& entry : container->env) {
      if (!entry.valueFrom) variables[entry.name] = entry.value;
    }
    for (const auto& word : probe->exec->command) {
      action.command.push_back(expand(word, {&variables}));
    }
    co_return co_await exec(node, action, std::move(target.container_id), timeout);
  }
  if (probe->httpGet) {
    auto request = http_request(*probe->httpGet, *container, target, timeout);
    if (!request) co_return failure(request.error().message());
    co_return co_await http(node, std::move(*request));
  }
  if (probe->tcpSocket) {
    const auto port = resolve_port(probe->tcpSocket->port, *container);
    if (!port) co_return failure(port.error().message());
    const std::string address =
        probe->tcpSocket->host.empty() ? target.pod_ip : probe->tcpSocket->host;
    auto connected = co_await node.host.tcp_connect(address, *port, timeout);
    if (connected) co_return ProbeOutcome{.success = true};
    if (connected.error().is(Reason::Canceled)) co_return fail(std::move(connected).error());
    co_return failure(connected.error().message());
  }
  if (probe->grpc) {
    auto serving =
        co_await node.host.grpc_health(target.pod_ip, static_cast<std::uint16_t>(probe->grpc->port),
                                       probe->grpc->service.value_or(""), timeout);
    if (!serving) {
      if (serving.error().is(Reason::Canceled)) co_return fail(std::move(serving).error());
      co_return failure("error: " + serving.error().message());
    }
    if (*serving) co_return ProbeOutcome{.success = true};
    co_return failure("service unhealthy (responded with \"NOT_SERVING\")");
  }
  co_return failure("missing probe handler for " + format_pod(*pod) + ":" + container->name);
}

Task<Result<void>> run_hook(NodeContext& node, PodPtr pod, const v1::Container* container,
                            const v1::LifecycleHandler* handler, ProbeTarget target,
                            std::chrono::seconds timeout) {
  if (handler->exec) {
    CO_TRY(const auto result,
           co_await node.runtime.exec_sync(target.container_id, handler->exec->command, timeout));
    if (result.exit_code() != 0) {
      co_return fail(Status::internal("command exited with " + std::to_string(result.exit_code()) +
                                      ": " + result.stderr().substr(0, kOutputLimit)));
    }
    co_return Result<void>{};
  }
  if (handler->httpGet) {
    CO_TRY(auto request, http_request(*handler->httpGet, *container, target,
                                      timeout.count() > 0 ? Duration(timeout)
                                                          : Duration(std::chrono::minutes(2))));
    for (auto& [name, value] : request.headers) {
      if (name == "User-Agent" && value == kUserAgent) value = "kube-lifecycle/1.36";
    }
    CO_TRY_OK(co_await node.host.http_get(std::move(request)));
    co_return Result<void>{};
  }
  if (handler->sleep) {
    co_return co_await sleep_for(std::chrono::seconds(handler->sleep->seconds));
  }
  co_return fail(Status::bad_request("invalid handler for pod " + format_pod(*pod)));
}

}  // namespace keelson::kubelet
