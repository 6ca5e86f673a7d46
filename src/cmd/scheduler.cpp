// SPDX-License-Identifier: Apache-2.0
// kube-scheduler: the scheduler alone.
#include "scheduler/scheduler.h"

#include <CLI/CLI.hpp>

#include "cmd/component.h"
#include "cmd/programs.h"

namespace keelson::cmd {

int run_scheduler(const Arguments& arguments) {
  CLI::App app("The Kubernetes scheduler", "kube-scheduler");
  LogFlags log;
  LeaderFlags leader;
  std::string kubeconfig;
  add_component_flags(app, log);
  add_leader_flags(app, leader, "kube-scheduler");
  app.add_option("--kubeconfig", kubeconfig, "How to reach the API server")->required();
  if (const auto exit_code = parse_flags(app, arguments, log)) return *exit_code;
  return run_program([&](net::Runtime& runtime) -> Task<Result<void>> {
    CO_TRY(const auto client, make_client(runtime, kubeconfig, "kube-scheduler"));
    const auto random = make_system_random();
    const auto executor = make_serial(runtime);
    scheduler::Scheduler scheduler(*client, *executor, *random);
    const TaskContext& here = co_await this_context();
    co_return co_await run_in(
        TaskContext{executor.get(), here.stop},
        run_elected(*client, leader, *random, [&scheduler] { return scheduler.run(); }));
  });
}

}  // namespace keelson::cmd
