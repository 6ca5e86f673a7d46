// SPDX-License-Identifier: Apache-2.0
#include "net/stream.h"

#include <unistd.h>

#include <filesystem>

#include "base/sync.h"
#include "base/virtual_executor.h"
#include "run.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

Task<std::string> read_to_end(Stream* stream) {
  std::string all;
  std::array<char, 4096> buffer;
  while (true) {
    auto size = co_await stream->read(buffer);
    if (!size || *size == 0) co_return all;
    all.append(buffer.data(), *size);
  }
}

TEST(Pipe, CarriesBytesBothWaysAndEndsEachByItself) {
  VirtualExecutor executor;
  auto [left, right] = make_pipe();
  std::string at_right, at_left;
  spawn(executor, [](Stream* a, Stream* b, std::string* to_b, std::string* to_a) -> Task<void> {
    EXPECT_TRUE(co_await a->write("ping"));
    EXPECT_TRUE(co_await a->shutdown_write());
    *to_b = co_await read_to_end(b);
    const std::string_view pieces[] = {"po", "", "ng"};
    EXPECT_TRUE(co_await b->write_all(pieces));
    EXPECT_TRUE(co_await b->shutdown_write());
    *to_a = co_await read_to_end(a);
  }(left.get(), right.get(), &at_right, &at_left));

  executor.run_ready();

  EXPECT_EQ(at_right, "ping");
  EXPECT_EQ(at_left, "pong");
}

TEST(Pipe, WriterWaitsForASlowReader) {
  VirtualExecutor executor;
  auto [left, right] = make_pipe();
  bool written = false;
  std::string read;
  const std::string large(1 << 20, 'x');
  spawn(executor, [](Stream* stream, const std::string* bytes, bool* done) -> Task<void> {
    EXPECT_TRUE(co_await stream->write(*bytes));
    EXPECT_TRUE(co_await stream->shutdown_write());
    *done = true;
  }(left.get(), &large, &written));
  executor.run_ready();
  EXPECT_FALSE(written);

  spawn(executor, [](Stream* stream, std::string* out) -> Task<void> {
    *out = co_await read_to_end(stream);
  }(right.get(), &read));
  executor.run_ready();

  EXPECT_TRUE(written);
  EXPECT_EQ(read, large);
}

TEST(Pipe, ClosingEndsTheWaitsOfBothSides) {
  VirtualExecutor executor;
  auto [left, right] = make_pipe();
  std::optional<Result<std::size_t>> at_left, at_right;
  const auto wait = [](Stream* stream, std::optional<Result<std::size_t>>* out) -> Task<void> {
    std::array<char, 8> buffer;
    *out = co_await stream->read(buffer);
  };
  spawn(executor, wait(left.get(), &at_left));
  spawn(executor, wait(right.get(), &at_right));
  executor.run_ready();
  ASSERT_FALSE(at_left || at_right);

  left->close();
  executor.run_ready();

  ASSERT_TRUE(at_left && at_right);
  EXPECT_TRUE(at_left->error().is(Reason::ServiceUnavailable));
  EXPECT_EQ(at_right->value(), 0u);  // To the peer it is the end of the stream.
}

TEST(Pipe, StoppingTheTaskEndsItsRead) {
  VirtualExecutor executor;
  auto [left, right] = make_pipe();
  std::stop_source stop;
  std::optional<Result<std::size_t>> outcome;
  spawn(
      executor,
      [](Stream* stream, std::optional<Result<std::size_t>>* out) -> Task<void> {
        std::array<char, 8> buffer;
        *out = co_await stream->read(buffer);
      }(left.get(), &outcome),
      stop.get_token());
  executor.run_ready();

  stop.request_stop();
  executor.run_ready();

  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->error().is(Reason::Canceled));
}

// Echoes one connection until its end.
Task<void> echo(Listener* listener) {
  auto stream = co_await listener->accept();
  EXPECT_TRUE(stream);
  if (!stream) co_return;
  EXPECT_EQ((*stream)->peer().address, "127.0.0.1");
  std::vector<char> buffer(64 << 10);
  while (true) {
    auto size = co_await (*stream)->read(buffer);
    if (!size || *size == 0) break;
    const std::string_view bytes(buffer.data(), *size);
    const std::string_view pieces[] = {bytes.substr(0, 1), bytes.substr(1)};
    EXPECT_TRUE(co_await (*stream)->write_all(pieces));
  }
  EXPECT_TRUE(co_await (*stream)->shutdown_write());
}

TEST(Tcp, EchoesMoreThanTheBuffersHold) {
  run_test(
      [](Runtime& runtime) -> Task<void> {
        auto listener = listen_tcp(runtime, "127.0.0.1", 0);
        EXPECT_TRUE(listener);
        TaskGroup group(runtime);
        group.start(echo(listener->get()));
        auto stream = co_await connect_tcp(runtime, "127.0.0.1", (*listener)->port(), 5s);
        EXPECT_TRUE(stream);
        std::string sent;
        for (int i = 0; i < 2'000'000; ++i) sent.push_back(static_cast<char>(i * 7));
        group.start([](Stream* to, const std::string* bytes) -> Task<void> {
          EXPECT_TRUE(co_await to->write(*bytes));
          EXPECT_TRUE(co_await to->shutdown_write());
        }(stream->get(), &sent));

        const std::string received = co_await read_to_end(stream->get());

        EXPECT_TRUE(received == sent);
        co_await group.join();
      },
      2);
}

TEST(Tcp, RefusalsSayWhatWasTried) {
  run_test([](Runtime& runtime) -> Task<void> {
    auto listener = listen_tcp(runtime, "127.0.0.1", 0);
    EXPECT_TRUE(listener);
    const auto port = (*listener)->port();
    const auto taken = listen_tcp(runtime, "127.0.0.1", port);
    EXPECT_FALSE(taken);
    EXPECT_EQ(taken.error().message(),
              "listen tcp 127.0.0.1:" + std::to_string(port) + ": bind: address already in use");

    (*listener)->close();
    const auto refused = co_await connect_tcp(runtime, "127.0.0.1", port, 5s);

    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error().message(),
              "dial tcp 127.0.0.1:" + std::to_string(port) + ": connect: connection refused");
  });
}

TEST(Tcp, ConnectsByNameAndCancelsItsWaits) {
  run_test([](Runtime& runtime) -> Task<void> {
    auto listener = listen_tcp(runtime, "", 0);
    EXPECT_TRUE(listener);
    auto stream = co_await connect_tcp(runtime, "localhost", (*listener)->port(), 5s);
    EXPECT_TRUE(stream);
    if (!stream) co_return;
    std::array<char, 8> buffer;

    const auto late = co_await with_timeout(10ms, (*stream)->read(buffer));
    EXPECT_TRUE(late.error().is(Reason::Timeout));

    // The stream is as good as before the wait that was given up.
    auto accepted = co_await (*listener)->accept();
    EXPECT_TRUE(co_await (*accepted)->write("hello"));
    const auto size = co_await (*stream)->read(buffer);
    EXPECT_EQ(size.value(), 5u);

    const auto no_accept = co_await with_timeout(10ms, (*listener)->accept());
    EXPECT_TRUE(no_accept.error().is(Reason::Timeout));
  });
}

TEST(Unix, ReplacesADeadSocketButNotALiveOne) {
  char folder[] = "/tmp/keelson-net-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/socket";
  run_test([path](this auto, Runtime& runtime) -> Task<void> {
    auto first = listen_unix(runtime, path);
    EXPECT_TRUE(first);
    const auto mode = std::filesystem::status(path).permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    auto stream = co_await connect_unix(runtime, path);
    EXPECT_TRUE(stream);
    auto accepted = co_await (*first)->accept();
    EXPECT_TRUE(co_await (*accepted)->write("x"));
    EXPECT_TRUE(co_await (*accepted)->shutdown_write());
    EXPECT_EQ(co_await read_to_end(stream->get()), "x");
    EXPECT_FALSE(listen_unix(runtime, path));

    (*first)->close();
    EXPECT_FALSE(std::filesystem::exists(path));
  });
  std::filesystem::remove_all(folder);
}

TEST(Runtime, BlocksOnHelpersAndFiresTimersInOrder) {
  run_test(
      [](Runtime& runtime) -> Task<void> {
        co_await suspended<bool>(
            false, [&](Completion<bool> done) { runtime.block([done] { done.complete(true); }); });
        Channel<int> fired(8);
        runtime.after(30ms, [&] { fired.try_push(3); });
        runtime.after(10ms, [&] { fired.try_push(1); });
        const TimerId never = runtime.after(20ms, [&] { fired.try_push(2); });
        EXPECT_TRUE(runtime.cancel(never));
        EXPECT_FALSE(runtime.cancel(never));

        EXPECT_EQ(co_await fired.pop(), 1);
        EXPECT_EQ(co_await fired.pop(), 3);
      },
      2);
}

TEST(Runtime, DeliversSignals) {
  run_test([](Runtime& runtime) -> Task<void> {
    Channel<int> signals(8);
    runtime.on_signals({SIGUSR2}, [&](int signal) { signals.try_push(signal); });
    ::kill(::getpid(), SIGUSR2);
    EXPECT_EQ(co_await signals.pop(), SIGUSR2);
    ::kill(::getpid(), SIGUSR2);
    EXPECT_EQ(co_await signals.pop(), SIGUSR2);
  });
}

}  // namespace
}  // namespace keelson::net
