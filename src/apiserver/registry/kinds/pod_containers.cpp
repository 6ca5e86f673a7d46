// SPDX-License-Identifier: Apache-2.0
// Containers of all three sorts: names and ports, and their parts, which have files of their own.
#include <algorithm>

#include "api/names.h"
#include "apiserver/registry/kinds/pod_parts.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::Container;

void check_ports(const std::vector<core::v1::ContainerPort>& ports, bool host_network,
                 const FieldPath& path, FieldErrors& errors) {
  NameSet names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const auto& port = ports[i];
    const FieldPath at = path.index(i);
    if (!port.name.empty()) {
      const auto messages = api::validate_port_name(port.name);
      if (!messages.empty()) {
        errors.invalid_each(at.child("name"), port.name, messages);
      } else if (!names.insert(port.name).second) {
        errors.duplicate(at.child("name"), port.name);
      }
    }
    if (port.containerPort == 0) {
      errors.required(at.child("containerPort"));
    } else {
      errors.invalid_each(at.child("containerPort"), port.containerPort,
                          api::validate_port_number(port.containerPort));
    }
    if (port.hostPort != 0) {
      errors.invalid_each(at.child("hostPort"), port.hostPort,
                          api::validate_port_number(port.hostPort));
    }
    if (port.protocol.empty()) errors.required(at.child("protocol"));
    if (host_network && port.hostPort != 0 && port.hostPort != port.containerPort) {
      errors.invalid(at.child("containerPort"), port.containerPort,
                     "must match `hostPort` when `hostNetwork` is true");
    }
  }
}

void forbid_life(const auto& container, std::string_view why, const FieldPath& path,
                 FieldErrors& errors) {
  if (container.lifecycle) errors.forbidden(path.child("lifecycle"), why);
  if (container.livenessProbe) errors.forbidden(path.child("livenessProbe"), why);
  if (container.readinessProbe) errors.forbidden(path.child("readinessProbe"), why);
  if (container.startupProbe) errors.forbidden(path.child("startupProbe"), why);
}

template <class C>
void check_container(const C& container, const PodContext& pod, NameSet& names,
                     const FieldPath& path, FieldErrors& errors) {
  if (container.name.empty()) {
    errors.required(path.child("name"));
  } else {
    const auto messages = api::validate_dns1123_label(container.name);
    errors.invalid_each(path.child("name"), container.name, messages);
    if (messages.empty() && !names.insert(container.name).second) {
      errors.duplicate(path.child("name"), container.name);
    }
  }
  if (container.image.empty()) errors.required(path.child("image"));
  check_ports(container.ports, pod.spec.hostNetwork, path.child("ports"), errors);
  check_environment(container.env, container.envFrom, path, errors);
  const bool privileged =
      container.securityContext && container.securityContext->privileged.value_or(false);
  check_mounts(container.volumeMounts, container.volumeDevices, privileged, pod, path, errors);
  check_container_resources(container.resources, pod.claims, path.child("resources"), errors);
  check_resize_policies(container.resizePolicy,
                        container.restartPolicy.value_or(pod.spec.restartPolicy),
                        path.child("resizePolicy"), errors);
  if (container.securityContext) {
    check_container_security(*container.securityContext, pod, path.child("securityContext"),
                             errors);
  }
}

void check_host_ports(const std::vector<Container>& containers, const FieldPath& path,
                      FieldErrors& errors) {
  NameSet taken;
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const auto& ports = containers[i].ports;
    for (std::size_t j = 0; j < ports.size(); ++j) {
      if (ports[j].hostPort == 0) continue;
      const std::string text =
          ports[j].protocol + "/" + ports[j].hostIP + "/" + std::to_string(ports[j].hostPort);
      if (!taken.insert(text).second) {
        errors.duplicate(path.index(i).child("ports").index(j).child("hostPort"), text);
      }
    }
  }
}

}  // namespace

void check_containers(const PodContext& pod, const FieldPath& path, FieldErrors& errors) {
  const auto& spec = pod.spec;
  NameSet names;
  const FieldPath containers = path.child("containers");
  if (spec.containers.empty()) errors.required(containers);
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    check_container(spec.containers[i], pod, names, containers.index(i), errors);
    check_life(spec.containers[i], spec, containers.index(i), errors);
  }
  check_host_ports(spec.containers, containers, errors);
  for (std::size_t i = 0; i < spec.initContainers.size(); ++i) {
    const FieldPath at = path.child("initContainers").index(i);
    check_container(spec.initContainers[i], pod, names, at, errors);
    if (podspec::is_sidecar(spec.initContainers[i])) {
      check_life(spec.initContainers[i], spec, at, errors);
    } else {
      forbid_life(spec.initContainers[i],
                  "may not be set for init containers without restartPolicy=Always", at, errors);
    }
  }
  for (std::size_t i = 0; i < spec.ephemeralContainers.size(); ++i) {
    const auto& container = spec.ephemeralContainers[i];
    const FieldPath at = path.child("ephemeralContainers").index(i);
    check_container(container, pod, names, at, errors);
    const auto is_target = [&](const Container& other) {
      return other.name == container.targetContainerName;
    };
    if (!container.targetContainerName.empty() &&
        std::ranges::none_of(spec.containers, is_target) &&
        std::ranges::none_of(spec.initContainers, is_target)) {
      errors.not_found(at.child("targetContainerName"), container.targetContainerName);
    }
    forbid_life(container, "cannot be set for an Ephemeral Container", at, errors);
  }
}

}  // namespace keelson::apiserver
