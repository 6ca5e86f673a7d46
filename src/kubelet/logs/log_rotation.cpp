// SPDX-License-Identifier: Apache-2.0
#include "kubelet/logs/log_rotation.h"

#include <ctime>
#include <filesystem>

#include "base/log.h"

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

std::string time_suffix(Wall now) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &parts);
  return text;
}

}  // namespace

std::vector<std::string> rotated_parts(const std::string& path) {
  std::vector<std::string> out;
  std::error_code error;
  const fs::path file(path);
  const std::string prefix = file.filename().string() + ".";
  for (const auto& entry : fs::directory_iterator(file.parent_path(), error)) {
    if (entry.path().filename().string().starts_with(prefix)) out.push_back(entry.path().string());
  }
  std::ranges::sort(out);  // The suffix is the time.
  return out;
}

Task<void> rotate_log(cri::Runtime& runtime, RotatedLog log, std::int64_t size_limit,
                      int file_limit, Wall now) {
  std::error_code error;
  const auto size = fs::file_size(log.path, error);
  if (error || static_cast<std::int64_t>(size) <= size_limit) co_return;
  auto parts = rotated_parts(log.path);
  const auto kept = static_cast<std::size_t>(std::max(0, file_limit - 2));
  for (std::size_t i = 0; i + kept < parts.size(); ++i) fs::remove(parts[i], error);
  const std::string rotated = log.path + "." + time_suffix(now);
  fs::rename(log.path, rotated, error);
  if (error) co_return;
  if (auto opened = co_await runtime.reopen_log(log.container_id); !opened) {
    // Without a new file the container goes on writing into the old one: give it its name back.
    fs::rename(rotated, log.path, error);
    log_warning("Container log could not be reopened",
                {{"container", log.container_id}, {"err", opened.error().message()}});
  }
}

}  // namespace keelson::kubelet
