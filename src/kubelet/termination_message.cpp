// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubelet/logs/log_reader.h"
#include "kubelet/runtime_pod.h"
#include "kubelet/volumes/descriptor.h"

namespace keelson::kubelet {

namespace {

constexpr std::size_t kMessageLimit = 4096;  // Of a termination message file.
constexpr std::size_t kLogTailBytes = 2048;  // Of the log that stands in for one.
constexpr std::int64_t kLogTailLines = 80;

// What a container has left there may be no file: a FIFO would keep the reader waiting for ever, a
// link would lead it anywhere.
std::string read_start(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (!file.is_open() || fstat(file.number(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  std::string out(kMessageLimit, '\0');
  const ssize_t got = pread(file.number(), out.data(), out.size(), 0);
  out.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  return out;
}

}  // namespace

std::string read_termination_message(const ContainerRecord& container) {
  std::string message;
  if (!container.message_file.empty()) message = read_start(container.message_file);
  const bool from_log = container.message_from_log && container.exit_code != 0;
  if (message.empty() && from_log && !container.log_path.empty()) {
    LogOptions options;
    options.tail_lines = kLogTailLines;
    message = read_log_text(container.log_path, options);
    if (message.size() > kLogTailBytes) message.erase(0, message.size() - kLogTailBytes);
  }
  return message;
}

}  // namespace keelson::kubelet
