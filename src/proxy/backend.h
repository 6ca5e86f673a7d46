// SPDX-License-Identifier: Apache-2.0
// Where the rules live. Calls block for as long as the kernel takes: milliseconds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/model.h"

namespace keelson::proxy {

struct Changes {
  std::vector<ServicePort> set;  // New, or changed from what the backend has.
  std::vector<ServicePortName> removed;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // Makes the rules for exactly these ports, in place of whatever an earlier process left; packets
  // meet the old rules until the new ones are complete. Call first, and after an error of apply().
  // Both forget UDP flows whose endpoint has gone, so that their next packets find another.
  virtual Result<void> replace(const std::vector<ServicePort>& ports) = 0;
  // Each service port changes in one step.
  virtual Result<void> apply(const Changes& changes) = 0;
  // Takes away all that was made.
  virtual Result<void> clean_up() = 0;
};

enum class Balancing : std::uint8_t { Random, RoundRobin };

struct BackendOptions {
  IpFamily family = IpFamily::V4;
  std::string cluster_cidr;  // Sources outside it are masqueraded; empty: none are.
  bool masquerade_all = false;
  std::uint32_t masquerade_mark = 1U << 14;
  Balancing balancing = Balancing::Random;
  // Local addresses that node ports are open at, as networks; empty: all. Never loopback's.
  std::vector<std::string> node_port_addresses;
};

}  // namespace keelson::proxy
