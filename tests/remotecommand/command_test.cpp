// SPDX-License-Identifier: Apache-2.0
#include "remotecommand/command.h"

#include <gtest/gtest.h>

namespace keelson::remotecommand {
namespace {

net::Target query(std::vector<std::pair<std::string, std::string>> fields) {
  return {.path = "/exec", .query = std::move(fields)};
}

TEST(CommandOptions, AreReadFromEitherQuery) {
  const CommandOptions all_but_tty{.with_stdin = true, .with_stdout = true, .with_stderr = true};
  EXPECT_EQ(parse_kubelet_options(query({{"input", "1"}, {"output", "1"}, {"error", "1"}})).value(),
            all_but_tty);
  EXPECT_EQ(
      parse_pod_options(query({{"stdin", "true"}, {"stdout", "1"}, {"stderr", "true"}})).value(),
      all_but_tty);
  EXPECT_EQ(
      parse_pod_options(query({{"stdin", "False"}, {"stdout", "True"}, {"tty", "0"}})).value(),
      (CommandOptions{.with_stdout = true}));
  EXPECT_EQ(parse_kubelet_options(query({{"input", "true"}, {"output", "1"}})).value(),
            (CommandOptions{.with_stdout = true}));
}

TEST(CommandOptions, HaveNoStderrBesidesATerminal) {
  EXPECT_EQ(
      parse_pod_options(query({{"stdout", "true"}, {"stderr", "true"}, {"tty", "true"}})).value(),
      (CommandOptions{.with_stdout = true, .tty = true}));
}

TEST(CommandOptions, NeedAtLeastOneStream) {
  for (const auto& target :
       {query({}), query({{"tty", "1"}}), query({{"tty", "1"}, {"error", "1"}})}) {
    const auto options = parse_kubelet_options(target);
    ASSERT_FALSE(options);
    EXPECT_EQ(options.error().message(), "you must specify at least 1 of stdin, stdout, stderr");
    EXPECT_EQ(options.error().code(), 400);
  }
}

TEST(CommandOptions, RoundTripThroughAKubeletsQuery) {
  EXPECT_EQ(kubelet_query({.with_stdin = true, .with_stdout = true, .tty = true}),
            "input=1&output=1&tty=1");
  EXPECT_EQ(kubelet_query({.with_stderr = true}), "error=1");
}

TEST(TerminalSize, IsReadFromAnyPortions) {
  TerminalSizeDecoder decoder;
  EXPECT_TRUE(decoder.decode("{\"Width\":80,")->empty());
  EXPECT_EQ(decoder.decode("\"Height\":24}\n{\"Width\":1,\"Height\":65535}\n{").value(),
            (std::vector<TerminalSize>{{80, 24}, {1, 65535}}));
  EXPECT_EQ(decoder.decode("\"Width\":7}").value(), (std::vector<TerminalSize>{{7, 0}}));
}

TEST(TerminalSize, RoundTrips) {
  TerminalSizeDecoder decoder;
  EXPECT_EQ(encode_terminal_size({120, 40}), "{\"Width\":120,\"Height\":40}\n");
  EXPECT_EQ(decoder.decode(encode_terminal_size({120, 40})).value(),
            (std::vector<TerminalSize>{{120, 40}}));
}

TEST(TerminalSize, RefusesWhatIsNone) {
  for (const std::string_view text : {"{\"Width\":-1}", "{\"Width\":65536}", "{\"Width\":\"80\"}",
                                      "}", "[]}", "{\"Width\":1.5}"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(TerminalSizeDecoder{}.decode(text));
  }
  EXPECT_FALSE(TerminalSizeDecoder{}.decode(std::string(5000, ' ')));
}

TEST(CommandStatus, IsUpstreamsJsonSinceV4) {
  struct Case {
    CommandStatus status;
    std::string_view json;
  };
  const Case cases[] = {
      {CommandStatus::exited(0), R"({"metadata":{},"status":"Success"})"},
      {CommandStatus::exited(3),
       R"({"metadata":{},"status":"Failure",)"
       R"("message":"command terminated with non-zero exit code: exit status 3",)"
       R"("reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}})"},
      {CommandStatus::failed(Status::bad_request("no such container")),
       R"({"metadata":{},"status":"Failure","message":"no such container",)"
       R"("reason":"BadRequest","code":400})"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(encode_command_status(c.status, true), c.json);
    EXPECT_EQ(decode_command_status(c.json, true), c.status);
  }
}

TEST(CommandStatus, IsTheMessageOfAFailureBeforeV4) {
  EXPECT_EQ(encode_command_status(CommandStatus::exited(0), false), "");
  EXPECT_EQ(encode_command_status(CommandStatus::failed(Status::bad_request("broken")), false),
            "broken");
  EXPECT_TRUE(decode_command_status("", false).success);
  const auto failed = decode_command_status("broken", false);
  EXPECT_FALSE(failed.success);
  EXPECT_EQ(failed.message, "broken");
}

TEST(CommandStatus, IsAFailureWhenItMakesNoSense) {
  for (const std::string_view text : {"oops", "[]", "{}", R"({"status":"Failure","details":[1]})",
                                      R"({"status":1})", R"({"details":{"causes":[1]}})"}) {
    SCOPED_TRACE(text);
    const auto status = decode_command_status(text, true);
    EXPECT_FALSE(status.success);
    EXPECT_EQ(status.exit_code, std::nullopt);
  }
}

}  // namespace
}  // namespace keelson::remotecommand
