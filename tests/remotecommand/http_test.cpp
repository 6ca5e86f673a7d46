// SPDX-License-Identifier: Apache-2.0
// The whole way over TCP on several threads: client -> API server (relays) -> kubelet (serves).
#include <gtest/gtest.h>

#include <thread>

#include "net/splice.h"
#include "net/websocket/handshake.h"
#include "net/websocket/websocket.h"
#include "remotecommand/port_forward.h"
#include "remotecommand/proxy.h"
#include "remotecommand/session.h"

namespace keelson::remotecommand {
namespace {

constexpr int kParallel = 24;
const CommandOptions kEcho{.with_stdin = true, .with_stdout = true};

Task<void> echo(net::HttpExchange& exchange) {
  auto session = co_await accept_command(exchange, kEcho);
  if (!session) co_return;
  CommandStreams& streams = (*session)->streams();
  (void)co_await net::copy_stream(*streams.input, *streams.output);
  co_await (*session)->finish(CommandStatus::exited(5));
}

// What was read until `end` bytes or the end of the stream.
Task<std::string> read_all(net::Stream& stream) {
  std::string all;
  while (true) {
    auto bytes = co_await net::read_some(stream);
    if (!bytes || bytes->empty()) co_return all;
    all += *bytes;
  }
}

Task<bool> run_over_spdy(net::HttpClient& client, std::string text) {
  auto command = co_await connect_command(client, {}, kEcho);
  if (!command) co_return false;
  auto& streams = (*command)->streams();
  if (!co_await streams.input->write(text)) co_return false;
  if (!co_await streams.input->shutdown_write()) co_return false;
  const std::string echoed = co_await read_all(*streams.output);
  const auto status = co_await (*command)->wait();
  co_await (*command)->close();
  co_return echoed == text&& status && status->exit_code == 5;
}

Task<bool> run_over_websocket(net::HttpClient& client, std::string text, Random& random) {
  const TaskContext& context = co_await this_context();
  net::HttpRequest request;
  net::set_websocket_request(request, {"v5.channel.k8s.io"}, random);
  auto upgraded = co_await client.upgrade(request);
  if (!upgraded || !upgraded->stream) co_return false;
  net::WebSocket socket(*context.executor, std::move(upgraded->stream), net::WebSocketRole::Client,
                        random);
  const std::string input = std::string(1, '\0') + text;
  if (!co_await socket.send(net::WebSocketOpcode::Binary, input)) co_return false;
  const std::string no_more{'\xff', '\0'};
  if (!co_await socket.send(net::WebSocketOpcode::Binary, no_more)) co_return false;
  std::string echoed, status;
  while (true) {
    auto message = co_await socket.receive_message(1 << 20);
    if (!message) co_return false;
    if (!*message) break;
    ((*message)->bytes[0] == 1 ? echoed : status) += (*message)->bytes.substr(1);
  }
  co_await socket.close();
  co_return echoed == text&& decode_command_status(status, true).exit_code == 5;
}

class HttpTest : public testing::Test {
 protected:
  HttpTest() {
    kubelet_ = serve(echo);
    to_kubelet_ = client_of(*kubelet_);
    apiserver_ = serve([this](net::HttpExchange& exchange) { return relay(exchange); });
    client_ = client_of(*apiserver_);
  }
  ~HttpTest() override {
    client_.reset();
    wait(apiserver_->stop(Duration::zero()));
    to_kubelet_.reset();
    wait(kubelet_->stop(Duration::zero()));
    runtime_->stop();
    loop_.join();
  }

  std::unique_ptr<net::HttpServer> serve(net::HttpHandler handler) {
    auto listener = net::listen_tcp(*runtime_, "127.0.0.1", 0);
    CHECK(listener);
    auto server = net::serve_http(*runtime_, std::move(*listener), nullptr, std::move(handler));
    CHECK(server);
    return std::move(*server);
  }
  std::unique_ptr<net::HttpClient> client_of(const net::HttpServer& server) {
    return net::make_http_client(*runtime_, {.host = "127.0.0.1", .port = server.port()});
  }
  Task<void> relay(net::HttpExchange& exchange) {
    (void)co_await relay_command(exchange, *to_kubelet_, {}, kEcho);
  }

  // Blocks the test's thread, which is none of the runtime's.
  void wait(Task<void> task) {
    std::atomic<bool> done{false};
    auto finish = [](Task<void> inner, std::atomic<bool>* flag) -> Task<void> {
      co_await std::move(inner);
      flag->store(true);
      flag->notify_one();
    };
    spawn(*runtime_, finish(std::move(task), &done));
    done.wait(false);
  }

  const std::unique_ptr<net::Runtime> runtime_ = net::make_runtime();
  const std::unique_ptr<Random> random_ = make_system_random();
  std::thread loop_{[this] { runtime_->run(4); }};
  std::unique_ptr<net::HttpServer> kubelet_, apiserver_;
  std::unique_ptr<net::HttpClient> to_kubelet_, client_;
};

TEST_F(HttpTest, RunsManyCommandsAtOnceOverBothProtocols) {
  int succeeded = 0;
  auto run_all = [](net::HttpClient& client, Random& random, int* count) -> Task<void> {
    std::vector<Task<bool>> tasks;
    for (int i = 0; i < kParallel; ++i) {
      const std::string text(static_cast<std::size_t>(i) * 5000 + 1, static_cast<char>('a' + i));
      tasks.push_back(i % 2 == 0 ? run_over_spdy(client, text)
                                 : run_over_websocket(client, text, random));
    }
    for (const bool success : co_await when_all(std::move(tasks))) *count += success;
  };

  wait(run_all(*client_, *random_, &succeeded));

  EXPECT_EQ(succeeded, kParallel);
}

}  // namespace
}  // namespace keelson::remotecommand
