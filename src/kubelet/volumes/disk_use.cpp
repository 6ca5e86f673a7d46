// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "kubelet/volumes/files.h"

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

// What lies beyond is not counted: a pod must not keep the node walking, nor use up its
// descriptors.
constexpr int kEntryLimit = 1'000'000;
constexpr int kDepthLimit = 64;
constexpr std::int64_t kBlockBytes = 512;  // Of st_blocks, whatever the file system.

}  // namespace

std::int64_t disk_bytes_below(const std::string& folder) {
  struct stat root{};
  if (lstat(folder.c_str(), &root) != 0) return 0;
  std::int64_t bytes = root.st_blocks * kBlockBytes;
  std::set<ino_t> linked;  // Files of several names.
  std::error_code error;
  int entries = 0;
  for (auto entry = fs::recursive_directory_iterator(
           folder, fs::directory_options::skip_permission_denied, error);
       !error && entry != fs::recursive_directory_iterator() && entries < kEntryLimit;
       entry.increment(error), ++entries) {
    struct stat info{};
    if (lstat(entry->path().c_str(), &info) != 0) continue;  // Removed meanwhile.
    // What is mounted there is not the pod's own.
    const bool elsewhere = info.st_dev != root.st_dev;
    if (elsewhere || entry.depth() >= kDepthLimit) entry.disable_recursion_pending();
    if (elsewhere) continue;
    if (!S_ISDIR(info.st_mode) && info.st_nlink > 1 && !linked.insert(info.st_ino).second) continue;
    bytes += info.st_blocks * kBlockBytes;
  }
  return bytes;
}

}  // namespace keelson::kubelet
