// SPDX-License-Identifier: Apache-2.0
// Container logs in CRI format: lines of "<RFC 3339 time> <stdout|stderr> <F|P> <text>", where P
// marks a part of a line that goes on. Source: CRI logging format; API reference, PodLogOptions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/executor.h"

namespace keelson::kubelet {

struct LogOptions {
  bool follow = false;
  bool timestamps = false;
  std::optional<std::int64_t> tail_lines;
  std::optional<std::int64_t> limit_bytes;
  std::optional<Wall> since;
  std::string stream;  // "stdout", "stderr"; empty: both.
};

struct LogLine {
  std::string_view time, stream, text;  // `text` with its line end, unless it is partial.
  bool partial = false;
};
// Of one line with its "\n". Nothing for what is not in CRI format.
std::optional<LogLine> parse_log_line(std::string_view line);

// Turns the bytes of a log into what a client sees; takes them in any portions.
class LogFilter final {
 public:
  explicit LogFilter(LogOptions options) : options_(std::move(options)) {}

  // What the complete lines of `bytes` show.
  std::string feed(std::string_view bytes);
  // limit_bytes is used up.
  bool is_done() const { return options_.limit_bytes && *options_.limit_bytes <= 0; }

 private:
  void emit(const LogLine& line, std::string& out);

  LogOptions options_;
  std::string rest_;
  bool at_line_start_ = true;  // Of the output.
};

// Where the last `lines` lines begin in a file; 0 if it has fewer. Partial lines count as one with
// what they begin. Errors: nullopt when the file cannot be read.
std::optional<std::uint64_t> tail_offset(int file, std::int64_t lines);

// A whole log at once, as much as the options ask for; empty if it cannot be read.
std::string read_log_text(const std::string& path, const LogOptions& options);

}  // namespace keelson::kubelet
