// SPDX-License-Identifier: Apache-2.0
// What this build calls itself.
#pragma once

#include <string>
#include <string_view>

namespace keelson::cmd {

// The Kubernetes version whose API this is, with our own as build metadata: "v1.36.2+keelson0.1.0".
std::string_view version();
std::string_view git_commit();
// "kubelet/v1.36.2+keelson0.1.0 (linux/amd64) keelson"
std::string user_agent(std::string_view component);

}  // namespace keelson::cmd
