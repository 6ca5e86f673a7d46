// SPDX-License-Identifier: Apache-2.0
// A layer under SQLite that remembers what an fsync has made durable, so that a test can lose power
// at any moment: what was written but not synced is gone.
#pragma once

#include <string>

namespace keelson::store {

// In effect for all files opened while it lives; they are closed before it goes. One at a time.
class PowerLossVfs final {
 public:
  PowerLossVfs();
  ~PowerLossVfs();
  PowerLossVfs(const PowerLossVfs&) = delete;
  PowerLossVfs& operator=(const PowerLossVfs&) = delete;

  // Writes the durable contents of the database `from` and its log to the path `to`.
  void restore(const std::string& from, const std::string& to);

  // How often the file has been synced.
  int syncs_of(const std::string& path);
};

}  // namespace keelson::store
