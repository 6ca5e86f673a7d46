// SPDX-License-Identifier: Apache-2.0
#include "cmd/host_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

namespace keelson::cmd {
namespace {

std::string text_of(const in_addr& address) {
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &address, text, sizeof text) ? text : "";
}

std::string routed_address() {
  const int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return {};
  // Connecting a datagram socket only asks the routing table. The address is of the range for
  // documentation (RFC 5737).
  sockaddr_in far{};
  far.sin_family = AF_INET;
  far.sin_port = htons(53);
  inet_pton(AF_INET, "192.0.2.1", &far.sin_addr);
  sockaddr_in own{};
  socklen_t size = sizeof own;
  std::string address;
  if (connect(probe, reinterpret_cast<sockaddr*>(&far), sizeof far) == 0 &&
      getsockname(probe, reinterpret_cast<sockaddr*>(&own), &size) == 0)
    address = text_of(own.sin_addr);
  close(probe);
  return address;
}

std::string first_address() {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return {};
  std::string address;
  for (const ifaddrs* one = all; one && address.empty(); one = one->ifa_next) {
    if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_LOOPBACK) ||
        !(one->ifa_flags & IFF_UP))
      continue;
    address = text_of(reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr);
  }
  freeifaddrs(all);
  return address;
}

}  // namespace

std::string host_address() {
  if (auto address = routed_address(); !address.empty()) return address;
  if (auto address = first_address(); !address.empty()) return address;
  return "127.0.0.1";
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  std::string text = name;
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text.empty() ? "localhost" : text;
}

}  // namespace keelson::cmd
