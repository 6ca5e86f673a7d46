// SPDX-License-Identifier: Apache-2.0
// How many questions for names of the cluster the name server answers a second, over UDP on
// loopback: one thread asks, one serves. Usage: dns_queries [seconds]
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "client/fake_api.h"
#include "dns/server.h"
#include "net/runtime.h"

namespace keelson::dns {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kServices = 1000;
constexpr std::size_t kBatch = 32, kWindow = 256;  // Sent at a time; under way.

core::v1::Service make_service(int number) {
  core::v1::Service service;
  service.metadata.namespace_ = "default";
  service.metadata.name = "web-" + std::to_string(number);
  service.spec.clusterIP =
      "10.43." + std::to_string(number / 250) + "." + std::to_string(number % 250 + 1);
  service.spec.clusterIPs = {service.spec.clusterIP};
  service.spec.ports = {{.name = "http", .protocol = "TCP", .port = 80}};
  return service;
}

// As resolvers ask: both families of each name.
std::vector<std::string> make_queries() {
  std::vector<std::string> out;
  for (int i = 0; i < kServices; ++i) {
    for (const Type type : {Type::A, Type::Aaaa}) {
      Query query;
      query.question = question_of("web-" + std::to_string(i) + ".default.svc.cluster.local",
                                   static_cast<std::uint16_t>(type));
      out.push_back(write_query(query, static_cast<std::uint16_t>(i)));
    }
  }
  return out;
}

long memory_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::strtol(line.c_str() + 8, nullptr, 10);
  return 0;
}

double cpu_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

class Load {
 public:
  explicit Load(std::uint16_t port) : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const timeval limit{0, 100'000};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (std::size_t i = 0; i < kBatch; ++i) {
      pieces_[i] = {buffers_[i].data(), buffers_[i].size()};
      answers_[i].msg_hdr.msg_iov = &pieces_[i];
      answers_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  ~Load() { close(socket_); }

  // Keeps a window of questions open for that long; returns how many were answered.
  std::size_t run(const std::vector<std::string>& queries, std::chrono::seconds time) {
    const auto end = Clock::now() + time;
    std::size_t answered = 0, next = 0;
    std::ptrdiff_t open = 0;
    while (Clock::now() < end) {
      while (open + static_cast<std::ptrdiff_t>(kBatch) <= static_cast<std::ptrdiff_t>(kWindow)) {
        std::array<mmsghdr, kBatch> headers{};
        std::array<iovec, kBatch> pieces{};
        for (std::size_t i = 0; i < kBatch; ++i) {
          const std::string& query = queries[next++ % queries.size()];
          pieces[i] = {const_cast<char*>(query.data()), query.size()};
          headers[i].msg_hdr.msg_iov = &pieces[i];
          headers[i].msg_hdr.msg_iovlen = 1;
        }
        open += std::max(0, sendmmsg(socket_, headers.data(), kBatch, 0));
      }
      const int count = recvmmsg(socket_, answers_.data(), kBatch, MSG_WAITFORONE, nullptr);
      if (count <= 0) {
        lost_ += static_cast<std::size_t>(open);
        open = 0;
        continue;
      }
      open -= count;
      answered += static_cast<std::size_t>(count);
    }
    return answered;
  }
  std::size_t lost() const { return lost_; }

 private:
  const int socket_;
  std::array<std::array<char, 1500>, kBatch> buffers_{};
  std::array<iovec, kBatch> pieces_{};
  std::array<mmsghdr, kBatch> answers_{};
  std::size_t lost_ = 0;
};

int run(int seconds) {
  const auto loop = net::make_runtime();
  client::FakeApi api(*loop);
  for (int i = 0; i < kServices; ++i) api.add(make_service(i));
  Server server(api, *loop, *loop,
                {.listen_address = "127.0.0.1", .port = 0, .resolv_conf = "/dev/null"});
  TaskGroup tasks(*loop);
  tasks.start(server.run());

  std::thread load([&] {
    while (server.port() == 0) std::this_thread::yield();
    Load client(server.port());
    const auto queries = make_queries();
    client.run(queries, std::chrono::seconds(1));
    const double cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    const double own = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    const auto start = Clock::now();
    const auto answered = static_cast<double>(client.run(queries, std::chrono::seconds(seconds)));
    const double wall = std::chrono::duration<double>(Clock::now() - start).count();
    const double client_cpu = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - own;
    const double server_cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu - client_cpu;
    std::printf(
        "%.0f answers/s; server %.2f us of CPU each (%.0f %% of a core), client %.2f us; "
        "%zu lost; RssAnon %ld KB\n",
        answered / wall, server_cpu / answered * 1e6, server_cpu / wall * 100,
        client_cpu / answered * 1e6, client.lost(), memory_kilobytes());
    spawn(*loop, [](TaskGroup* group, net::Runtime* runtime) -> Task<void> {
      co_await group->stop();
      runtime->stop();
    }(&tasks, loop.get()));
  });
  loop->run(1);
  load.join();
  return 0;
}

}  // namespace
}  // namespace keelson::dns

int main(int argc, char** argv) { return keelson::dns::run(argc > 1 ? std::atoi(argv[1]) : 5); }
