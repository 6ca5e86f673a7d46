// SPDX-License-Identifier: Apache-2.0
// The channel against a small server of the test's own, and against containerd's.
#include "net/grpc.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "run.h"

extern char** environ;

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

std::string frame(std::string_view message) {
  std::string bytes(5, '\0');
  for (int i = 0; i < 4; ++i) bytes[1 + i] = static_cast<char>(message.size() >> (24 - 8 * i));
  return bytes + std::string(message);
}

Task<void> write_frame(HttpExchange& exchange, std::string message) {
  (void)co_await exchange.write(std::make_shared<const std::string>(frame(message)));
}

Task<void> serve_grpc(HttpExchange& exchange) {
  const HttpRequest& request = exchange.request();
  const Headers plain{{"content-type", "application/grpc"}};
  if (request.target == "/test/Echo") {
    auto body = co_await exchange.read_body(64 << 20);
    (void)co_await exchange.start({.status = 200, .headers = plain, .body = {}});
    (void)co_await exchange.write(std::make_shared<const std::string>(std::move(*body)));
    (void)co_await exchange.finish_with({{"grpc-status", "0"}});
  } else if (request.target == "/test/Fail") {
    (void)co_await exchange.respond(
        {.status = 200,
         .headers = {{"content-type", "application/grpc"},
                     {"grpc-status", "5"},
                     {"grpc-message", "pod sandbox %22x%22: not found 100%"}},
         .body = {}});
  } else if (request.target == "/test/Stream") {
    (void)co_await exchange.start({.status = 200, .headers = plain, .body = {}});
    std::array<char, 1024> buffer;
    int bytes = 0;
    while (true) {
      auto size = co_await exchange.read_some(buffer);
      if (!size || *size == 0) break;
      bytes += static_cast<int>(*size);
      co_await write_frame(exchange, "so far " + std::to_string(bytes));
    }
    (void)co_await exchange.finish_with({{"grpc-status", "14"}, {"grpc-message", "going away"}});
  } else if (request.target == "/test/Hang") {
    (void)co_await sleep_for(1h);
  } else if (request.target == "/test/Cut") {
    (void)co_await exchange.start({.status = 200, .headers = plain, .body = {}});
    (void)co_await exchange.write(std::make_shared<const std::string>(frame("abc").substr(0, 6)));
    (void)co_await exchange.finish_with({{"grpc-status", "0"}});
  } else {
    (void)co_await exchange.respond({.status = 404, .headers = {}, .body = "no such method"});
  }
}

class GrpcTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/keelson-grpc-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(GrpcTest, CallsFailuresAndTimeoutsOverAUnixSocket) {
  const std::string path = folder_ + "/socket";
  run_test(
      [path](Runtime& runtime) -> Task<void> {
        auto server = *serve_http(runtime, *listen_unix(runtime, path), nullptr, serve_grpc);
        {
          const auto channel = make_grpc_channel(runtime, {.unix_path = path});
          const std::string large(5 << 20, 'm');
          EXPECT_EQ((co_await channel->call("/test/Echo", "hello", 5s)).value_or("failed"),
                    "hello");
          EXPECT_EQ((co_await channel->call("/test/Echo", "", 5s)).value_or("failed"), "");
          EXPECT_TRUE((co_await channel->call("/test/Echo", large, 20s)).value_or("failed") ==
                      large);

          const auto missing = co_await channel->call("/test/Fail", "", 5s);
          EXPECT_TRUE(missing.error().is(Reason::NotFound));
          EXPECT_EQ(missing.error().message(), "pod sandbox \"x\": not found 100%");
          const auto unknown = co_await channel->call("/test/Unknown", "", 5s);
          EXPECT_TRUE(unknown.error().is(Reason::NotImplemented));
          const auto cut = co_await channel->call("/test/Cut", "", 5s);
          EXPECT_TRUE(cut.error().is(Reason::InternalError));
          const auto late = co_await channel->call("/test/Hang", "", 20ms);
          EXPECT_TRUE(late.error().is(Reason::Timeout));
        }
        co_await server->stop(5s);
      },
      2);
}

TEST_F(GrpcTest, StreamsBothWaysUntilTheStatus) {
  const std::string path = folder_ + "/socket";
  run_test([path](Runtime& runtime) -> Task<void> {
    auto server = *serve_http(runtime, *listen_unix(runtime, path), nullptr, serve_grpc);
    {
      const auto channel = make_grpc_channel(runtime, {.unix_path = path});
      auto stream = co_await channel->open("/test/Stream");
      EXPECT_TRUE(stream);
      EXPECT_TRUE(co_await (*stream)->send("12345"));
      EXPECT_EQ((co_await (*stream)->receive()).value(), "so far 10");
      EXPECT_TRUE(co_await (*stream)->send("1"));
      EXPECT_EQ((co_await (*stream)->receive()).value(), "so far 16");
      EXPECT_TRUE(co_await (*stream)->done_sending());
      const auto end = co_await (*stream)->receive();
      EXPECT_TRUE(end.error().is(Reason::ServiceUnavailable));
      EXPECT_EQ(end.error().message(), "going away");
    }
    co_await server->stop(5s);
  });
}

TEST_F(GrpcTest, ConnectsAgainWhenTheServerIsBack) {
  const std::string path = folder_ + "/socket";
  run_test(
      [path](Runtime& runtime) -> Task<void> {
        const auto channel = make_grpc_channel(runtime, {.unix_path = path});
        const auto nobody = co_await channel->call("/test/Echo", "x", 5s);
        EXPECT_TRUE(nobody.error().is(Reason::ServiceUnavailable));
        for (int i = 0; i < 2; ++i) {
          auto server = *serve_http(runtime, *listen_unix(runtime, path), nullptr, serve_grpc);
          EXPECT_TRUE(co_await channel->call("/test/Echo", "x", 5s));
          co_await server->stop(5s);
        }
      },
      2);
}

// --- A real peer --------------------------------------------------------------------------------

// A program of the test's own, ended with the test.
class Program {
 public:
  Program(std::vector<std::string> arguments, const std::string& log) {
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_CREAT | O_WRONLY, 0600);
    ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

 private:
  pid_t pid_ = -1;
};

// The first answer of a server that is still starting.
Task<Result<std::string>> call_when_up(GrpcChannel* channel, std::string method,
                                       std::string message) {
  for (int i = 0;; ++i) {
    auto answer = co_await channel->call(method, message, 5s);
    if (answer || i == 100) co_return answer;
    (void)co_await sleep_for(100ms);
  }
}

TEST_F(GrpcTest, AsksContainerdForItsVersion) {
  ASSERT_EQ(::access("/usr/bin/containerd", X_OK), 0) << "scripts/packages run installs it";
  ASSERT_EQ(::geteuid(), 0U) << "containerd needs root";
  const std::string socket = folder_ + "/containerd.sock";
  // Only what answers Version: nothing that would touch the machine.
  std::ofstream(folder_ + "/config.toml") << "version = 2\nimports = []\n"
                                          << "[plugins.\"io.containerd.internal.v1.opt\"]\n"
                                          << "path = \"" << folder_ << "/opt\"\n"
                                          << "[plugins.\"io.containerd.grpc.v1.cri\"]\n"
                                          << "[plugins.\"io.containerd.grpc.v1.cri\".cni]\n"
                                          << "bin_dir = \"" << folder_ << "/cni\"\n"
                                          << "conf_dir = \"" << folder_ << "/cni\"\n";
  const Program containerd({"/usr/bin/containerd", "--config", folder_ + "/config.toml", "--root",
                            folder_ + "/root", "--state", folder_ + "/state", "--address", socket},
                           folder_ + "/log");
  run_test([socket](Runtime& runtime) -> Task<void> {
    const auto channel = make_grpc_channel(runtime, {.unix_path = socket});

    const auto version =
        co_await call_when_up(channel.get(), "/runtime.v1.RuntimeService/Version", "");

    EXPECT_TRUE(version) << (version ? "" : version.error().message());
    // Field 2, runtime_name.
    EXPECT_NE(version.value_or("").find("\x12\x0a"
                                        "containerd"),
              std::string::npos);
    const auto missing =
        co_await channel->call("/runtime.v1.RuntimeService/ContainerStatus", "\x0a\x04gone", 5s);
    EXPECT_TRUE(missing.error().is(Reason::NotFound)) << missing.error().message();
    const auto unknown = co_await channel->call("/runtime.v1.RuntimeService/Nothing", "", 5s);
    EXPECT_TRUE(unknown.error().is(Reason::NotImplemented));
  });
}

}  // namespace
}  // namespace keelson::net
