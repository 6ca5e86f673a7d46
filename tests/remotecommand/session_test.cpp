// SPDX-License-Identifier: Apache-2.0
// Commands over both protocols, as clients see them on the wire.
#include "remotecommand/session.h"

#include "fake_http.h"
#include "net/spdy/session.h"
#include "net/websocket/websocket.h"

namespace keelson::remotecommand {
namespace {

constexpr std::string_view kSuccess = R"({"metadata":{},"status":"Success"})";

const CommandOptions kAll{.with_stdin = true, .with_stdout = true, .with_stderr = true};
const CommandOptions kTerminal{.with_stdin = true, .with_stdout = true, .tty = true};

// A program: shouts its input, says on stderr how large its terminal was, exits with 7 for "fail".
Task<void> run_program(CommandSession& session) {
  CommandStreams& streams = session.streams();
  std::string input;
  if (streams.resize) {
    while (true) {
      auto size = co_await session.next_size();
      if (!size || !*size) break;
      (void)co_await streams.output->write(std::to_string((*size)->width) + "x" +
                                           std::to_string((*size)->height) + " ");
      if ((*size)->width == 1) break;
    }
  }
  while (streams.input) {
    auto bytes = co_await net::read_some(*streams.input);
    if (!bytes || bytes->empty()) break;
    input += *bytes;
    if (streams.resize && input.ends_with('\n')) break;
  }
  std::string shout = input;
  for (char& c : shout) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (streams.output) (void)co_await streams.output->write(shout);
  if (streams.errors) (void)co_await streams.errors->write("done");
  co_await session.finish(CommandStatus::exited(input == "fail" ? 7 : 0));
}

class CommandSessionTest : public RemoteCommandTest {
 protected:
  // A server that runs the program with `options`.
  void serve(CommandOptions options) {
    client_ = std::make_unique<FakeClient>(executor_, [this, options](net::HttpExchange& exchange) {
      return handle(exchange, options);
    });
  }
  Task<void> handle(net::HttpExchange& exchange, CommandOptions options) {
    auto session = co_await accept_command(exchange, options);
    if (session) {
      co_await run_program(**session);
    } else {
      accept_error_ = session.error().message();
    }
  }

  net::HttpClient::Upgraded upgrade(net::HttpRequest request) {
    return run(client_->upgrade(std::move(request))).value();
  }
  std::unique_ptr<net::WebSocket> websocket(std::string protocols) {
    auto upgraded = upgrade(websocket_request("/exec", std::move(protocols)));
    CHECK(upgraded.stream);
    protocol_ = upgraded.head.headers.get("Sec-WebSocket-Protocol");
    return std::make_unique<net::WebSocket>(executor_, std::move(upgraded.stream),
                                            net::WebSocketRole::Client, *random_);
  }
  void send(net::WebSocket& socket, std::string bytes,
            net::WebSocketOpcode opcode = net::WebSocketOpcode::Binary) {
    ASSERT_TRUE(run(socket.send(opcode, std::move(bytes))));
  }
  // All messages until the connection is closed in order.
  std::vector<std::string> messages(net::WebSocket& socket) {
    std::vector<std::string> all;
    while (true) {
      auto message = run(socket.receive_message(1 << 20));
      if (!message) {
        all.push_back("<" + message.error().message() + ">");
        return all;
      }
      if (!*message) return all;
      all.push_back((*message)->bytes);
    }
  }

  const std::unique_ptr<Random> random_ = make_seeded_random(1);
  std::unique_ptr<FakeClient> client_;
  std::string protocol_;
  std::string accept_error_;
};

std::string channel(char number, std::string_view bytes) {
  return std::string(1, number) + std::string(bytes);
}

// --- Our own client -----------------------------------------------------------------------------

TEST_F(CommandSessionTest, RunsOverSpdy) {
  serve(kAll);
  const auto command = run(connect_command(*client_, {.target = "/exec"}, kAll)).value();
  ASSERT_TRUE(run(command->streams().input->write("hello")));
  ASSERT_TRUE(run(command->streams().input->shutdown_write()));

  EXPECT_EQ(read_all(*command->streams().output), "HELLO");
  EXPECT_EQ(read_all(*command->streams().errors), "done");
  EXPECT_EQ(run(command->wait()).value(), CommandStatus{});
  EXPECT_EQ(client_->requests[0].headers.all("X-Stream-Protocol-Version").size(), 4u);
}

TEST_F(CommandSessionTest, TellsTheExitCode) {
  serve(kAll);
  const auto command = run(connect_command(*client_, {}, kAll)).value();
  ASSERT_TRUE(run(command->streams().input->write("fail")));
  ASSERT_TRUE(run(command->streams().input->shutdown_write()));
  EXPECT_EQ(run(command->wait()).value(), CommandStatus::exited(7));
}

TEST_F(CommandSessionTest, PassesSizesOfTheTerminal) {
  serve(kTerminal);
  const auto command = run(connect_command(*client_, {}, kTerminal)).value();
  EXPECT_EQ(command->streams().errors, nullptr);
  ASSERT_TRUE(run(command->resize({80, 24})));
  ASSERT_TRUE(run(command->resize({1, 2})));
  ASSERT_TRUE(run(command->streams().input->write("ls\n")));

  EXPECT_EQ(read_all(*command->streams().output), "80x24 1x2 LS\n");
}

TEST_F(CommandSessionTest, ReportsAServerThatVanishesAsAFailure) {
  client_ = std::make_unique<FakeClient>(executor_, [](net::HttpExchange& exchange) -> Task<void> {
    const auto session = co_await accept_command(exchange, {.with_stdout = true});
    (void)co_await sleep_for(std::chrono::seconds(1));
  });
  const auto command = run(connect_command(*client_, {}, {.with_stdout = true})).value();
  EXPECT_EQ(run(command->wait()).error().message(), "connection ended before the command did");
}

TEST_F(CommandSessionTest, ReportsARefusal) {
  client_ = std::make_unique<FakeClient>(executor_, [](net::HttpExchange& exchange) -> Task<void> {
    net::HttpResponse response;
    response.status = 404;
    response.body = "container not found\n";
    (void)co_await exchange.respond(response);
  });
  const auto command = run(connect_command(*client_, {}, kAll));
  ASSERT_FALSE(command);
  EXPECT_EQ(command.error().message(), "unable to upgrade connection: container not found");
  EXPECT_EQ(command.error().code(), 404);
}

// --- kubectl's SPDY -----------------------------------------------------------------------------

TEST_F(CommandSessionTest, GivesUpOnAClientThatOpensNoStreams) {
  serve(kAll);
  const auto upgraded = upgrade(spdy_request("/exec", {"v4.channel.k8s.io"}));
  executor_.advance(std::chrono::minutes(1));
  EXPECT_EQ(accept_error_, "timed out waiting for client to create streams");
}

TEST_F(CommandSessionTest, SpeaksTheOldestProtocolToo) {
  serve(kAll);
  auto upgraded = upgrade(spdy_request("/exec", {"channel.k8s.io"}));
  EXPECT_EQ(upgraded.head.headers.get("X-Stream-Protocol-Version"), "channel.k8s.io");
  net::SpdySession session(executor_, std::move(upgraded.stream), net::SpdyRole::Client);
  std::map<std::string, std::unique_ptr<net::SpdyStream>> streams;
  for (const std::string type : {"error", "stdin", "stdout", "stderr"})
    streams[type] = run(session.open({{"streamType", type}})).value();
  ASSERT_TRUE(run(streams["stdin"]->write("fail")));
  ASSERT_TRUE(run(streams["stdin"]->shutdown_write()));

  EXPECT_EQ(read_all(*streams["stdout"]), "FAIL");
  EXPECT_EQ(read_all(*streams["error"]),
            "command terminated with non-zero exit code: exit status 7");
}

TEST_F(CommandSessionTest, RefusesStreamsThatWereNotAskedFor) {
  serve({.with_stdout = true});
  auto upgraded = upgrade(spdy_request("/exec", {"v4.channel.k8s.io"}));
  net::SpdySession session(executor_, std::move(upgraded.stream), net::SpdyRole::Client);
  for (const std::string type : {"stdin", "nonsense", ""})
    EXPECT_FALSE(run(session.open({{"streamType", type}})));
  EXPECT_TRUE(run(session.open({{"streamType", "stdout"}})));
}

// --- Answers to requests that cannot be served --------------------------------------------------

TEST_F(CommandSessionTest, RefusesRequestsInUpstreamsWords) {
  struct Case {
    std::string_view name;
    net::HttpRequest request;
    int code;
    std::string_view body;
  };
  net::HttpRequest no_spdy = spdy_request("/exec", {"v4.channel.k8s.io"});
  no_spdy.headers.set("Upgrade", "h2c");
  net::HttpRequest no_key = websocket_request("/exec", "v5.channel.k8s.io");
  no_key.headers.remove("Sec-WebSocket-Key");
  const Case cases[] = {
      {"no upgrade", net::HttpRequest{}, 400,
       R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
       R"("message":"Upgrade request required","reason":"BadRequest","code":400})"},
      {"no protocol", spdy_request("/exec", {}), 400,
       "unable to upgrade: X-Stream-Protocol-Version is required\n"},
      {"unknown protocol", spdy_request("/exec", {"v9.channel.k8s.io", "v8"}), 403,
       "unable to upgrade: unable to negotiate protocol: client supports [v9.channel.k8s.io v8], "
       "server accepts [v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]\n"},
      {"another upgrade", no_spdy, 400, "unable to upgrade: missing upgrade headers in request\n"},
      {"unknown subprotocol", websocket_request("/exec", "chat"), 403,
       "requested protocol(s) are not supported: [chat]; supports [v5.channel.k8s.io "
       "v4.channel.k8s.io v4.base64.channel.k8s.io channel.k8s.io base64.channel.k8s.io ]\n"},
      {"no key", no_key, 400, "unable to upgrade: websocket: Sec-WebSocket-Key is required\n"},
  };
  serve(kAll);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto answer = upgrade(c.request);
    EXPECT_EQ(answer.stream, nullptr);
    EXPECT_EQ(answer.head.status, c.code);
    EXPECT_EQ(answer.head.body, c.body);
  }
}

TEST_F(CommandSessionTest, TakesTheClientsFavouriteProtocol) {
  serve(kAll);
  const auto upgraded =
      upgrade(spdy_request("/exec", {"v9", "v2.channel.k8s.io, v4.channel.k8s.io"}));
  EXPECT_EQ(upgraded.head.status, 101);
  EXPECT_EQ(upgraded.head.headers.get("Upgrade"), "SPDY/3.1");
  EXPECT_EQ(upgraded.head.headers.get("X-Stream-Protocol-Version"), "v2.channel.k8s.io");
}

// --- WebSocket ----------------------------------------------------------------------------------

TEST_F(CommandSessionTest, SpeaksV5WithHalfClose) {
  serve(kAll);
  const auto socket = websocket("v5.channel.k8s.io");
  EXPECT_EQ(protocol_, "v5.channel.k8s.io");
  send(*socket, channel(0, "hel"));
  send(*socket, channel(0, "lo"));
  send(*socket, "\xff" + std::string(1, '\0'));

  EXPECT_EQ(messages(*socket),
            (std::vector<std::string>{channel(1, ""), channel(1, "HELLO"), channel(2, "done"),
                                      channel(3, kSuccess)}));
}

TEST_F(CommandSessionTest, TakesTextForBinaryAsSomeClientsSendIt) {
  serve(kTerminal);
  const auto socket = websocket("v4.channel.k8s.io");
  send(*socket, channel(4, "{\"Width\":80,\"Height\":24}"), net::WebSocketOpcode::Text);
  send(*socket, channel(4, "{\"Width\":1,\"Height\":1}"), net::WebSocketOpcode::Text);
  send(*socket, channel(0, "ls\n"), net::WebSocketOpcode::Text);

  EXPECT_EQ(messages(*socket),
            (std::vector<std::string>{channel(1, ""), channel(1, "80x24 "), channel(1, "1x1 "),
                                      channel(1, "LS\n"), channel(3, kSuccess)}));
}

TEST_F(CommandSessionTest, SpeaksBase64) {
  serve(kTerminal);
  const auto socket = websocket("v4.base64.channel.k8s.io");
  send(*socket, "4eyJXaWR0aCI6MX0=", net::WebSocketOpcode::Text);
  send(*socket, "0bHMK", net::WebSocketOpcode::Text);

  EXPECT_EQ(messages(*socket),
            (std::vector<std::string>{"1", "1MXgwIA==", "1TFMK",
                                      "3eyJtZXRhZGF0YSI6e30sInN0YXR1cyI6IlN1Y2Nlc3MifQ=="}));
}

TEST_F(CommandSessionTest, EndsAConnectionWithMalformedBase64) {
  serve(kAll);
  const auto socket = websocket("base64.channel.k8s.io");
  send(*socket, "0b!MK", net::WebSocketOpcode::Text);
  const auto all = messages(*socket);
  EXPECT_TRUE(all.back().starts_with("<websocket: close 1006")) << all.back();
}

TEST_F(CommandSessionTest, ServesClientsThatNameNoProtocol) {
  serve({.with_stdout = true});
  const auto socket = websocket("");
  EXPECT_EQ(protocol_, "");
  // No status: before v4 silence is success.
  EXPECT_EQ(messages(*socket), (std::vector<std::string>{channel(1, "")}));
}

TEST_F(CommandSessionTest, IgnoresChannelsThatItDoesNotKnow) {
  serve(kAll);
  const auto socket = websocket("v5.channel.k8s.io");
  send(*socket, channel(9, "lost"));
  send(*socket, channel(1, "lost"));
  send(*socket, "");
  send(*socket, "\xff\x09");
  send(*socket, channel(0, "x"));
  send(*socket, "\xff" + std::string(1, '\0'));
  EXPECT_EQ(messages(*socket)[1], channel(1, "X"));
}

// --- Bridge -------------------------------------------------------------------------------------

class BridgeTest : public CommandSessionTest {
 protected:
  // client_ -> a server that bridges -> runtime_, which runs the program.
  void serve_bridged(CommandOptions options) {
    serve(options);
    runtime_ = std::move(client_);
    client_ = std::make_unique<FakeClient>(executor_, [this, options](net::HttpExchange& exchange) {
      return join(exchange, options);
    });
  }
  Task<void> join(net::HttpExchange& exchange, CommandOptions options) {
    auto command = co_await connect_command(*runtime_, {}, options);
    CHECK(command);
    auto session = co_await accept_command(exchange, options);
    CHECK(session);
    co_await bridge(**session, **command);
    bridged_ = true;
  }

  std::unique_ptr<FakeClient> runtime_;
  bool bridged_ = false;
};

TEST_F(BridgeTest, JoinsWebSocketToSpdy) {
  serve_bridged(kAll);
  const auto socket = websocket("v5.channel.k8s.io");
  send(*socket, channel(0, "fail"));
  send(*socket, "\xff" + std::string(1, '\0'));

  auto all = messages(*socket);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<std::string>{
                     channel(1, ""), channel(1, "FAIL"), channel(2, "done"),
                     channel(3, encode_command_status(CommandStatus::exited(7), true))}));
  executor_.advance(std::chrono::minutes(1));
  EXPECT_TRUE(bridged_);
}

TEST_F(BridgeTest, JoinsSpdyToSpdyWithATerminal) {
  serve_bridged(kTerminal);
  const auto command = run(connect_command(*client_, {}, kTerminal)).value();
  ASSERT_TRUE(run(command->resize({1, 9})));
  ASSERT_TRUE(run(command->streams().input->write("ls\n")));

  EXPECT_EQ(read_all(*command->streams().output), "1x9 LS\n");
  EXPECT_TRUE(run(command->wait())->success);
}

TEST_F(BridgeTest, CarriesMoreThanTheBuffersHold) {
  serve_bridged({.with_stdin = true, .with_stdout = true});
  const auto command =
      run(connect_command(*client_, {}, {.with_stdin = true, .with_stdout = true})).value();
  const std::string large(4 << 20, 'a');
  auto send_all = [](net::Stream& to, const std::string& bytes) -> Task<void> {
    (void)co_await to.write(bytes);
    (void)co_await to.shutdown_write();
  };
  spawn(executor_, send_all(*command->streams().input, large));

  EXPECT_EQ(read_all(*command->streams().output), std::string(4 << 20, 'A'));
  EXPECT_TRUE(run(command->wait())->success);
}

TEST_F(BridgeTest, EndsTheCommandsInputWhenTheClientVanishes) {
  serve_bridged(kAll);
  auto socket = websocket("v5.channel.k8s.io");
  send(*socket, channel(0, "unfinished"));
  executor_.run_ready();
  EXPECT_FALSE(bridged_);

  socket.reset();

  executor_.advance(std::chrono::minutes(1));
  EXPECT_TRUE(bridged_);
}

TEST_F(BridgeTest, TellsTheClientWhenTheRuntimeVanishes) {
  runtime_ = std::make_unique<FakeClient>(executor_, [](net::HttpExchange& exchange) -> Task<void> {
    auto session = co_await accept_command(exchange, kAll);
    (void)co_await (*session)->streams().output->write("so far");
    (void)co_await sleep_for(std::chrono::seconds(1));
  });
  client_ = std::make_unique<FakeClient>(
      executor_, [this](net::HttpExchange& exchange) { return join(exchange, kAll); });
  const auto command = run(connect_command(*client_, {}, kAll)).value();

  const auto status = run(command->wait()).value();

  EXPECT_FALSE(status.success);
  EXPECT_EQ(status.message, "connection ended before the command did");
}

}  // namespace
}  // namespace keelson::remotecommand
