// SPDX-License-Identifier: Apache-2.0
// Which pods stand behind a Service, and on which ports. Pure; shared by the Endpoints and the
// EndpointSlice controller. Source: KEP-752, KEP-1672 (terminating endpoints).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/core/v1.h"

namespace keelson::controllers {

struct BackendPort {
  std::string name, protocol;
  std::int32_t port = 0;
  std::optional<std::string> app_protocol;

  auto operator<=>(const BackendPort&) const = default;
};

struct Backend {
  std::shared_ptr<const core::v1::Pod> pod;
  std::string address;
  bool ready = false;  // Gets new connections: serving and not on its way out.
  bool serving = false, terminating = false;
  std::vector<BackendPort> ports;  // In the service's order; those that the pod has.
  std::string hostname;            // Of the pod in the service's own domain; may be empty.
};

bool is_headless(const core::v1::Service& service);

// Pods (those that the selector finds) with an address in `ip_family` ("IPv4" or "IPv6").
std::vector<Backend> find_backends(const core::v1::Service& service,
                                   const std::vector<std::shared_ptr<const core::v1::Pod>>& pods,
                                   std::string_view ip_family);

// The number that a service's target port has in this pod; nothing if a name is unknown there.
std::optional<std::int32_t> find_target_port(const core::v1::Pod& pod,
                                             const core::v1::ServicePort& port);

// The families that a service's endpoints are made for: spec.ipFamilies, or by its cluster IP.
std::vector<std::string> address_families(const core::v1::Service& service);

}  // namespace keelson::controllers
