// SPDX-License-Identifier: Apache-2.0
#include "remotecommand/command.h"

#include <boost/json.hpp>

namespace keelson::remotecommand {
namespace {

namespace json = boost::json;

// More than any size needs: what is longer is not a size.
constexpr std::size_t kSizeBytesMax = 1024;

Result<CommandOptions> checked(CommandOptions options) {
  // A terminal has one output.
  if (options.tty) options.with_stderr = false;
  if (!options.with_stdin && !options.with_stdout && !options.with_stderr)
    return fail(Reason::BadRequest, "you must specify at least 1 of stdin, stdout, stderr");
  return options;
}

std::optional<std::uint16_t> dimension(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (!value) return std::uint16_t{0};  // Go leaves an absent field at its zero.
  boost::system::error_code error;
  const auto number = value->to_number<std::uint16_t>(error);
  if (error) return std::nullopt;
  return number;
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<int> exit_code_of(const json::object& status) {
  const json::value* const details = status.if_contains("details");
  const json::object* const fields = details ? details->if_object() : nullptr;
  const json::value* const causes = fields ? fields->if_contains("causes") : nullptr;
  const json::array* const list = causes ? causes->if_array() : nullptr;
  if (!list) return std::nullopt;
  for (const json::value& cause : *list) {
    const json::object* const entry = cause.if_object();
    if (!entry || text_of(*entry, "reason") != "ExitCode") continue;
    const std::string text = text_of(*entry, "message");
    int code = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
    if (error == std::errc() && end == text.data() + text.size()) return code;
  }
  return std::nullopt;
}

}  // namespace

Result<CommandOptions> parse_kubelet_options(const net::Target& target) {
  const auto on = [&target](std::string_view name) { return target.get(name) == "1"; };
  return checked({.with_stdin = on("input"),
                  .with_stdout = on("output"),
                  .with_stderr = on("error"),
                  .tty = on("tty")});
}

Result<CommandOptions> parse_pod_options(const net::Target& target) {
  return checked({.with_stdin = target.is_on("stdin"),
                  .with_stdout = target.is_on("stdout"),
                  .with_stderr = target.is_on("stderr"),
                  .tty = target.is_on("tty")});
}

std::string kubelet_query(const CommandOptions& options) {
  std::string query;
  const auto add = [&query](bool on, std::string_view parameter) {
    if (!on) return;
    if (!query.empty()) query += '&';
    query += parameter;
  };
  add(options.with_stdin, "input=1");
  add(options.with_stdout, "output=1");
  add(options.with_stderr, "error=1");
  add(options.tty, "tty=1");
  return query;
}

Result<std::vector<TerminalSize>> TerminalSizeDecoder::decode(std::string_view bytes) {
  std::vector<TerminalSize> sizes;
  rest_ += bytes;
  // A size is a flat object, so a brace ends it.
  std::size_t end = 0;
  while ((end = rest_.find('}')) != std::string::npos) {
    boost::system::error_code error;
    const json::value value = json::parse(rest_.substr(0, end + 1), error);
    if (error || !value.is_object()) return fail(Reason::BadRequest, "malformed terminal size");
    const auto width = dimension(value.get_object(), "Width");
    const auto height = dimension(value.get_object(), "Height");
    if (!width || !height) return fail(Reason::BadRequest, "malformed terminal size");
    sizes.push_back({*width, *height});
    rest_.erase(0, end + 1);
  }
  if (rest_.size() > kSizeBytesMax) return fail(Reason::BadRequest, "malformed terminal size");
  return sizes;
}

std::string encode_terminal_size(TerminalSize size) {
  // The line break is what Go's encoder adds.
  return "{\"Width\":" + std::to_string(size.width) + ",\"Height\":" + std::to_string(size.height) +
         "}\n";
}

CommandStatus CommandStatus::exited(int exit_code) {
  if (exit_code == 0) return {};
  // Upstream's text; what follows the colon is the runtime's there.
  return {.success = false,
          .reason = "NonZeroExitCode",
          .message = "command terminated with non-zero exit code: exit status " +
                     std::to_string(exit_code),
          .exit_code = exit_code};
}

CommandStatus CommandStatus::failed(const Status& why) {
  return {.success = false,
          .reason = std::string(reason_name(why.reason())),
          .message = why.message(),
          .exit_code = std::nullopt,
          .code = why.code()};
}

std::string encode_command_status(const CommandStatus& status, bool as_json) {
  if (!as_json) return status.success ? std::string() : status.message;
  json::object out{{"metadata", json::object()},
                   {"status", status.success ? "Success" : "Failure"}};
  if (!status.message.empty()) out["message"] = status.message;
  if (!status.reason.empty()) out["reason"] = status.reason;
  if (status.exit_code) {
    out["details"] = {{"causes", json::array{{{"reason", "ExitCode"},
                                              {"message", std::to_string(*status.exit_code)}}}}};
  }
  if (status.code) out["code"] = status.code;
  return json::serialize(out);
}

CommandStatus decode_command_status(std::string_view text, bool as_json) {
  if (text.empty()) return {};
  if (!as_json) return {.success = false, .message = std::string(text)};
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) {
    return {.success = false,
            .reason = "InternalError",
            .message = "error stream protocol error: " + std::string(text),
            .exit_code = std::nullopt,
            .code = 500};
  }
  const json::object& fields = value.get_object();
  CommandStatus status;
  status.success = text_of(fields, "status") == "Success";
  status.reason = text_of(fields, "reason");
  status.message = text_of(fields, "message");
  status.exit_code = exit_code_of(fields);
  if (const json::value* const code = fields.if_contains("code")) {
    const int number = code->to_number<int>(error);
    if (!error) status.code = number;
  }
  return status;
}

}  // namespace keelson::remotecommand
