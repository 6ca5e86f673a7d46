// SPDX-License-Identifier: Apache-2.0
// Nodes and pods in a line.
#pragma once

#include "api/core/v1.h"
#include "scheduler/pod_info.h"

namespace keelson::scheduler {

inline podspec::ResourceList amounts(std::string_view cpu, std::string_view memory) {
  podspec::ResourceList list;
  if (!cpu.empty()) list["cpu"] = api::Quantity::of(cpu);
  if (!memory.empty()) list["memory"] = api::Quantity::of(memory);
  return list;
}

inline Node make_node(std::string name, std::string_view cpu = "4", std::string_view memory = "8Gi",
                      std::string_view pods = "110") {
  Node node;
  node.metadata.name = name;
  node.metadata.labels["kubernetes.io/hostname"] = std::move(name);
  node.status.allocatable = amounts(cpu, memory);
  node.status.allocatable["pods"] = api::Quantity::of(pods);
  return node;
}

inline Node in_zone(Node node, std::string zone) {
  node.metadata.labels["topology.kubernetes.io/zone"] = std::move(zone);
  return node;
}

inline Pod make_pod(std::string name, std::string_view cpu = {}, std::string_view memory = {}) {
  Pod pod;
  pod.metadata.namespace_ = "default";
  pod.metadata.uid = "uid-" + name;
  pod.metadata.name = std::move(name);
  pod.spec.schedulerName = "default-scheduler";
  auto& container = pod.spec.containers.emplace_back();
  container.name = "main";
  container.image = "web";
  container.resources.requests = amounts(cpu, memory);
  return pod;
}

inline Pod on_node(Pod pod, std::string node) {
  pod.spec.nodeName = std::move(node);
  return pod;
}

inline Pod with_priority(Pod pod, std::int32_t priority) {
  pod.spec.priority = priority;
  return pod;
}

inline Pod with_label(Pod pod, std::string key, std::string value) {
  pod.metadata.labels[std::move(key)] = std::move(value);
  return pod;
}

inline Pod with_host_port(Pod pod, std::int32_t port, std::string protocol = "TCP",
                          std::string ip = {}) {
  pod.spec.containers[0].ports.push_back({.name = {},
                                          .hostPort = port,
                                          .containerPort = port,
                                          .protocol = std::move(protocol),
                                          .hostIP = std::move(ip)});
  return pod;
}

inline PodInfoPtr info_of(Pod pod) {
  return make_pod_info(std::make_shared<const Pod>(std::move(pod)));
}

}  // namespace keelson::scheduler
