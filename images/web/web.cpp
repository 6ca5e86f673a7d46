// SPDX-License-Identifier: Apache-2.0
// The demonstration's web server: every answer names the pod that gave it, so that one sees a
// Service balance. GET / names it, /healthz says ok, /slow answers after a second. Listens on $PORT
// (8080). On SIGTERM it takes no new connections, answers those it has, and ends.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#ifndef WEB_VERSION
#define WEB_VERSION "1"
#endif

namespace {

std::atomic<bool> stopping{false};
std::atomic<int> connections{0};
int wake_pipe[2];
char host_name[256];

void on_terminate(int) {
  stopping = true;
  const char byte = 0;
  // The accept loop polls the other end; a full pipe wakes it just as well.
  [[maybe_unused]] const auto written = write(wake_pipe[1], &byte, 1);
}

bool send_all(int socket, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(socket, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

// Answers one request whose head is `head`; false ends the connection.
bool answer(int socket, const char* head) {
  const bool close_after = stopping || strcasestr(head, "\nconnection: close") != nullptr ||
                           strstr(head, " HTTP/1.0") != nullptr;
  char body[512];
  int status = 200;
  if (strncmp(head, "GET /healthz", 12) == 0) {
    snprintf(body, sizeof body, "ok\n");
  } else if (strncmp(head, "GET ", 4) == 0 || strncmp(head, "HEAD ", 5) == 0) {
    if (strncmp(head, "GET /slow", 9) == 0) sleep(1);
    snprintf(body, sizeof body, "%s web %s\n", host_name, WEB_VERSION);
  } else {
    status = 405;
    snprintf(body, sizeof body, "only GET\n");
  }
  char response[1024];
  const int length =
      snprintf(response, sizeof response,
               "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: "
               "%s\r\n\r\n%s",
               status, status == 200 ? "OK" : "Method Not Allowed", strlen(body),
               close_after ? "close" : "keep-alive", strncmp(head, "HEAD ", 5) == 0 ? "" : body);
  return send_all(socket, response, static_cast<size_t>(length)) && !close_after;
}

void* serve(void* argument) {
  const int socket = static_cast<int>(reinterpret_cast<intptr_t>(argument));
  char buffer[8192];
  size_t used = 0;
  while (used + 1 < sizeof buffer) {
    // An idle connection ends soon after SIGTERM, a busy one after its answer.
    pollfd ready{socket, POLLIN, 0};
    const int polled = poll(&ready, 1, 200);
    if (polled == 0 && stopping && used == 0) break;
    if (polled <= 0) continue;
    const ssize_t count = recv(socket, buffer + used, sizeof buffer - used - 1, 0);
    if (count <= 0) break;
    used += static_cast<size_t>(count);
    buffer[used] = 0;
    bool open = true;
    while (char* end = strstr(buffer, "\r\n\r\n")) {
      *end = 0;
      open = answer(socket, buffer);
      const size_t head = static_cast<size_t>(end - buffer) + 4;
      memmove(buffer, buffer + head, used - head + 1);
      used -= head;
      if (!open) break;
    }
    if (!open) break;
  }
  close(socket);
  --connections;
  return nullptr;
}

}  // namespace

int main() {
  gethostname(host_name, sizeof host_name - 1);
  if (pipe(wake_pipe) != 0) return 1;
  signal(SIGTERM, on_terminate);
  signal(SIGINT, on_terminate);

  const char* port = getenv("PORT");
  const int listener = socket(AF_INET6, SOCK_STREAM, 0);
  const int on = 1, off = 0;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_any;
  address.sin6_port = htons(static_cast<uint16_t>(port ? atoi(port) : 8080));
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 1024) != 0) {
    perror("listen");
    return 1;
  }
  printf("web %s listens on port %d as %s\n", WEB_VERSION, ntohs(address.sin6_port), host_name);
  fflush(stdout);

  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  while (!stopping) {
    pollfd ready[2] = {{listener, POLLIN, 0}, {wake_pipe[0], POLLIN, 0}};
    if (poll(ready, 2, -1) < 0 || !(ready[0].revents & POLLIN)) continue;
    const int socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++connections;
    pthread_t thread;
    if (pthread_create(&thread, &attributes, serve,
                       reinterpret_cast<void*>(static_cast<intptr_t>(socket))) != 0) {
      close(socket);
      --connections;
    }
  }
  close(listener);
  while (connections > 0) usleep(10'000);
  printf("web %s ends\n", WEB_VERSION);
  return 0;
}
