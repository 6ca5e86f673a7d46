// SPDX-License-Identifier: Apache-2.0
#include "cmd/version.h"

namespace keelson::cmd {

std::string_view version() { return "v1.36.2+keelson" KEELSON_VERSION; }
std::string_view git_commit() { return KEELSON_COMMIT; }

std::string user_agent(std::string_view component) {
  return std::string(component) + "/" + std::string(version()) + " (linux/amd64) keelson";
}

}  // namespace keelson::cmd
