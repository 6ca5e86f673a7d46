// SPDX-License-Identifier: Apache-2.0
// Bytes from one stream to another.
#pragma once

#include "net/stream.h"

namespace keelson::net {

// Some bytes, at most 16 KiB; empty at the end. Holds no buffer while it waits.
Task<Result<std::string>> read_some(Stream& from);

// Copies until `from` ends, then shuts down the writing side of `to`. Returns the bytes copied.
// Errors: those of either stream, Canceled.
Task<Result<std::uint64_t>> copy_stream(Stream& from, Stream& to);

// Copies both ways, each with its half-close, until both have ended or one has failed; then closes
// both streams. Being stopped ends it at once.
Task<void> splice_streams(Stream& left, Stream& right);

}  // namespace keelson::net
