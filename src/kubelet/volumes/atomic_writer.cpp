// SPDX-License-Identifier: Apache-2.0
#include "kubelet/volumes/atomic_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <set>

#include "kubelet/volumes/files.h"

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kData = "..data";
constexpr std::string_view kNextData = "..data_tmp";
constexpr std::size_t kPathLimit = 4096;

std::string folder_name(Wall now, Random& random) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "..%Y_%m_%d_%H_%M_%S.", &parts);
  return text + std::to_string(random.below(4'000'000'000));
}

// Whether the folder holds exactly these files with these modes and owners.
bool holds(const fs::path& folder, const Payload& payload) {
  std::error_code error;
  std::size_t files = 0;
  for (auto entry = fs::recursive_directory_iterator(folder, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (!entry->is_regular_file(error)) continue;
    const auto found = payload.find(entry->path().lexically_relative(folder).string());
    if (found == payload.end()) return false;
    struct stat info{};
    if (lstat(entry->path().c_str(), &info) != 0) return false;
    // The group's right to read is added by fsGroup.
    if ((info.st_mode & 0777) != found->second.mode &&
        (info.st_mode & 0777) != (found->second.mode | 0440)) {
      return false;
    }
    if (found->second.owner && *found->second.owner != info.st_uid) return false;
    const auto bytes = read_file(entry->path().string(), 16 << 20);
    if (!bytes || *bytes != found->second.bytes) return false;
    ++files;
  }
  return !error && files == payload.size();
}

std::string_view first_part(std::string_view path) { return path.substr(0, path.find('/')); }

}  // namespace

Result<void> validate_payload_path(std::string_view path) {
  const auto bad = [&](const char* why) {
    return fail(Status::bad_request("invalid path: " + std::string(path) + ": " + why));
  };
  if (path.empty()) return bad("must not be empty");
  if (path.size() > kPathLimit) return bad("too long");
  if (path.front() == '/') return bad("must be relative");
  if (path.starts_with("..")) return bad("must not begin with '..'");
  for (std::string_view rest = path;;) {
    const auto slash = rest.find('/');
    if (rest.substr(0, slash) == "..") return bad("must not contain '..'");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

Result<bool> write_payload(const std::string& volume, const Payload& payload,
                           std::optional<std::uint32_t> group, Wall now, Random& random) {
  for (const auto& [path, file] : payload) TRY_OK(validate_payload_path(path));
  const fs::path root(volume);
  const fs::path data = root / kData;
  std::error_code error;
  const fs::path old = fs::read_symlink(data, error);
  const bool had_data = !error;
  const bool same = had_data && holds(root / old, payload);

  if (!same) {
    const std::string name = folder_name(now, random);
    const fs::path fresh = root / name;
    TRY_OK(make_folders(fresh.string(), 0755));
    for (const auto& [path, file] : payload) {
      const fs::path target = fresh / path;
      TRY_OK(make_folders(target.parent_path().string(), 0755));
      TRY_OK(write_file(target.string(), file.bytes, file.mode));
      if (file.owner || group) TRY_OK(set_owner(target.string(), file.owner, group));
      if (group) TRY_OK(set_mode(target.string(), file.mode | 0440));
    }
    const fs::path next = root / kNextData;
    fs::remove(next, error);
    fs::create_directory_symlink(name, next, error);
    if (error) return fail(errno_status("symlink", next.string(), error.value()));
    fs::rename(next, data, error);
    if (error) return fail(errno_status("rename", data.string(), error.value()));
  }

  // What containers open: a link for each top-level name, which stays while contents change.
  std::set<std::string> wanted;
  for (const auto& [path, file] : payload) wanted.emplace(first_part(path));
  for (const auto& name : wanted) {
    const fs::path link = root / name;
    if (fs::is_symlink(link, error)) continue;
    fs::create_symlink(fs::path(kData) / name, link, error);
    if (error) return fail(errno_status("symlink", link.string(), error.value()));
  }
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("..") && !wanted.contains(name)) stale.push_back(entry.path());
  }
  for (const auto& path : stale) fs::remove_all(path, error);
  if (!same && had_data) fs::remove_all(root / old, error);
  return !same;
}

}  // namespace keelson::kubelet
