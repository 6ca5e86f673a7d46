// SPDX-License-Identifier: Apache-2.0
#include "kubelet/logs/log_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "api/time.h"

namespace keelson::kubelet {

namespace {

constexpr std::size_t kBlock = 64 << 10;
// A line without an end in so many bytes is no log line; the runtime splits them at 16 KiB.
constexpr std::size_t kLineLimit = 1 << 20;

// "... F text": whether the line ending at `end` completes a line of output.
bool completes_line(std::string_view line) {
  const auto parsed = parse_log_line(line);
  return !parsed || !parsed->partial;
}

}  // namespace

std::optional<LogLine> parse_log_line(std::string_view line) {
  LogLine out;
  const auto field = [&]() -> std::optional<std::string_view> {
    const auto space = line.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto value = line.substr(0, space);
    line.remove_prefix(space + 1);
    return value;
  };
  const auto time = field();
  const auto stream = time ? field() : std::nullopt;
  const auto tags = stream ? field() : std::nullopt;
  if (!tags || (*stream != "stdout" && *stream != "stderr")) return std::nullopt;
  // Tags are separated by colons; the first says whether the line is whole.
  const std::string_view first = tags->substr(0, tags->find(':'));
  if (first != "F" && first != "P") return std::nullopt;
  out.time = *time;
  out.stream = *stream;
  out.partial = first == "P";
  if (out.partial && line.ends_with('\n')) line.remove_suffix(1);
  out.text = line;
  return out;
}

void LogFilter::emit(const LogLine& line, std::string& out) {
  if (!options_.stream.empty() && line.stream != options_.stream) return;
  if (options_.since) {
    const auto time = api::parse_rfc3339(line.time);
    if (time && *time < *options_.since) return;
  }
  std::string shown;
  if (options_.timestamps && at_line_start_) shown.append(line.time).append(" ");
  shown += line.text;
  at_line_start_ = !line.partial;
  if (options_.limit_bytes) {
    const auto left = static_cast<std::size_t>(std::max<std::int64_t>(0, *options_.limit_bytes));
    if (shown.size() > left) shown.resize(left);
    *options_.limit_bytes -= static_cast<std::int64_t>(shown.size());
  }
  out += shown;
}

std::string LogFilter::feed(std::string_view bytes) {
  std::string out;
  rest_ += bytes;
  std::size_t start = 0;
  while (!is_done()) {
    const auto end = rest_.find('\n', start);
    if (end == std::string::npos) break;
    if (const auto line = parse_log_line(std::string_view(rest_).substr(start, end + 1 - start))) {
      emit(*line, out);
    }
    start = end + 1;
  }
  rest_.erase(0, start);
  if (rest_.size() > kLineLimit) rest_.clear();
  return out;
}

std::optional<std::uint64_t> tail_offset(int file, std::int64_t lines) {
  struct stat info{};
  if (fstat(file, &info) != 0) return std::nullopt;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (lines <= 0) return size;
  // Backwards, block by block, a line at a time; `line` is what follows the cursor up to its end.
  std::string tail;
  std::uint64_t begin = size;
  std::int64_t found = 0;
  while (begin > 0) {
    const std::uint64_t step = std::min<std::uint64_t>(kBlock, begin);
    std::string block(step, '\0');
    const auto got = pread(file, block.data(), step, static_cast<off_t>(begin - step));
    if (got != static_cast<ssize_t>(step)) return std::nullopt;
    begin -= step;
    tail.insert(0, block);
    // All line starts that are surely within `tail`: each follows a "\n".
    while (true) {
      if (tail.empty()) break;
      const auto newline = tail.size() >= 2 ? tail.rfind('\n', tail.size() - 2) : std::string::npos;
      if (newline == std::string::npos && begin > 0) break;
      const std::size_t start = newline == std::string::npos ? 0 : newline + 1;
      const std::string_view line = std::string_view(tail).substr(start);
      // A partial line belongs to the complete one after it, which has been counted.
      if (completes_line(line) && ++found > lines) {
        return begin + tail.size();
      }
      tail.resize(start);
      if (start == 0) break;
    }
  }
  return 0;
}

std::string read_log_text(const std::string& path, const LogOptions& options) {
  const int file = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return {};
  std::string out;
  std::optional<std::uint64_t> offset = 0;
  if (options.tail_lines) offset = tail_offset(file, *options.tail_lines);
  if (offset) {
    LogFilter filter(options);
    std::array<char, kBlock> block;
    auto at = static_cast<off_t>(*offset);
    while (!filter.is_done()) {
      const auto got = pread(file, block.data(), block.size(), at);
      if (got <= 0) break;
      at += got;
      out += filter.feed({block.data(), static_cast<std::size_t>(got)});
    }
  }
  close(file);
  return out;
}

}  // namespace keelson::kubelet
