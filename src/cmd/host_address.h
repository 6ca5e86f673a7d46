// SPDX-License-Identifier: Apache-2.0
// What this machine is called and by which address others reach it.
#pragma once

#include <string>

namespace keelson::cmd {

// The source address towards the default route; without one the first that is not loopback's;
// else "127.0.0.1". Sends nothing.
std::string host_address();
// Lower-case, as node names are.
std::string host_name();

}  // namespace keelson::cmd
