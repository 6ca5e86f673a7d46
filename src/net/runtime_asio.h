// SPDX-License-Identifier: Apache-2.0
// What the rest of src/net needs of the Runtime beyond its contract.
#pragma once

#include <boost/asio/io_context.hpp>

#include "net/runtime.h"

namespace keelson::net {

// The loop of a Runtime made by make_runtime().
boost::asio::io_context& io_context_of(Runtime& runtime);

}  // namespace keelson::net
