// SPDX-License-Identifier: Apache-2.0
// What is asked of exec and attach, and what they end with. Source: k8s.io/kubelet
// pkg/cri/streaming/remotecommand; KEP-3396 for v5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace keelson::remotecommand {

// Which streams a command has.
struct CommandOptions {
  bool with_stdin = false;
  bool with_stdout = false;
  bool with_stderr = false;
  bool tty = false;  // stdout carries both outputs.

  bool operator==(const CommandOptions&) const = default;
};

// From the query of a kubelet's or a runtime's URL: input, output, error, tty, each "1".
// Errors: BadRequest "you must specify at least 1 of stdin, stdout, stderr".
Result<CommandOptions> parse_kubelet_options(const net::Target& target);
// From the query of pods/exec and pods/attach: stdin, stdout, stderr, tty; the fields' defaults
// (stdout and stderr on, as PodExecOptions has them) are the caller's business. A terminal has no
// stderr of its own. Errors: as above.
Result<CommandOptions> parse_pod_options(const net::Target& target);
// Those options as a kubelet's query: "input=1&output=1&tty=1".
std::string kubelet_query(const CommandOptions& options);

struct TerminalSize {
  std::uint16_t width = 0, height = 0;
  bool operator==(const TerminalSize&) const = default;
};

// Takes the resize channel's bytes (a sequence of {"Width":80,"Height":24}) in any portions.
class TerminalSizeDecoder final {
 public:
  // The sizes that are complete now. Errors: BadRequest for what is not a size.
  Result<std::vector<TerminalSize>> decode(std::string_view bytes);

 private:
  std::string rest_;
};
std::string encode_terminal_size(TerminalSize size);

// How a command ended.
struct CommandStatus {
  bool success = true;
  std::string reason;  // "NonZeroExitCode", "InternalError", ...
  std::string message;
  std::optional<int> exit_code;  // Of a command that ran and failed.
  int code = 0;                  // HTTP code of other failures.

  bool operator==(const CommandStatus&) const = default;

  static CommandStatus exited(int exit_code);
  static CommandStatus failed(const Status& why);
};

// What goes over the error channel: a metav1.Status as JSON since v4; before, only the message of a
// failure, and nothing on success. decode(): empty text is success, as clients take it to be.
std::string encode_command_status(const CommandStatus& status, bool as_json);
CommandStatus decode_command_status(std::string_view text, bool as_json);

}  // namespace keelson::remotecommand
