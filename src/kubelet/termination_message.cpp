// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "kubelet/logs/log_reader.h"
#include "kubelet/runtime_pod.h"

namespace keelson::kubelet {

namespace {

constexpr std::size_t kMessageLimit = 4096;  // Of a termination message file.
constexpr std::size_t kLogTailBytes = 2048;  // Of the log that stands in for one.
constexpr std::int64_t kLogTailLines = 80;

}  // namespace

std::string read_termination_message(const ContainerRecord& container) {
  std::string message;
  if (!container.message_file.empty()) {
    std::ifstream file(container.message_file, std::ios::binary);
    message.resize(kMessageLimit);
    file.read(message.data(), static_cast<std::streamsize>(message.size()));
    message.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  }
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
