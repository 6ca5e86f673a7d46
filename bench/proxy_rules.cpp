// SPDX-License-Identifier: Apache-2.0
// How long the service proxy takes to write its rules, in a network namespace of its own (as root):
// all of them at a start, then one service among many; and what a new connection costs, which is
// not to depend on how many there are. Usage: proxy_rules
#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "proxy/nftables_backend.h"

namespace keelson::proxy {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;
using core::v1::Service;
using discovery::v1::EndpointSlice;

constexpr char kNode[] = "node-1";
constexpr std::uint16_t kPort = 8080;

double since(Clock::time_point start) { return Milliseconds(Clock::now() - start).count(); }

std::string ip_text(std::uint32_t address) {
  const in_addr raw{htonl(address)};
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &raw, text, sizeof text);
}

std::string service_ip(int number) { return ip_text(0x0a600000U + static_cast<unsigned>(number)); }

struct Input {
  Service service;
  std::vector<SlicePtr> slices;
};

Input make_input(int number, int endpoints) {
  Input input;
  auto& service = input.service;
  service.metadata.namespace_ = "default";
  service.metadata.name = "service-" + std::to_string(number);
  service.spec.clusterIP = service_ip(number);
  service.spec.clusterIPs = {service.spec.clusterIP};
  service.spec.ports = {{.name = "http", .protocol = "TCP", .port = 80}};
  EndpointSlice slice;
  slice.addressType = "IPv4";
  slice.ports = {{.name = "http", .protocol = "TCP", .port = kPort}};
  for (int i = 0; i < endpoints; ++i)
    slice.endpoints.push_back(
        {.addresses = {ip_text(0x0a800000U + static_cast<unsigned>(number * endpoints + i))},
         .conditions = {.ready = true, .serving = true, .terminating = false},
         .nodeName = kNode});
  input.slices = {std::make_shared<const EndpointSlice>(std::move(slice))};
  return input;
}

std::vector<ServicePort> make_ports(const std::vector<Input>& inputs) {
  std::vector<ServicePort> ports;
  for (const auto& input : inputs) {
    for (auto& port : make_service_ports(input.service, input.slices, kNode, IpFamily::V4))
      ports.push_back(std::move(port));
  }
  return ports;
}

void check(const Result<void>& done) {
  if (done) return;
  std::fprintf(stderr, "%s\n", done.error().message().c_str());
  std::exit(1);
}

long memory_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::strtol(line.c_str() + 8, nullptr, 10);
  return 0;
}

std::unique_ptr<Backend> make_backend() {
  return std::move(*make_nftables_backend({.cluster_cidr = "10.128.0.0/9"}));
}

sockaddr_in address_of(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
  return address;
}

// The median time of a connection to service 7, which leads to a listener of this program.
double connection_microseconds() {
  std::vector<double> times;
  const auto address = address_of(service_ip(7), 80);
  for (int i = 0; i < 2000; ++i) {
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto start = Clock::now();
    CHECK(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    times.push_back(since(start) * 1000);
    // Reset, so that no port is kept waiting.
    const linger hard{.l_onoff = 1, .l_linger = 0};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(client);
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

void measure_start(int services, int endpoints) {
  std::vector<Input> inputs;
  for (int i = 0; i < services; ++i) inputs.push_back(make_input(i, endpoints));
  const long before = memory_kilobytes();
  const auto start = Clock::now();
  const auto ports = make_ports(inputs);
  const double model = since(start);
  const auto backend = make_backend();
  check(backend->replace(ports));
  const double all = since(start);
  const auto again = Clock::now();
  check(make_backend()->replace(ports));
  std::printf(
      "start: %d services, %d endpoints: %.0f ms (model %.0f ms), %ld KB; restart: %.0f ms\n",
      services, services * endpoints, all, model, memory_kilobytes() - before, since(again));
  check(backend->clean_up());
}

void measure_changes(int services) {
  constexpr int kChanges = 300, kEndpoints = 5;
  std::vector<Input> inputs;
  for (int i = 0; i < services; ++i) inputs.push_back(make_input(i, kEndpoints));
  auto ports = make_ports(inputs);
  ports[7].endpoints = {{"127.0.0.1", kPort}};
  const auto backend = make_backend();
  check(backend->replace(ports));
  const double connection = connection_microseconds();

  // Another endpoint in place of one, as when a pod is replaced; then one more, as in a rollout.
  for (const bool adds : {false, true}) {
    std::vector<double> times;
    for (int i = 0; i < kChanges; ++i) {
      auto& port = ports[static_cast<std::size_t>(100 + i * 37 % (services - 100))];
      if (adds) port.endpoints.emplace_back();
      port.endpoints.back() = {
          ip_text((adds ? 0x0af10000U : 0x0af00000U) + static_cast<unsigned>(i)), kPort};
      const auto start = Clock::now();
      check(backend->apply({.set = {port}, .removed = {}}));
      times.push_back(since(start));
    }
    std::ranges::sort(times);
    std::printf("change: 1 of %5d services, an endpoint %-9s p50 %.2f ms, p99 %.2f ms\n", services,
                adds ? "added:" : "replaced:", times[times.size() / 2],
                times[times.size() * 99 / 100]);
  }
  std::printf("connection among %5d services: %.1f us\n", services, connection);

  for (auto& port : ports) port.endpoints.back().port = 9090;
  const auto start = Clock::now();
  check(backend->apply({.set = ports, .removed = {}}));
  std::printf("change: all %5d services: %.0f ms\n", services, since(start));
  check(backend->clean_up());
}

int run() {
  if (unshare(CLONE_NEWNET) != 0 ||
      std::system("ip link set lo up && ip route add default dev lo") != 0) {
    std::fprintf(stderr, "proxy_rules needs root and ip\n");
    return 1;
  }
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = address_of("127.0.0.1", kPort);
  CHECK(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK(listen(listener, 4096) == 0);
  measure_changes(200);
  measure_changes(10'000);
  measure_start(5'000, 50);
  return 0;
}

}  // namespace
}  // namespace keelson::proxy

int main() { return keelson::proxy::run(); }
