// SPDX-License-Identifier: Apache-2.0
#include "scheduler/pod_info.h"

#include <algorithm>

namespace keelson::scheduler {
namespace {

constexpr std::string_view kAnyAddress = "0.0.0.0";

api::LabelSelector read_selector(const meta::v1::LabelSelector* selector) {
  auto read = api::LabelSelector::from(selector);
  return read ? *std::move(read) : api::LabelSelector::nothing();
}

std::string signature_of_pods(const AffinityTerm& term) {
  std::string text;
  for (const std::string& name : term.namespaces) text.append(name).push_back(',');
  text.append(1, '\0').append(term.selector.selects_nothing() ? "-" : term.selector.text());
  text.append(1, '\0');
  return text.append(term.namespace_selector.selects_nothing() ? "-"
                                                               : term.namespace_selector.text());
}

AffinityTerm read_term(const core::v1::PodAffinityTerm& term, const Pod& pod,
                       std::int32_t weight = 0) {
  AffinityTerm read;
  read.selector = read_selector(term.labelSelector.get());
  read.namespaces = term.namespaces;
  // A null namespaceSelector adds none; without either, the pod's own namespace is meant.
  if (term.namespaceSelector) read.namespace_selector = read_selector(term.namespaceSelector.get());
  if (read.namespaces.empty() && !term.namespaceSelector) {
    read.namespaces.push_back(pod.metadata.namespace_);
  }
  read.topology_key = term.topologyKey;
  read.weight = weight;
  read.pods_signature = signature_of_pods(read);
  return read;
}

void read_affinity(PodInfo& info) {
  const auto& affinity = info.pod->spec.affinity;
  if (!affinity) return;
  const Pod& pod = *info.pod;
  if (affinity->podAffinity) {
    for (const auto& term : affinity->podAffinity->requiredDuringSchedulingIgnoredDuringExecution) {
      info.affinity.push_back(read_term(term, pod));
    }
    for (const auto& term :
         affinity->podAffinity->preferredDuringSchedulingIgnoredDuringExecution) {
      info.preferred_affinity.push_back(read_term(term.podAffinityTerm, pod, term.weight));
    }
  }
  if (affinity->podAntiAffinity) {
    for (const auto& term :
         affinity->podAntiAffinity->requiredDuringSchedulingIgnoredDuringExecution) {
      info.anti_affinity.push_back(read_term(term, pod));
    }
    for (const auto& term :
         affinity->podAntiAffinity->preferredDuringSchedulingIgnoredDuringExecution) {
      info.preferred_anti_affinity.push_back(read_term(term.podAffinityTerm, pod, term.weight));
    }
  }
}

void read_ports(PodInfo& info, const std::vector<core::v1::Container>& containers,
                bool sidecars_only) {
  for (const auto& container : containers) {
    if (sidecars_only && !podspec::is_sidecar(container)) continue;
    for (const auto& port : container.ports) {
      if (port.hostPort <= 0) continue;
      info.host_ports.push_back({port.hostIP.empty() ? std::string(kAnyAddress) : port.hostIP,
                                 port.protocol.empty() ? "TCP" : port.protocol, port.hostPort});
    }
  }
}

}  // namespace

bool HostPort::conflicts_with(const HostPort& other) const {
  return port == other.port && protocol == other.protocol &&
         (ip == other.ip || ip == kAnyAddress || other.ip == kAnyAddress);
}

bool AffinityTerm::matches(
    const Pod& other,
    const std::map<std::string, std::string, std::less<>>* namespace_labels) const {
  const bool in_namespace =
      std::ranges::find(namespaces, other.metadata.namespace_) != namespaces.end() ||
      namespace_selector.selects_everything() ||
      (namespace_labels && namespace_selector.matches(*namespace_labels));
  return in_namespace && selector.matches(other.metadata.labels);
}

std::string AffinityTerm::signature() const {
  return topology_key + '\0' + std::to_string(weight) + '\0' + pods_signature;
}

AffinityTerm make_term(std::string of_namespace, api::LabelSelector selector) {
  AffinityTerm term;
  term.selector = std::move(selector);
  term.namespaces.push_back(std::move(of_namespace));
  term.pods_signature = signature_of_pods(term);
  return term;
}

PodInfoPtr make_pod_info(PodPtr pod) {
  auto info = std::make_shared<PodInfo>();
  info->pod = std::move(pod);
  const Pod& p = *info->pod;
  info->key = {p.metadata.namespace_, p.metadata.name};
  info->priority = p.spec.priority.value_or(0);
  info->started = p.status.startTime ? *p.status.startTime : p.metadata.creationTimestamp;

  static const podspec::ResourceList kDefaults = {
      {std::string(podspec::kCpu), api::Quantity::from_milli(podspec::kDefaultMilliCpu)},
      {std::string(podspec::kMemory), api::Quantity::from_value(podspec::kDefaultMemoryBytes)}};
  info->requests = Resources::of(podspec::pod_requests(p, {.status = true}));
  const auto counted =
      Resources::of(podspec::pod_requests(p, {.status = true, .container_defaults = &kDefaults}));
  info->nonzero_milli_cpu = counted.milli_cpu;
  info->nonzero_memory = counted.memory;

  read_ports(*info, p.spec.containers, false);
  read_ports(*info, p.spec.initContainers, true);
  read_affinity(*info);
  return info;
}

}  // namespace keelson::scheduler
