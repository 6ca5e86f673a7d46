// SPDX-License-Identifier: Apache-2.0
// The chains that packets take to an endpoint, by what tells them apart: services that are alike
// share theirs, so their names are made of it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace keelson::proxy {

// What is done with a packet before an endpoint is picked.
enum class Action : std::uint8_t { Internal, InternalLocal, External, ExternalLocal };

// Chains that pick one of so many endpoints of whichever service a packet is for.
struct Picker {
  bool node_port = false, local = false;
  std::uint32_t count = 0;
  int affinity_seconds = 0;
  std::uint32_t owner = 0;  // Round robin takes turns within one service, so each has its own.

  auto operator<=>(const Picker&) const = default;
  std::string chain() const {
    std::string name = std::string(node_port ? "node-port" : "service") +
                       (local ? "-local-" : "-") + std::to_string(count);
    if (affinity_seconds) name += "-affinity-" + std::to_string(affinity_seconds);
    if (owner) name += "-of-" + std::to_string(owner);
    return name;
  }
};

// Chains that act and go on to a picker. Those of services that are alike are the same.
struct Way {
  Action action = Action::Internal;
  std::optional<Picker> all, local;  // Those that the action needs; none: no endpoint is there.

  auto operator<=>(const Way&) const = default;
  std::string chain() const {
    static constexpr std::string_view kNames[] = {"internal", "internal-local", "external",
                                                  "external-local"};
    std::string name(kNames[static_cast<std::size_t>(action)]);
    for (const auto& picker : {all, local}) {
      if (picker) name += "-" + picker->chain();
    }
    return name;
  }
};

}  // namespace keelson::proxy
