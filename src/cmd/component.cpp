// SPDX-License-Identifier: Apache-2.0
#include "cmd/component.h"

#include <CLI/CLI.hpp>

#include "client/http_client.h"
#include "cmd/host_address.h"
#include "cmd/version.h"

namespace keelson::cmd {
namespace {

// Quoted, as Go prints a list of strings.
std::string quoted(const std::vector<std::string>& list) {
  std::string words;
  for (const auto& word : list) words += (words.empty() ? "\"" : " \"") + word + "\"";
  return words;
}

// Source: spf13/pflag and cobra. An unknown flag is told before one that is missing.
std::string describe(const CLI::App* app, const CLI::Error& error) {
  const auto remaining = app->remaining();
  const auto flag =
      std::ranges::find_if(remaining, [](const auto& word) { return word.starts_with('-'); });
  std::string problem = error.what();
  if (flag != remaining.end()) {
    problem = "unknown flag: " + flag->substr(0, flag->find('='));
  } else if (!remaining.empty()) {
    problem =
        "\"" + app->get_name() + "\" does not take any arguments, got [" + quoted(remaining) + "]";
  }
  return "Error: " + problem + "\nRun '" + app->get_name() + " --help' for usage.\n";
}

}  // namespace

void add_component_flags(CLI::App& app, LogFlags& log) {
  add_log_flags(app, log);
  app.failure_message(describe);
}

Result<std::unique_ptr<client::Client>> make_client(net::Runtime& runtime,
                                                    const std::string& kubeconfig,
                                                    std::string_view component) {
  TRY(auto connection, client::load_kubeconfig(kubeconfig));
  return client::make_http_client(
      runtime, {.connection = std::move(connection), .user_agent = user_agent(component)});
}

void add_leader_flags(CLI::App& app, LeaderFlags& flags, std::string name) {
  flags.options.name = std::move(name);
  app.add_option("--leader-elect", flags.elect, "Work only while holding the Lease")
      ->expected(0, 1)
      ->default_str("true");
  app.add_option("--leader-elect-resource-namespace", flags.options.namespace_,
                 "Namespace of the Lease");
  app.add_option("--leader-elect-resource-name", flags.options.name, "Name of the Lease");
}

Task<Result<void>> run_elected(client::Client& client, LeaderFlags flags, Random& random,
                               std::function<Task<void>()> body) {
  const std::stop_token stop = (co_await this_context()).stop;
  if (flags.elect) {
    flags.options.identity = host_name() + "_" + random.uuid();
    CO_TRY_OK(co_await client::lead_while_elected(client, flags.options, std::move(body)));
  } else {
    co_await body();
  }
  if (stop.stop_requested()) co_return fail(Status::canceled());
  co_return fail(Status::unavailable(flags.elect ? "leaderelection lost" : "the work has ended"));
}

}  // namespace keelson::cmd
