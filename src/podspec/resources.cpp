// SPDX-License-Identifier: Apache-2.0
#include "podspec/resources.h"

#include <algorithm>

namespace keelson::podspec {
namespace {

using core::v1::Container;
using core::v1::ContainerStatus;

void add(ResourceList& sum, const ResourceList& more) {
  for (const auto& [name, quantity] : more) {
    if (auto found = sum.find(name); found != sum.end()) {
      found->second += quantity;
    } else {
      sum.emplace(name, quantity);
    }
  }
}

void take_larger(ResourceList& list, const ResourceList& other) {
  for (const auto& [name, quantity] : other) {
    auto [found, added] = list.emplace(name, quantity);
    if (!added && found->second < quantity) found->second = quantity;
  }
}

const ContainerStatus* find_status(const std::vector<ContainerStatus>& statuses,
                                   std::string_view name) {
  for (const auto& status : statuses) {
    if (status.name == name) return &status;
  }
  return nullptr;
}

bool is_resize_infeasible(const Pod& pod) {
  for (const auto& condition : pod.status.conditions) {
    if (condition.type == core::v1::PodConditionType::PodResizePending) {
      return condition.reason == "Infeasible";
    }
  }
  return false;
}

// The requests that count for one container whose status is known.
ResourceList requests_with_status(const Pod& pod, const Container& container,
                                  const ContainerStatus& status) {
  ResourceList requests = status.allocatedResources;
  if (status.resources) take_larger(requests, status.resources->requests);
  if (!is_resize_infeasible(pod)) take_larger(requests, container.resources.requests);
  return requests;
}

// Adds the containers up in the order in which they run. `own(container, statuses)` gives the list
// that counts for one.
template <class Own>
ResourceList sum_containers(const Pod& pod, const Own& own) {
  ResourceList together;
  for (const auto& container : pod.spec.containers) {
    add(together, own(container, pod.status.containerStatuses));
  }
  ResourceList sidecars, peak_of_init;
  for (const auto& container : pod.spec.initContainers) {
    const auto& one = own(container, pod.status.initContainerStatuses);
    if (is_sidecar(container)) {
      add(together, one);
      add(sidecars, one);
      take_larger(peak_of_init, sidecars);
    } else {
      ResourceList while_it_runs = sidecars;
      add(while_it_runs, one);
      take_larger(peak_of_init, while_it_runs);
    }
  }
  take_larger(together, peak_of_init);
  return together;
}

}  // namespace

bool is_sidecar(const Container& init_container) {
  return init_container.restartPolicy && *init_container.restartPolicy == "Always";
}

bool is_pod_level_resource(std::string_view name) {
  return name == kCpu || name == kMemory || name.starts_with(kHugePagesPrefix);
}

bool is_extended_resource(std::string_view name) {
  const auto slash = name.find('/');
  if (slash == std::string_view::npos || name.starts_with("requests.")) return false;
  const auto domain = name.substr(0, slash);
  return domain != "kubernetes.io" && !domain.ends_with(".kubernetes.io");
}

ResourceList pod_requests(const Pod& pod, const SumOptions& options) {
  ResourceList scratch;
  const auto own = [&](const Container& container,
                       const std::vector<ContainerStatus>& statuses) -> const ResourceList& {
    const ContainerStatus* status =
        options.status ? find_status(statuses, container.name) : nullptr;
    if (!status && !options.container_defaults) return container.resources.requests;
    scratch = status ? requests_with_status(pod, container, *status) : container.resources.requests;
    if (options.container_defaults) {
      for (const auto& [name, quantity] : *options.container_defaults) {
        scratch.emplace(name, quantity);
      }
    }
    return scratch;
  };
  ResourceList requests = sum_containers(pod, own);
  if (options.pod_level && pod.spec.resources) {
    for (const auto& [name, quantity] : pod.spec.resources->requests) {
      if (is_pod_level_resource(name)) requests.insert_or_assign(name, quantity);
    }
  }
  if (options.overhead) add(requests, pod.spec.overhead);
  return requests;
}

ResourceList pod_limits(const Pod& pod, const SumOptions& options) {
  ResourceList limits = sum_containers(
      pod,
      [](const Container& container, const std::vector<ContainerStatus>&) -> const ResourceList& {
        return container.resources.limits;
      });
  if (options.pod_level && pod.spec.resources) {
    for (const auto& [name, quantity] : pod.spec.resources->limits) {
      if (is_pod_level_resource(name)) limits.insert_or_assign(name, quantity);
    }
  }
  if (options.overhead) {
    for (const auto& [name, quantity] : pod.spec.overhead) {
      if (auto found = limits.find(name); found != limits.end()) found->second += quantity;
    }
  }
  return limits;
}

QosClass qos_class(const Pod& pod) {
  // Only cpu and memory count, and zero is as good as nothing.
  ResourceList requests, limits;
  const auto add_counted = [](ResourceList& sum, const ResourceList& more) {
    int counted = 0;
    for (const auto name : {kCpu, kMemory}) {
      const auto found = more.find(name);
      if (found == more.end() || found->second.sign() <= 0) continue;
      sum[std::string(name)] += found->second;
      ++counted;
    }
    return counted;
  };

  bool all_limited = true;
  if (pod.spec.resources) {
    add_counted(requests, pod.spec.resources->requests);
    all_limited = add_counted(limits, pod.spec.resources->limits) == 2;
  } else {
    for (const auto* containers : {&pod.spec.containers, &pod.spec.initContainers}) {
      for (const auto& container : *containers) {
        add_counted(requests, container.resources.requests);
        if (add_counted(limits, container.resources.limits) != 2) all_limited = false;
      }
    }
  }
  if (requests.empty() && limits.empty()) return QosClass::BestEffort;
  return all_limited && requests == limits ? QosClass::Guaranteed : QosClass::Burstable;
}

std::string_view qos_name(QosClass qos) {
  switch (qos) {
    case QosClass::BestEffort:
      return "BestEffort";
    case QosClass::Burstable:
      return "Burstable";
    case QosClass::Guaranteed:
      return "Guaranteed";
  }
  CHECK(false);
}

}  // namespace keelson::podspec
