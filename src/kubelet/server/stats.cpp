// SPDX-License-Identifier: Apache-2.0
// What the node, its pods and their containers use.
// Source: k8s.io/kubelet stats/v1alpha1 (Summary); upstream's /metrics/resource.
#include "kubelet/cri/labels.h"
#include "kubelet/server/routes.h"

namespace keelson::kubelet {

namespace {

namespace json = boost::json;

struct ContainerUse {
  std::string name;
  Wall at{};
  std::uint64_t cpu_nanoseconds = 0, nano_cores = 0;
  std::uint64_t memory_bytes = 0, working_set_bytes = 0;
  std::uint64_t disk_bytes = 0;
};
struct PodUse {
  std::string name, namespace_, uid;
  std::vector<ContainerUse> containers;

  std::uint64_t sum(std::uint64_t ContainerUse::* member) const {
    std::uint64_t total = 0;
    for (const auto& container : containers) total += container.*member;
    return total;
  }
};

std::string label(const cri::v1::ContainerStats& stats, const char* key) {
  const auto found = stats.attributes().labels().find(key);
  return found == stats.attributes().labels().end() ? std::string() : found->second;
}

Task<Result<std::vector<PodUse>>> pod_uses(Kubelet& kubelet) {
  CO_TRY(const auto stats, co_await kubelet.context().runtime.container_stats());
  std::map<std::string, PodUse> pods;
  for (const auto& entry : stats) {
    const std::string uid = label(entry, cri::kPodUidLabel);
    if (uid.empty()) continue;
    PodUse& pod = pods[uid];
    pod.uid = uid;
    pod.name = label(entry, cri::kPodNameLabel);
    pod.namespace_ = label(entry, cri::kPodNamespaceLabel);
    pod.containers.push_back({.name = label(entry, cri::kContainerNameLabel),
                              .at = Wall{Duration(entry.cpu().timestamp())},
                              .cpu_nanoseconds = entry.cpu().usage_core_nano_seconds().value(),
                              .nano_cores = entry.cpu().usage_nano_cores().value(),
                              .memory_bytes = entry.memory().usage_bytes().value(),
                              .working_set_bytes = entry.memory().working_set_bytes().value(),
                              .disk_bytes = entry.writable_layer().used_bytes().value()});
  }
  std::vector<PodUse> out;
  for (auto& [uid, pod] : pods) out.push_back(std::move(pod));
  co_return out;
}

std::string time_text(Wall time) { return api::Time(time).text(); }

json::object cpu_json(Wall at, std::uint64_t nanoseconds, std::uint64_t nano_cores) {
  json::object out{{"time", time_text(at)}, {"usageCoreNanoSeconds", nanoseconds}};
  if (nano_cores > 0) out["usageNanoCores"] = nano_cores;
  return out;
}

json::object memory_json(Wall at, std::uint64_t usage, std::uint64_t working_set) {
  return {{"time", time_text(at)}, {"usageBytes", usage}, {"workingSetBytes", working_set}};
}

json::object filesystem_json(Wall at, std::int64_t capacity, std::int64_t available,
                             const MachineUsage& usage) {
  return {{"time", time_text(at)},
          {"availableBytes", available},
          {"capacityBytes", capacity},
          {"usedBytes", capacity - available},
          {"inodesFree", usage.inodes_free},
          {"inodes", usage.inodes},
          {"inodesUsed", usage.inodes - usage.inodes_free}};
}

json::object pod_json(const PodUse& pod, Wall now) {
  json::array containers;
  for (const auto& container : pod.containers) {
    containers.push_back(json::object{
        {"name", container.name},
        {"startTime", time_text(container.at)},
        {"cpu", cpu_json(container.at, container.cpu_nanoseconds, container.nano_cores)},
        {"memory", memory_json(container.at, container.memory_bytes, container.working_set_bytes)},
        {"rootfs", json::object{{"time", time_text(now)}, {"usedBytes", container.disk_bytes}}}});
  }
  return {
      {"podRef", json::object{{"name", pod.name}, {"namespace", pod.namespace_}, {"uid", pod.uid}}},
      {"startTime", time_text(now)},
      {"containers", std::move(containers)},
      {"cpu",
       cpu_json(now, pod.sum(&ContainerUse::cpu_nanoseconds), pod.sum(&ContainerUse::nano_cores))},
      {"memory", memory_json(now, pod.sum(&ContainerUse::memory_bytes),
                             pod.sum(&ContainerUse::working_set_bytes))}};
}

// One metric family in Prometheus' text format.
class Family {
 public:
  Family(std::string& out, std::string name, const char* type, const char* help)
      : out_(out), name_(std::move(name)) {
    out_ += "# HELP " + name_ + " [STABLE] " + help + "\n# TYPE " + name_ + " " + type + "\n";
  }
  void add(const std::string& labels, double value) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    out_ += name_;
    if (!labels.empty()) out_ += "{" + labels + "}";
    out_.append(" ").append(text, end).append("\n");
  }

 private:
  std::string& out_;
  const std::string name_;
};

std::string labels_of(const PodUse& pod) {
  return "namespace=\"" + pod.namespace_ + "\",pod=\"" + pod.name + "\"";
}
double seconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

}  // namespace

Task<Result<std::string>> summary_json(Kubelet& kubelet) {
  CO_TRY(const auto pods, co_await pod_uses(kubelet));
  CO_TRY(const auto usage, kubelet.context().host.usage());
  const Wall now = kubelet.context().executor.now();
  json::array list;
  for (const auto& pod : pods) list.push_back(pod_json(pod, now));
  auto memory = memory_json(now, static_cast<std::uint64_t>(usage.memory_used_bytes),
                            static_cast<std::uint64_t>(usage.memory_working_set_bytes));
  memory["availableBytes"] = usage.memory_available_bytes;
  json::object node{
      {"nodeName", kubelet.options().node_name},
      {"startTime", time_text(now)},
      {"cpu", cpu_json(now, static_cast<std::uint64_t>(usage.cpu_nanoseconds), 0)},
      {"memory", std::move(memory)},
      {"fs", filesystem_json(now, usage.disk_bytes, usage.disk_available_bytes, usage)},
      {"runtime",
       json::object{{"imageFs", filesystem_json(now, usage.image_disk_bytes,
                                                usage.image_disk_available_bytes, usage)}}},
      {"rlimit",
       json::object{
           {"time", time_text(now)}, {"maxpid", usage.pids_limit}, {"curproc", usage.pids_used}}}};
  co_return json::serialize(json::object{{"node", std::move(node)}, {"pods", std::move(list)}});
}

Task<Result<std::string>> resource_metrics(Kubelet& kubelet) {
  CO_TRY(const auto pods, co_await pod_uses(kubelet));
  CO_TRY(const auto usage, kubelet.context().host.usage());
  std::string out;
  {
    Family family(out, "container_cpu_usage_seconds_total", "counter",
                  "Cumulative cpu time consumed by the container in core-seconds");
    for (const auto& pod : pods) {
      for (const auto& container : pod.containers) {
        family.add("container=\"" + container.name + "\"," + labels_of(pod),
                   seconds(container.cpu_nanoseconds));
      }
    }
  }
  {
    Family family(out, "container_memory_working_set_bytes", "gauge",
                  "Current working set of the container in bytes");
    for (const auto& pod : pods) {
      for (const auto& container : pod.containers) {
        family.add("container=\"" + container.name + "\"," + labels_of(pod),
                   static_cast<double>(container.working_set_bytes));
      }
    }
  }
  Family(out, "node_cpu_usage_seconds_total", "counter",
         "Cumulative cpu time consumed by the node in core-seconds")
      .add("", seconds(static_cast<std::uint64_t>(usage.cpu_nanoseconds)));
  Family(out, "node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes")
      .add("", static_cast<double>(usage.memory_working_set_bytes));
  {
    Family family(out, "pod_cpu_usage_seconds_total", "counter",
                  "Cumulative cpu time consumed by the pod in core-seconds");
    for (const auto& pod : pods) {
      family.add(labels_of(pod), seconds(pod.sum(&ContainerUse::cpu_nanoseconds)));
    }
  }
  {
    Family family(out, "pod_memory_working_set_bytes", "gauge",
                  "Current working set of the pod in bytes");
    for (const auto& pod : pods) {
      family.add(labels_of(pod), static_cast<double>(pod.sum(&ContainerUse::working_set_bytes)));
    }
  }
  Family(out, "resource_scrape_error", "gauge",
         "1 if there was an error while getting container metrics, 0 otherwise")
      .add("", 0);
  co_return out;
}

Task<Result<std::string>> kubelet_metrics(Kubelet& kubelet) {
  CO_TRY(const auto containers, co_await kubelet.context().runtime.list_containers(""));
  int running = 0, exited = 0;
  for (const auto& container : containers) {
    running += container.state() == cri::v1::CONTAINER_RUNNING;
    exited += container.state() == cri::v1::CONTAINER_EXITED;
  }
  int running_pods = 0;
  for (const auto& pod : kubelet.pods()) running_pods += pod.status.phase == v1::PodPhase::Running;
  std::string out;
  Family(out, "kubelet_node_name", "gauge", "The node's name. The count is always 1.")
      .add("node=\"" + kubelet.options().node_name + "\"", 1);
  Family(out, "kubelet_running_pods", "gauge", "Number of pods that have a running pod sandbox")
      .add("", running_pods);
  Family states(out, "kubelet_running_containers", "gauge",
                "Number of containers currently running");
  states.add("container_state=\"exited\"", exited);
  states.add("container_state=\"running\"", running);
  co_return out;
}

}  // namespace keelson::kubelet
