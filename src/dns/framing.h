// SPDX-License-Identifier: Apache-2.0
// Messages over TCP: each with its length before it. Source: RFC 1035 section 4.2.2.
#pragma once

#include <optional>
#include <string>

#include "net/stream.h"

namespace keelson::dns {

inline constexpr std::size_t kTcpMessageMax = 65'535;

// Nothing at the end of the stream. Errors: the stream's.
Task<Result<std::optional<std::string>>> read_framed(net::Stream& stream);
// `message` has at most kTcpMessageMax bytes.
Task<Result<void>> write_framed(net::Stream& stream, std::string message);

}  // namespace keelson::dns
