// SPDX-License-Identifier: Apache-2.0
// A real API server on a store in memory and a virtual clock, and requests to it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/document.h"
#include "apiserver/api_server.h"
#include "base/virtual_executor.h"
#include "net/http.h"
#include "store/memory/memory_store.h"

namespace keelson::apiserver {

// One request and what was answered, without sockets.
class FakeExchange final : public net::HttpExchange {
 public:
  explicit FakeExchange(net::HttpRequest request) : request_(std::move(request)) {}

  const net::HttpRequest& request() const override { return request_; }
  const net::Peer& peer() const override { return peer_; }
  net::Peer& peer() { return peer_; }

  Task<Result<std::string>> read_body(std::size_t limit_bytes) override;
  Task<Result<std::size_t>> read_some(std::span<char> into) override;
  Task<Result<void>> respond(net::HttpResponse response) override;
  Task<Result<void>> respond_shared(net::HttpResponse head,
                                    std::vector<std::shared_ptr<const std::string>> body) override;
  Task<Result<void>> start(net::HttpResponse head) override;
  Task<Result<void>> write(std::shared_ptr<const std::string> chunk) override;
  Task<Result<void>> finish() override;
  std::stop_token closed() const override { return closed_.get_token(); }
  Task<Result<std::unique_ptr<net::Stream>>> upgrade(net::HttpResponse head) override;

  // The peer goes away.
  void close() { closed_.request_stop(); }

  net::HttpResponse response;  // The body of a streamed response grows.
  std::vector<std::shared_ptr<const std::string>> chunks;
  bool finished = false;
  bool handled = false;  // The server's handler has returned.

 private:
  net::HttpRequest request_;
  net::Peer peer_;
  std::stop_source closed_;
};

struct Answer {
  int code = 0;
  net::Headers headers;
  std::string body;
  api::Document json;  // Null where the body is none.

  std::string_view text(std::initializer_list<std::string_view> path) const {
    return api::string_at(json, path);
  }
};

// A watch that goes on while the test does other things.
struct Streaming {
  std::shared_ptr<FakeExchange> exchange;
  // The events that have come since the last call, parsed.
  std::vector<api::Document> events();

 private:
  std::size_t seen_ = 0;
};

class TestCluster {
 public:
  explicit TestCluster(std::function<void(ApiServerOptions&)> adjust = {});
  ~TestCluster();

  VirtualExecutor executor;
  std::unique_ptr<Random> random;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<ApiServer> server;

  // As system:masters, unless `headers` or `user` say otherwise.
  Answer request(std::string method, std::string target, std::string body = {},
                 net::Headers headers = {});
  Answer get(std::string target) { return request("GET", std::move(target)); }
  Answer post(std::string target, std::string body) {
    return request("POST", std::move(target), std::move(body));
  }
  Answer put(std::string target, std::string body) {
    return request("PUT", std::move(target), std::move(body));
  }
  Answer patch(std::string target, std::string body, std::string type = "merge-patch") {
    return request("PATCH", std::move(target), std::move(body),
                   {{"Content-Type", "application/" + type + "+json"}});
  }
  Answer remove(std::string target, std::string body = {}) {
    return request("DELETE", std::move(target), std::move(body));
  }
  Streaming watch(std::string target, net::Headers headers = {});

  // Runs a task to its end.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    spawn(executor, store_result(std::move(task), &result));
    CHECK(executor.run_until([&] { return result.has_value(); }, std::chrono::minutes(5)));
    return std::move(*result);
  }

  std::string user = "admin";
  std::vector<std::string> groups = {"system:masters"};
  std::string certificate_error;  // What TLS had against the certificate.

 private:
  template <class T>
  static Task<void> store_result(Task<T> task, std::optional<T>* result) {
    result->emplace(co_await std::move(task));
  }
  std::shared_ptr<FakeExchange> begin(std::string method, std::string target, std::string body,
                                      net::Headers headers);
};

// {"apiVersion":"v1","kind":"ConfigMap",...} with the data given as JSON members.
std::string config_map(const std::string& name, const std::string& data = "\"k\":\"v\"",
                       const std::string& more_metadata = {});

}  // namespace keelson::apiserver
