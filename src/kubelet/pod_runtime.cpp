// SPDX-License-Identifier: Apache-2.0
#include "kubelet/pod_runtime.h"

#include "api/node/v1.h"
#include "base/log.h"
#include "kubelet/probe.h"

namespace keelson::kubelet {

namespace {

using client::EventType;

// What a container is left with when its preStop hook has used up the grace period. Upstream's.
constexpr std::chrono::seconds kGraceMin{2};
// Of pods whose spec nobody knows any more. Upstream's.
constexpr std::chrono::seconds kOrphanGrace{1};
constexpr Duration kRetry = std::chrono::seconds(10);

StartFailure failed(std::string reason, std::string message, Duration retry_after = kRetry) {
  return {{std::move(reason), std::move(message)}, retry_after};
}

}  // namespace

Result<cri::v1::PodSandboxConfig> PodRuntime::sandbox_config(const v1::Pod& pod,
                                                             std::uint32_t attempt,
                                                             std::string cgroup) {
  return make_sandbox_config({.pod = pod,
                              .options = node_.options,
                              .attempt = attempt,
                              .log_dir = node_.host.log_dir(pod),
                              .cgroup_parent = std::move(cgroup),
                              .host_resolver = parse_resolv_conf(node_.host.resolv_conf())});
}

std::vector<std::string> PodRuntime::addresses(const SandboxRecord& sandbox) const {
  return sandbox.host_network ? node_.options.node_ips : sandbox.ips;
}

Task<Result<std::string>> PodRuntime::runtime_handler(PodPtr pod) {
  const std::string name = pod->spec.runtimeClassName.value_or("");
  if (name.empty()) co_return name;
  auto found = co_await node_.client.get<keelson::node::v1::RuntimeClass>({"", name});
  if (!found) {
    co_return fail(std::move(found).error().with_context("failed to get sandbox runtime"));
  }
  co_return (*found)->handler;
}

Task<Result<SandboxRecord>> PodRuntime::create_sandbox(PodPtr pod, std::uint32_t attempt) {
  const auto report = [&](const Status& why) {
    if (why.is(Reason::Canceled)) return;
    node_.event(*pod, EventType::Warning, "FailedCreatePodSandBox",
                "Failed to create pod sandbox: " + why.message());
  };
  auto cgroup = node_.host.cgroup_parent(*pod);
  if (!cgroup) {
    report(cgroup.error());
    co_return fail(std::move(cgroup).error());
  }
  auto handler = co_await runtime_handler(pod);
  if (!handler) {
    report(handler.error());
    co_return fail(std::move(handler).error());
  }
  if (!pod->spec.hostUsers.value_or(true)) {
    // The runtime would leave out what it does not know, and root in the pod be root on the node.
    const auto why =
        Status::bad_request("the handler \"" + *handler + "\" does not support user namespaces");
    report(why);
    co_return fail(why);
  }
  auto config = sandbox_config(*pod, attempt, *cgroup);
  if (!config) {
    report(config.error());
    co_return fail(std::move(config).error());
  }
  CO_TRY([[maybe_unused]] const auto pass, co_await node_.sandbox_starts.enter());
  auto id = co_await node_.runtime.run_sandbox(std::move(*config), std::move(*handler));
  if (!id) {
    report(id.error());
    co_return fail(std::move(id).error());
  }
  CO_TRY(const auto status, co_await node_.runtime.sandbox_status(*id));
  SandboxRecord record{.id = *id,
                       .attempt = attempt,
                       .ready = status.state() == cri::v1::SANDBOX_READY,
                       .host_network = pod->spec.hostNetwork,
                       .created = Wall{Duration(status.created_at())}};
  if (!record.host_network && !status.network().ip().empty()) {
    record.ips.push_back(status.network().ip());
    for (const auto& more : status.network().additional_ips()) record.ips.push_back(more.ip());
  }
  co_return record;
}

Task<Result<cri::v1::ContainerConfig>> PodRuntime::configure(const Start& start,
                                                             const cri::v1::Image& image) {
  const v1::Pod& pod = *start.pod;
  auto ips = addresses(start.sandbox);
  CO_TRY(auto environment, co_await make_environment({.pod = start.pod,
                                                      .container = start.container,
                                                      .node = node_.node_values(ips),
                                                      .services = visible_services(
                                                          pod, node_.services.list<v1::Service>()),
                                                      .configs = &node_.configs}));
  CO_TRY_OK(node_.host.make_log_dir(pod, *start.container));
  const auto hostname = pod_hostname(pod, node_.options);
  CO_TRY(auto mounts, node_.host.mounts({.pod = start.pod,
                                         .container = start.container,
                                         .volumes = start.volumes,
                                         .environment = environment,
                                         .pod_ips = std::move(ips),
                                         .hostname = hostname.name,
                                         .domain = hostname.domain,
                                         .instance = start.instance}));
  co_return make_container_config({.pod = pod,
                                   .container = *start.container,
                                   .options = node_.options,
                                   .instance = start.instance,
                                   .image_ref = image.id(),
                                   .image = &image,
                                   .environment = std::move(environment),
                                   .mounts = std::move(mounts),
                                   .machine = node_.machine});
}

Task<std::optional<StartFailure>> PodRuntime::start(Start start) {
  const v1::Pod& pod = *start.pod;
  const std::string& name = start.container->name;
  auto cgroup = node_.host.cgroup_parent(pod);
  const auto sandbox = sandbox_config(pod, start.sandbox.attempt, cgroup ? *cgroup : std::string());
  if (!sandbox) co_return failed("CreateContainerConfigError", sandbox.error().message());

  auto image = co_await node_.images.ensure(start.pod, start.container, *sandbox);
  if (!image) {
    node_.event(pod, name, EventType::Warning, "Failed", "Error: " + image.error().why.reason);
    co_return StartFailure{std::move(image.error().why), image.error().retry_after};
  }
  auto config = co_await configure(start, *image);
  if (!config) {
    const std::string why = config.error().message();
    if (!config.error().is(Reason::Canceled)) {
      node_.event(pod, name, EventType::Warning, "Failed", "Error: " + why);
    }
    co_return failed("CreateContainerConfigError", why);
  }
  const std::string log_path = config->log_path();
  std::optional pass(co_await node_.container_starts.enter());
  if (!*pass) co_return failed("CreateContainerError", pass->error().message());
  auto id = co_await node_.runtime.create_container(start.sandbox.id, std::move(*config), *sandbox);
  if (!id) {
    const std::string why = id.error().message();
    if (!id.error().is(Reason::Canceled)) {
      node_.event(pod, name, EventType::Warning, "Failed", "Error: " + why);
    }
    co_return failed("CreateContainerError", why);
  }
  node_.event(pod, name, EventType::Normal, "Created", "Container created");
  if (auto started = co_await node_.runtime.start_container(*id); !started) {
    const std::string why = started.error().message();
    if (!started.error().is(Reason::Canceled)) {
      node_.event(pod, name, EventType::Warning, "Failed", "Error: " + why);
    }
    co_return failed("RunContainerError", why);
  }
  pass.reset();  // Hooks take their own time.
  node_.event(pod, name, EventType::Normal, "Started", "Container started");
  node_.host.link_log(pod, name, *id, node_.host.log_dir(pod) + "/" + log_path);

  const auto& lifecycle = start.container->lifecycle;
  if (lifecycle && lifecycle->postStart) {
    const auto ips = addresses(start.sandbox);
    auto hook = co_await run_hook(node_, start.pod, start.container, lifecycle->postStart.get(),
                                  {.container_id = *id, .pod_ip = ips.empty() ? "" : ips.front()},
                                  std::chrono::seconds(0));
    if (!hook && !hook.error().is(Reason::Canceled)) {
      node_.event(pod, name, EventType::Warning, "FailedPostStartHook",
                  "PostStartHook failed: " + hook.error().message());
      ContainerRecord record{.id = *id, .name = name};
      auto stopped = co_await stop(start.pod, start.container, std::move(record), grace_period(pod),
                                   "FailedPostStartHook");
      if (!stopped) log_warning("Could not stop container", {{"err", stopped.error().message()}});
      co_return failed("PostStartHookError", hook.error().message());
    }
  }
  co_return std::nullopt;
}

Task<Result<void>> PodRuntime::stop(PodPtr pod, const v1::Container* spec, ContainerRecord record,
                                    std::chrono::seconds grace, std::string message) {
  if (pod) {
    node_.event(*pod, record.name, EventType::Normal, "Killing",
                message.empty() ? "Stopping container " + record.name : message);
  }
  const Duration begun = node_.executor.monotonic();
  const auto* hook = spec && spec->lifecycle ? spec->lifecycle->preStop.get() : nullptr;
  if (hook && grace.count() > 0 && pre_stopped_.insert(record.id).second) {
    std::string ip = node_.options.node_ips.empty() ? "" : node_.options.node_ips.front();
    if (!pod->spec.hostNetwork) ip = pod->status.podIP;
    auto result = co_await with_timeout(
        grace, run_hook(node_, pod, spec, hook, {.container_id = record.id, .pod_ip = ip}, grace));
    if (!result && result.error().is(Reason::Canceled)) co_return result;
    if (!result) {
      node_.event(*pod, record.name, EventType::Warning, "FailedPreStopHook",
                  "PreStopHook failed: " + result.error().message());
    }
  }
  const auto used =
      std::chrono::duration_cast<std::chrono::seconds>(node_.executor.monotonic() - begun);
  // A grace of 0 was asked for: at once means at once.
  const auto left = grace.count() == 0 ? grace : std::max(kGraceMin, grace - used);
  auto stopped =
      co_await node_.runtime.stop_container(record.id, std::min(left, std::max(grace, kGraceMin)));
  pre_stopped_.erase(record.id);
  co_return stopped;
}

Task<Result<void>> PodRuntime::kill(PodPtr pod, RuntimePod running, std::chrono::seconds grace) {
  const Duration begun = node_.executor.monotonic();
  std::vector<Task<Result<void>>> main;
  std::vector<std::pair<const v1::Container*, ContainerRecord>> sidecars;
  for (const auto& record : running.containers) {
    if (record.state == ContainerState::Exited) continue;
    const v1::Container* spec = pod ? find_container(*pod, record.name) : nullptr;
    if (spec && is_sidecar(*spec) && is_init_container(*pod, record.name)) {
      sidecars.emplace_back(spec, record);
    } else {
      main.push_back(stop(pod, spec, record, grace, ""));
    }
  }
  Result<void> result;
  for (auto& stopped : co_await when_all(std::move(main))) {
    if (!stopped) result = std::move(stopped);
  }
  // The one started last ends first: others may rely on what was started before them.
  if (pod) {
    std::ranges::sort(sidecars, std::greater<>(), [](const auto& entry) { return entry.first; });
  }
  for (auto& [spec, record] : sidecars) {
    const auto used =
        std::chrono::duration_cast<std::chrono::seconds>(node_.executor.monotonic() - begun);
    const auto left = grace.count() == 0 ? grace : std::max(kGraceMin, grace - used);
    auto stopped = co_await stop(pod, spec, record, left, "");
    if (!stopped) result = std::move(stopped);
  }
  for (const auto& sandbox : running.sandboxes) {
    auto stopped = co_await node_.runtime.stop_sandbox(sandbox.id);
    if (stopped)
      stopped_.insert(sandbox.id);
    else
      result = std::move(stopped);
  }
  co_return result;
}

Task<Result<void>> PodRuntime::remove(RuntimePod stopped) {
  for (const auto& record : stopped.containers) {
    CO_TRY_OK(co_await node_.runtime.remove_container(record.id));
    node_.host.remove_log(record.log_path, record.id);
  }
  for (const auto& sandbox : stopped.sandboxes) {
    // One whose removal fails is stopped again before the next attempt.
    if (stopped_.erase(sandbox.id) == 0) CO_TRY_OK(co_await node_.runtime.stop_sandbox(sandbox.id));
    CO_TRY_OK(co_await node_.runtime.remove_sandbox(sandbox.id));
  }
  co_return Result<void>{};
}

Task<void> PodRuntime::prune(const v1::Pod& pod, RuntimePod runtime) {
  for (const v1::Container* spec : all_containers(pod)) {
    int seen = 0;
    for (const auto& record : runtime.containers) {
      if (record.name != spec->name || ++seen <= 2) continue;
      if (record.state == ContainerState::Running) continue;
      if (!co_await node_.runtime.remove_container(record.id)) co_return;
      node_.host.remove_log(record.log_path, record.id);
    }
  }
  // A sandbox that was replaced goes with its last container.
  for (std::size_t i = 1; i < runtime.sandboxes.size(); ++i) {
    const auto& sandbox = runtime.sandboxes[i];
    const bool in_use = std::ranges::any_of(
        runtime.containers, [&](const auto& record) { return record.sandbox_id == sandbox.id; });
    if (sandbox.ready || in_use) continue;
    if (!co_await node_.runtime.remove_sandbox(sandbox.id)) co_return;
  }
}

Task<Result<void>> remove_orphan(NodeContext& node, std::string uid) {
  PodRuntime runtime(node);
  CO_TRY(auto running, co_await inspect_pod(node.runtime, uid, nullptr));
  CO_TRY_OK(co_await runtime.kill(nullptr, running, kOrphanGrace));
  co_return co_await runtime.remove(std::move(running));
}

}  // namespace keelson::kubelet
