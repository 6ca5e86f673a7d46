// SPDX-License-Identifier: Apache-2.0
// Structured logging: a fixed message plus fields, in klog's text form or as JSON.
//   log_info("Starting controller", {{"controller", name}});
// Levels above 0 appear with -v. Never log secrets: tokens, keys, Secret data.
#pragma once

#include <concepts>
#include <initializer_list>
#include <source_location>
#include <string>
#include <string_view>

namespace keelson {

enum class LogFormat { Text, Json };

struct LogField {
  std::string_view key;
  std::string value;
  bool quoted = true;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), quoted(false) {}
  template <std::integral T>
  LogField(std::string_view k, T v) : key(k), value(std::to_string(v)), quoted(false) {}
};

// Wraps the message so that the caller's place comes along.
struct LogMessage {
  std::string_view text;
  std::source_location place;
  template <class T>
  LogMessage(const T& message, std::source_location where = std::source_location::current())
      : text(message), place(where) {}
};

void set_log_verbosity(int verbosity);
void set_log_format(LogFormat format);
bool log_enabled(int verbosity);

void log_info(LogMessage message, std::initializer_list<LogField> fields = {});
// Shown with -v of at least `verbosity`.
void log_verbose(int verbosity, LogMessage message, std::initializer_list<LogField> fields = {});
void log_warning(LogMessage message, std::initializer_list<LogField> fields = {});
void log_error(LogMessage message, std::initializer_list<LogField> fields = {});

}  // namespace keelson
