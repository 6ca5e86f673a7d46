// SPDX-License-Identifier: Apache-2.0
#include "kubelet/machine.h"

#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>

#include "kubelet/volumes/files.h"

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

std::string read_text(const std::string& path) {
  auto text = read_file(path);
  if (!text) return {};
  while (text->ends_with('\n') || text->ends_with(' ')) text->pop_back();
  return std::move(*text);
}

std::int64_t number_at(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The line that begins with `start`, without it.
std::string_view line_after(std::string_view text, std::string_view start) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    if (line.starts_with(start)) return line.substr(start.size());
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return {};
}

// The nearest folder above that exists: the kubelet's own may not have been made yet.
std::string existing(std::string path) {
  std::error_code error;
  while (path.size() > 1 && !fs::exists(path, error)) path = fs::path(path).parent_path().string();
  return path;
}

std::string go_architecture(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("armv")) return "arm";
  return std::string(machine);
}

}  // namespace

std::int64_t meminfo_bytes(std::string_view meminfo, std::string_view name) {
  return number_at(line_after(meminfo, name)) * 1024;
}

std::string os_release_value(std::string_view text, std::string_view key) {
  std::string_view value = line_after(text, std::string(key) + "=");
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) {
    value = value.substr(1, value.size() - 2);
  }
  return std::string(value);
}

MachineInfo read_machine(const std::string& disk_path) {
  MachineInfo info;
  info.cpus = std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  info.memory_bytes = meminfo_bytes(read_text("/proc/meminfo"), "MemTotal:");
  struct statvfs disk{};
  if (statvfs(existing(disk_path).c_str(), &disk) == 0) {
    info.disk_bytes = static_cast<std::int64_t>(disk.f_blocks * disk.f_frsize);
  }
  struct utsname names{};
  uname(&names);
  info.host_name = names.nodename;
  info.kernel_version = names.release;
  info.architecture = go_architecture(names.machine);
  info.machine_id = read_text("/etc/machine-id");
  info.system_uuid = read_text("/sys/class/dmi/id/product_uuid");
  if (info.system_uuid.empty()) info.system_uuid = info.machine_id;
  info.boot_id = read_text("/proc/sys/kernel/random/boot_id");
  info.apparmor = read_text("/sys/module/apparmor/parameters/enabled").starts_with('Y');
  info.os_image = os_release_value(read_text("/etc/os-release"), "PRETTY_NAME");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/sys/kernel/mm/hugepages", error)) {
    // "hugepages-2048kB"
    const std::string name = entry.path().filename().string();
    const std::int64_t page = number_at(std::string_view(name).substr(name.find('-') + 1)) * 1024;
    const std::int64_t pages = number_at(read_text(entry.path() / "nr_hugepages"));
    const std::string size =
        api::Quantity::from_value(page, api::Quantity::Format::BinarySi).text();
    info.huge_pages["hugepages-" + size] = page * pages;
  }
  return info;
}

Result<MachineUsage> read_usage(const std::string& disk_path, const std::string& image_path) {
  MachineUsage usage;
  TRY(const std::string meminfo, read_file("/proc/meminfo"));
  usage.memory_available_bytes = meminfo_bytes(meminfo, "MemAvailable:");
  const std::int64_t total = meminfo_bytes(meminfo, "MemTotal:");
  usage.memory_used_bytes = total - meminfo_bytes(meminfo, "MemFree:");
  usage.memory_working_set_bytes = total - usage.memory_available_bytes;
  struct statvfs disk{};
  if (statvfs(existing(disk_path).c_str(), &disk) != 0) {
    return fail(errno_status("statfs", disk_path, errno));
  }
  usage.disk_bytes = static_cast<std::int64_t>(disk.f_blocks * disk.f_frsize);
  usage.disk_available_bytes = static_cast<std::int64_t>(disk.f_bavail * disk.f_frsize);
  usage.inodes = static_cast<std::int64_t>(disk.f_files);
  usage.inodes_free = static_cast<std::int64_t>(disk.f_ffree);
  struct statvfs images{};
  if (statvfs(existing(image_path).c_str(), &images) == 0) {
    usage.image_disk_bytes = static_cast<std::int64_t>(images.f_blocks * images.f_frsize);
    usage.image_disk_available_bytes = static_cast<std::int64_t>(images.f_bavail * images.f_frsize);
  }
  usage.pids_limit = number_at(read_text("/proc/sys/kernel/pid_max"));
  // "0.00 0.01 0.05 1/123 4567": running and all tasks.
  const std::string load = read_text("/proc/loadavg");
  if (const auto slash = load.find('/'); slash != std::string::npos) {
    usage.pids_used = number_at(std::string_view(load).substr(slash + 1));
  }
  // user nice system idle iowait irq softirq steal, in ticks; all but idle and iowait.
  const std::string stat = read_text("/proc/stat");
  std::string_view fields = line_after(stat, "cpu ");
  const std::int64_t ticks_per_second = std::max<std::int64_t>(1, sysconf(_SC_CLK_TCK));
  std::int64_t ticks = 0;
  for (int i = 0; i < 8 && !fields.empty(); ++i) {
    while (fields.starts_with(' ')) fields.remove_prefix(1);
    if (i != 3 && i != 4) ticks += number_at(fields);
    fields.remove_prefix(std::min(fields.find(' '), fields.size()));
  }
  usage.cpu_nanoseconds = ticks * (1'000'000'000 / ticks_per_second);
  return usage;
}

}  // namespace keelson::kubelet
