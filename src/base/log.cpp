// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

namespace keelson {
namespace {

std::atomic<int> verbosity_limit{0};
std::atomic<LogFormat> log_format{LogFormat::Text};

std::string_view file_name(const std::source_location& place) {
  std::string_view path = place.file_name();
  return path.substr(path.rfind('/') + 1);
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char code[8];
          std::snprintf(code, sizeof code, "\\u%04x", c);
          out += code;
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

// One write(2) a line, so that lines of several threads and processes do not mix.
void write_line(char severity, int verbosity, const LogMessage& message,
                std::initializer_list<LogField> fields) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  std::string line;
  line.reserve(192);
  char head[96];
  if (log_format.load(std::memory_order_relaxed) == LogFormat::Json) {
    std::snprintf(head, sizeof head, "{\"ts\":%lld.%03ld,\"caller\":\"",
                  static_cast<long long>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000,
                  now.tv_nsec / 1000 % 1000);
    line.append(head).append(file_name(message.place));
    line.append(":").append(std::to_string(message.place.line())).append("\",\"msg\":");
    append_quoted(line, message.text);
    if (severity == 'I') line.append(",\"v\":").append(std::to_string(verbosity));
    if (severity == 'W') line.append(",\"severity\":\"warning\"");
    if (severity == 'E') line.append(",\"severity\":\"error\"");
    for (const auto& field : fields) {
      line.append(",");
      append_quoted(line, field.key);
      line.append(":");
      if (field.quoted) {
        append_quoted(line, field.value);
      } else {
        line.append(field.value);
      }
    }
    line.append("}\n");
  } else {
    std::snprintf(head, sizeof head, "%c%02d%02d %02d:%02d:%02d.%06ld %7ld ", severity,
                  parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                  now.tv_nsec / 1000, static_cast<long>(syscall(SYS_gettid)));
    line.append(head).append(file_name(message.place));
    line.append(":").append(std::to_string(message.place.line())).append("] ");
    append_quoted(line, message.text);
    for (const auto& field : fields) {
      line.append(" ").append(field.key).append("=");
      if (field.quoted) {
        append_quoted(line, field.value);
      } else {
        line.append(field.value);
      }
    }
    line.append("\n");
  }
  // Nothing sensible is left to do when even the log cannot be written.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void set_log_verbosity(int verbosity) { verbosity_limit = verbosity; }
void set_log_format(LogFormat format) { log_format = format; }
bool log_enabled(int verbosity) {
  return verbosity <= verbosity_limit.load(std::memory_order_relaxed);
}

void log_info(LogMessage message, std::initializer_list<LogField> fields) {
  write_line('I', 0, message, fields);
}
void log_verbose(int verbosity, LogMessage message, std::initializer_list<LogField> fields) {
  if (log_enabled(verbosity)) write_line('I', verbosity, message, fields);
}
void log_warning(LogMessage message, std::initializer_list<LogField> fields) {
  write_line('W', 0, message, fields);
}
void log_error(LogMessage message, std::initializer_list<LogField> fields) {
  write_line('E', 0, message, fields);
}

}  // namespace keelson
