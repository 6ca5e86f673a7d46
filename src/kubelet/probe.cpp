// SPDX-License-Identifier: Apache-2.0
#include "kubelet/probe.h"

#include "base/ascii.h"

namespace keelson::kubelet {

namespace {

constexpr std::size_t kOutputLimit = 10 << 10;
constexpr std::string_view kUserAgent = "kube-probe/1.36";
// Go's; the first request counts too.
constexpr int kRequestLimit = 10;

Result<HttpProbe> http_request(const v1::HTTPGetAction& action, const v1::Container& container,
                               const ProbeTarget& target, Duration timeout) {
  HttpProbe request;
  TRY(request.port, resolve_port(action.port, container));
  request.scheme = action.scheme.empty() ? "http" : lower_case(action.scheme);
  request.address = action.host.empty() ? target.pod_ip : action.host;
  request.path = action.path.starts_with('/') ? action.path : "/" + action.path;
  request.timeout = timeout;
  bool user_agent = false, accept = false;
  for (const auto& header : action.httpHeaders) {
    const std::string name = lower_case(header.name);
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

// Takes "." and ".." out of the path, which begins with a slash; the query stays. RFC 3986, 5.2.4.
std::string without_dots(std::string_view target) {
  const std::string_view query = target.substr(std::min(target.find('?'), target.size()));
  target.remove_suffix(query.size());
  std::string out;
  while (!target.empty()) {
    target.remove_prefix(1);  // The slash.
    const std::string_view part = target.substr(0, target.find('/'));
    target.remove_prefix(part.size());
    if (part == "..") out.resize(out.empty() ? 0 : out.rfind('/'));
    // A folder at the end keeps its slash.
    if (part != "." && part != "..") {
      out.append("/").append(part);
    } else if (target.empty()) {
      out += '/';
    }
  }
  return out.append(query);
}

// Go follows these.
bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Follows redirects as long as they stay on the host: what answers elsewhere says nothing of the
// container. Errors: those of http_get(), with the address. Source: upstream pkg/probe/http.
Task<Result<HttpAnswer>> ask_and_follow(NodeContext& node, HttpProbe request) {
  const std::string host = request.address;
  const Duration end = node.executor.monotonic() + request.timeout;
  for (int asked = 1;; ++asked) {
    const std::string what = "Get \"" + request.scheme + "://" + request.address + ":" +
                             std::to_string(request.port) + request.path + "\"";
    auto answer = co_await node.host.http_get(request);
    if (!answer) co_return fail(std::move(answer).error().with_context(what));
    if (!is_redirect(answer->status) || answer->location.empty()) co_return answer;
    auto next = redirected(request, answer->location);
    if (!next) co_return fail(std::move(next).error().with_context(what));
    if (next->address != host) co_return answer;
    if (asked == kRequestLimit) {
      co_return fail(Status::bad_request("stopped after 10 redirects").with_context(what));
    }
    request = std::move(*next);
    request.timeout = std::max(end - node.executor.monotonic(), Duration::zero());
  }
}

Task<Result<ProbeOutcome>> http(NodeContext& node, HttpProbe request) {
  auto answer = co_await ask_and_follow(node, std::move(request));
  if (!answer) {
    if (answer.error().is(Reason::Canceled)) co_return fail(std::move(answer).error());
    co_return failure(answer.error().message());
  }
  if (answer->status >= 300 && answer->status < 400) {
    co_return ProbeOutcome{.success = true,
                           .warning = "Probe terminated redirects, Response body: " + answer->body};
  }
  if (answer->status >= 200 && answer->status < 300) co_return ProbeOutcome{.success = true};
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

Result<HttpProbe> redirected(const HttpProbe& from, std::string_view location) {
  const auto bad = [&](const std::string& why) {
    return fail(Status::bad_request("failed to parse Location header \"" + std::string(location) +
                                    "\": " + why));
  };
  if (std::ranges::any_of(location, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return bad("invalid control character in URL");
  }
  HttpProbe out = from;
  std::string_view rest = location.substr(0, location.find('#'));
  const auto scheme_end = rest.find_first_of(":/?");
  const bool has_scheme = scheme_end != std::string_view::npos && rest[scheme_end] == ':';
  if (has_scheme) {
    out.scheme = lower_case(std::string(rest.substr(0, scheme_end)));
    if (out.scheme != "http" && out.scheme != "https") {
      return fail(Status::bad_request("unsupported protocol scheme \"" + out.scheme + "\""));
    }
    rest.remove_prefix(scheme_end + 1);
    out.host.clear();  // The header meant the place that was asked first.
    if (!rest.starts_with("//")) return bad("missing host");
  }
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    rest.remove_prefix(authority.size());
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
      authority.remove_prefix(at + 1);
    }
    std::string_view port;
    if (authority.starts_with('[')) {
      const auto close = authority.find(']');
      if (close == std::string_view::npos) return bad("missing ']' in host");
      port = authority.substr(close + 1);
      out.address = authority.substr(1, close - 1);
    } else {
      const auto colon = std::min(authority.find(':'), authority.size());
      port = authority.substr(colon);
      out.address = authority.substr(0, colon);
    }
    if (out.address.empty()) return bad("no host in request URL");
    out.port = out.scheme == "https" ? 443 : 80;
    if (port.size() > 1) {
      const auto [end, error] =
          std::from_chars(port.data() + 1, port.data() + port.size(), out.port);
      if (port[0] != ':' || error != std::errc() || end != port.data() + port.size()) {
        return bad("invalid port \"" + std::string(port) + "\" after host");
      }
    }
    out.path = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  } else if (rest.starts_with('/')) {
    out.path = rest;
  } else {
    const std::string_view path = std::string_view(from.path).substr(0, from.path.find('?'));
    const bool keeps_path = rest.empty() || rest.starts_with('?');
    out.path = std::string(keeps_path ? path : path.substr(0, path.rfind('/') + 1));
    // Without anything it is the same place again, query included.
    out.path += rest.empty() ? std::string_view(from.path).substr(path.size()) : rest;
  }
  out.path = without_dots(out.path);
  return out;
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
    CO_TRY_OK(co_await ask_and_follow(node, std::move(request)));
    co_return Result<void>{};
  }
  if (handler->sleep) {
    co_return co_await sleep_for(std::chrono::seconds(handler->sleep->seconds));
  }
  co_return fail(Status::bad_request("invalid handler for pod " + format_pod(*pod)));
}

}  // namespace keelson::kubelet
