// SPDX-License-Identifier: Apache-2.0
#include "api/discovery/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using discovery::v1::EndpointSlice;

constexpr std::size_t kShown = 3;

std::string ports_of(const EndpointSlice& slice) {
  std::vector<std::string> ports;
  for (const auto& port : slice.ports) {
    ports.push_back(port.port ? std::to_string(*port.port) : or_else(port.name, "*"));
  }
  const std::size_t count = ports.size();
  return or_else(join_some(std::move(ports), count, kShown), kUnset);
}

std::string endpoints_of(const EndpointSlice& slice) {
  std::vector<std::string> addresses;
  std::size_t count = 0;
  for (const auto& endpoint : slice.endpoints) {
    for (const std::string& address : endpoint.addresses) {
      ++count;
      if (addresses.size() < kShown) addresses.push_back(address);
    }
  }
  return or_else(join_some(std::move(addresses), count, kShown), kUnset);
}

Cells endpoint_slice_cells(const EndpointSlice& slice, Wall now) {
  return {slice.metadata.name, slice.addressType, ports_of(slice), endpoints_of(slice),
          age_of(slice, now)};
}

constexpr Printer kPrinters[] = {printer<EndpointSlice, endpoint_slice_cells>()};

}  // namespace

std::span<const Printer> discovery_printers() { return kPrinters; }

}  // namespace keelson::apiserver
