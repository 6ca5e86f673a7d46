// SPDX-License-Identifier: Apache-2.0
#include "cmd/program.h"

#include <signal.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <thread>

#include "api/time.h"
#include "base/log.h"
#include "base/sync.h"

namespace keelson::cmd {

void add_log_flags(CLI::App& app, LogFlags& flags) {
  app.add_option("-v,--v", flags.verbosity, "Number for the log level verbosity");
  app.add_option("--logging-format", flags.format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
}

void add_duration(CLI::App& app, const std::string& name, Duration& value,
                  const std::string& description) {
  const auto read = [&value](const std::string& text) {
    const auto parsed = api::Duration::parse(text);
    if (!parsed) throw CLI::ValidationError(parsed.error().message());
    value = parsed->value;
  };
  app.add_option_function<std::string>(name, read, description)
      ->type_name("DURATION")
      ->default_str(api::Duration{value}.text());
}

std::optional<int> parse_flags(CLI::App& app, std::vector<std::string> arguments,
                               const LogFlags& log) {
  // CLI11 takes them last first.
  std::ranges::reverse(arguments);
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
  set_log_verbosity(log.verbosity);
  set_log_format(log.format == "json" ? LogFormat::Json : LogFormat::Text);
  return std::nullopt;
}

int run_program(std::function<Task<Result<void>>(net::Runtime&)> body) {
  signal(SIGPIPE, SIG_IGN);
  // Many watches are many sockets.
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  const auto runtime = net::make_runtime();
  std::stop_source stop;
  int exit_code = 0;
  runtime->on_signals({SIGTERM, SIGINT}, [&stop](int number) {
    log_info("Stopping", {{"signal", number}});
    stop.request_stop();
  });
  spawn(
      *runtime,
      [](net::Runtime* loop, std::function<Task<Result<void>>(net::Runtime&)>* run,
         int* code) -> Task<void> {
        auto result = co_await (*run)(*loop);
        if (!result && !result.error().is(Reason::Canceled)) {
          log_error("Exiting", {{"err", result.error().message()}});
          *code = 1;
        }
        loop->stop();
      }(runtime.get(), &body, &exit_code),
      stop.get_token());
  runtime->run(static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 2U, 16U)));
  return exit_code;
}

Task<void> wait_for_stop() {
  Event never;
  [[maybe_unused]] const auto stopped = co_await never.wait();
}

}  // namespace keelson::cmd
