// SPDX-License-Identifier: Apache-2.0
// The programs; each returns its exit code. `arguments` are those after the program's name.
#pragma once

#include <string>
#include <vector>

namespace keelson::cmd {

using Arguments = std::vector<std::string>;

int run_server(const Arguments& arguments);
int run_apiserver(const Arguments& arguments);
int run_scheduler(const Arguments& arguments);
int run_controller_manager(const Arguments& arguments);
int run_kubelet(const Arguments& arguments);
int run_proxy(const Arguments& arguments);
int run_cleanup(const Arguments& arguments);

}  // namespace keelson::cmd
