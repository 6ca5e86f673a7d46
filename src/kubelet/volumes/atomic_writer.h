// SPDX-License-Identifier: Apache-2.0
// Writes the files of a configMap, secret, downwardAPI or projected volume so that a reader sees
// either all old or all new ones:
//
//   volume/key            -> ..data/key           what containers open
//   volume/..data         -> ..2026_11_21_...     swapped by one rename
//   volume/..2026_11_21_.../key                   the files
//
// Source: upstream pkg/volume/util, atomic_writer (the layout is visible to containers).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/executor.h"
#include "base/random.h"
#include "base/result.h"

namespace keelson::kubelet {

struct PayloadFile {
  std::string bytes;
  std::uint32_t mode = 0644;
  std::optional<std::uint32_t> owner = std::nullopt;  // None: the kubelet.
  bool operator==(const PayloadFile&) const = default;
};
using Payload = std::map<std::string, PayloadFile>;  // By path below the volume.

// Errors: BadRequest for a path that is absolute, leaves the volume or begins with "..";
// InternalError from the file system. `group`: owns the files, which it may read.
// Returns whether anything changed.
Result<bool> write_payload(const std::string& volume, const Payload& payload,
                           std::optional<std::uint32_t> group, Wall now, Random& random);

// Errors: as above.
Result<void> validate_payload_path(std::string_view path);

}  // namespace keelson::kubelet
