// SPDX-License-Identifier: Apache-2.0
// HTTP in memory: a client whose requests go straight to a handler, with upgrades over pipes.
#pragma once

#include <gtest/gtest.h>

#include "base/sync.h"
#include "base/virtual_executor.h"
#include "net/http.h"
#include "net/splice.h"

namespace keelson::remotecommand {

class FakeExchange final : public net::HttpExchange {
 public:
  explicit FakeExchange(net::HttpRequest request) : request_(std::move(request)) {}

  const net::HttpRequest& request() const override { return request_; }
  const net::Peer& peer() const override { return peer_; }
  Task<Result<std::string>> read_body(std::size_t) override { co_return request_.body; }
  Task<Result<std::size_t>> read_some(std::span<char>) override { co_return std::size_t{0}; }
  Task<Result<void>> respond(net::HttpResponse response) override {
    CHECK(!answer_);
    answer_ = std::move(response);
    answered_.set();
    co_return Result<void>{};
  }
  Task<Result<void>> respond_shared(net::HttpResponse head,
                                    std::vector<std::shared_ptr<const std::string>>) override {
    return respond(std::move(head));
  }
  Task<Result<void>> start(net::HttpResponse head) override { return respond(std::move(head)); }
  Task<Result<void>> write(std::shared_ptr<const std::string>) override {
    co_return Result<void>{};
  }
  Task<Result<void>> finish() override { co_return Result<void>{}; }
  std::stop_token closed() const override { return {}; }
  Task<Result<std::unique_ptr<net::Stream>>> upgrade(net::HttpResponse head) override {
    CHECK(!answer_);
    answer_ = std::move(head);
    auto [near, far] = net::make_pipe();
    client_stream_ = std::move(near);
    answered_.set();
    co_return std::move(far);
  }

  // What the client sees, once the handler has answered.
  Task<net::HttpClient::Upgraded> answer() {
    (void)co_await answered_.wait();
    net::HttpClient::Upgraded upgraded;
    upgraded.head = *answer_;
    upgraded.stream = std::move(client_stream_);
    co_return upgraded;
  }

 private:
  net::HttpRequest request_;
  net::Peer peer_;
  Event answered_;
  std::optional<net::HttpResponse> answer_;
  std::unique_ptr<net::Stream> client_stream_;
};

// Serves each upgrade with `handler`, as a task of its own.
class FakeClient final : public net::HttpClient {
 public:
  FakeClient(Executor& executor, net::HttpHandler handler)
      : executor_(executor), handler_(std::move(handler)) {}

  Task<Result<net::HttpResponse>> send(net::HttpRequest, Duration, std::size_t) override {
    co_return fail(Status::unavailable("not served"));
  }
  Task<Result<std::unique_ptr<net::HttpBody>>> open(net::HttpRequest) override {
    co_return fail(Status::unavailable("not served"));
  }
  Task<Result<Upgraded>> upgrade(net::HttpRequest request) override {
    requests.push_back(request);
    if (unreachable) co_return fail(Status::unavailable(*unreachable));
    auto exchange = std::make_shared<FakeExchange>(std::move(request));
    auto serve = [](net::HttpHandler& handler, std::shared_ptr<FakeExchange> served) -> Task<void> {
      co_await handler(*served);
    };
    spawn(executor_, serve(handler_, exchange));
    co_return co_await exchange->answer();
  }

  std::vector<net::HttpRequest> requests;
  std::optional<std::string> unreachable;

 private:
  Executor& executor_;
  net::HttpHandler handler_;
};

class RemoteCommandTest : public testing::Test {
 protected:
  // While the handlers' fixture is still whole: lets all tasks end whose connections are gone.
  void TearDown() override { executor_.advance(std::chrono::minutes(10)); }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    auto store = [](Task<T> inner, std::optional<T>* out) -> Task<void> {
      out->emplace(co_await std::move(inner));
    };
    spawn(executor_, store(std::move(task), &value));
    CHECK(executor_.run_until([&value] { return value.has_value(); }, std::chrono::hours(1)));
    return *std::move(value);
  }
  void run(Task<void> task) {
    auto finish = [](Task<void> inner) -> Task<bool> {
      co_await std::move(inner);
      co_return true;
    };
    run(finish(std::move(task)));
  }

  static Task<std::string> read_to_end(net::Stream& from) {
    std::string all;
    while (true) {
      auto bytes = co_await net::read_some(from);
      if (!bytes) co_return all + "<" + bytes.error().message() + ">";
      if (bytes->empty()) co_return all;
      all += *bytes;
    }
  }
  std::string read_all(net::Stream& from) { return run(read_to_end(from)); }
  std::string read_some(net::Stream& from) { return run(net::read_some(from)).value(); }

  VirtualExecutor executor_;
};

inline net::HttpRequest spdy_request(std::string target, std::vector<std::string> protocols) {
  net::HttpRequest request;
  request.method = "POST";
  request.target = std::move(target);
  request.headers = {{"Connection", "Upgrade"}, {"Upgrade", "SPDY/3.1"}};
  for (auto& protocol : protocols)
    request.headers.add("X-Stream-Protocol-Version", std::move(protocol));
  return request;
}

inline net::HttpRequest websocket_request(std::string target, std::string protocols) {
  net::HttpRequest request;
  request.target = std::move(target);
  request.headers = {{"Connection", "Upgrade"},
                     {"Upgrade", "websocket"},
                     {"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  if (!protocols.empty()) request.headers.add("Sec-WebSocket-Protocol", std::move(protocols));
  return request;
}

}  // namespace keelson::remotecommand
