// SPDX-License-Identifier: Apache-2.0
// Digests, hexadecimal, and bytes that nobody can guess. Bytes travel in std::string.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace keelson::pki {

// 32 raw bytes.
std::string sha256(std::string_view data);

// Lower-case hexadecimal.
std::string hex(std::string_view bytes);

// Fit for keys and tokens; from the kernel.
std::string random_bytes(std::size_t size);

}  // namespace keelson::pki
