// SPDX-License-Identifier: Apache-2.0
// The environment variables of a container.
// Source: API reference of core/v1, Container.env and envFrom; "Accessing Services".
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kubelet/config_source.h"
#include "kubelet/expansion.h"
#include "kubelet/field_path.h"

namespace keelson::kubelet {

using ServicePtr = std::shared_ptr<const v1::Service>;
using Environment = std::vector<std::pair<std::string, std::string>>;

// WEB_SERVICE_HOST, WEB_SERVICE_PORT, WEB_PORT_80_TCP_ADDR and so on of each service that has a
// cluster IP.
Variables service_variables(const std::vector<ServicePtr>& services);

// The services whose variables a pod sees: "kubernetes" of the namespace default always; with
// enableServiceLinks also those of its own namespace.
std::vector<ServicePtr> visible_services(const v1::Pod& pod, const std::vector<ServicePtr>& all);

struct EnvironmentInputs {
  PodPtr pod;
  const v1::Container* container;  // Of `pod`.
  NodeValues node;
  std::vector<ServicePtr> services;  // visible_services()
  ConfigSource* configs;
};

// In the order of the spec, service variables that nothing overrides last.
// Errors: NotFound for a ConfigMap, Secret or key that is not optional; BadRequest.
Task<Result<Environment>> make_environment(EnvironmentInputs inputs);

}  // namespace keelson::kubelet
