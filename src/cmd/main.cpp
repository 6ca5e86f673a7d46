// SPDX-License-Identifier: Apache-2.0
// One executable, many programs: by the name it is called, or by its first argument.

#include <cstdio>
#include <string_view>

#include "cmd/programs.h"
#include "cmd/version.h"

namespace {

struct Program {
  std::string_view name, purpose;
  int (*run)(const keelson::cmd::Arguments&);
};

constexpr Program kPrograms[] = {
    {"server", "a whole cluster in one process", keelson::cmd::run_server},
    {"kube-apiserver", "the API server alone", keelson::cmd::run_apiserver},
    {"kube-scheduler", "the scheduler alone", keelson::cmd::run_scheduler},
    {"kube-controller-manager", "the controllers alone", keelson::cmd::run_controller_manager},
    {"kubelet", "the agent of a node alone", keelson::cmd::run_kubelet},
    {"kube-proxy", "the service proxy of a node alone", keelson::cmd::run_proxy},
    {"cleanup", "removes what a node's components left", keelson::cmd::run_cleanup},
};

const Program* find(std::string_view name) {
  for (const auto& program : kPrograms) {
    if (program.name == name) return &program;
  }
  return nullptr;
}

void print_usage(std::FILE* to) {
  std::fprintf(to, "Kubernetes in one small program.\n\nUsage: keelson PROGRAM [flags]\n\n");
  for (const auto& program : kPrograms)
    std::fprintf(to, "  %-24.*s %.*s\n", static_cast<int>(program.name.size()), program.name.data(),
                 static_cast<int>(program.purpose.size()), program.purpose.data());
  std::fprintf(to, "  %-24s %s\n\nkeelson PROGRAM --help tells the flags.\n", "version",
               "prints the version");
}

}  // namespace

int main(int argc, char** argv) {
  keelson::cmd::Arguments arguments(argv + 1, argv + argc);
  std::string_view called = argc > 0 ? argv[0] : "keelson";
  called.remove_prefix(called.rfind('/') + 1);
  if (const Program* program = find(called)) return program->run(arguments);

  if (arguments.empty() || arguments[0] == "help" || arguments[0] == "--help" ||
      arguments[0] == "-h") {
    print_usage(arguments.empty() ? stderr : stdout);
    return arguments.empty() ? 2 : 0;
  }
  if (arguments[0] == "version" || arguments[0] == "--version") {
    std::printf("keelson %s\n", std::string(keelson::cmd::version()).c_str());
    return 0;
  }
  const Program* program = find(arguments[0]);
  if (!program) {
    std::fprintf(stderr, "keelson: unknown program \"%s\"\n\n", arguments[0].c_str());
    print_usage(stderr);
    return 2;
  }
  arguments.erase(arguments.begin());
  return program->run(arguments);
}
