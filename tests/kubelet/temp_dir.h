// SPDX-License-Identifier: Apache-2.0
// A folder that goes with the test. What is mounted below it is seen by this program only.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>

#include <filesystem>
#include <string>

#include "kubelet/volumes/files.h"

namespace keelson::kubelet {

class TempDir {
 public:
  TempDir() {
    // Without the right to do so a test can mount nothing either.
    [[maybe_unused]] static const bool apart =
        unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    std::string pattern = (std::filesystem::temp_directory_path() / "keelson-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    EXPECT_TRUE(unmount_below(path_));
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace keelson::kubelet
