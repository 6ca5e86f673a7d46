// SPDX-License-Identifier: Apache-2.0
// What all programs share: flags for logs, an event loop, signals, and an end in good order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/task.h"
#include "net/runtime.h"

namespace CLI {
class App;
}

namespace keelson::cmd {

struct LogFlags {
  int verbosity = 0;
  std::string format = "text";
};
void add_log_flags(CLI::App& app, LogFlags& flags);

// A length of time in Go's notation, as in "50s".
void add_duration(CLI::App& app, const std::string& name, Duration& value,
                  const std::string& description);

// Parses; on --help or a wrong flag it prints and returns the exit code.
std::optional<int> parse_flags(CLI::App& app, std::vector<std::string> arguments,
                               const LogFlags& log);

// Runs `body` on a pool of threads; its stop is requested by SIGTERM or SIGINT. Returns 0, or 1
// after an error, which is logged.
int run_program(std::function<Task<Result<void>>(net::Runtime&)> body);

// Until the program is asked to stop.
Task<void> wait_for_stop();

}  // namespace keelson::cmd
