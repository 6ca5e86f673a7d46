// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/cron_schedule.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <span>
#include <vector>

#include "api/quote.h"
#include "api/time.h"
#include "base/ascii.h"

namespace keelson::apiserver {
namespace {

constexpr std::string_view kEvery = "@every ";
constexpr std::string_view kZoneFolder = "/usr/share/zoneinfo/";
constexpr std::string_view kSpaces = " \t\n\v\f\r";

constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                        "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view kDays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Bounds {
  int min, max;
  std::span<const std::string_view> names = {};  // Of min, min + 1, ...
};
// In the order in which a schedule names them.
constexpr Bounds kFields[] = {{0, 59}, {0, 23}, {1, 31}, {1, 12, kMonths}, {0, 6, kDays}};

using Error = std::optional<std::string>;

std::vector<std::string_view> split(std::string_view text, std::string_view separators,
                                    bool keep_empty) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find_first_of(separators);
    const auto part = text.substr(0, end);
    if (keep_empty || !part.empty()) parts.push_back(part);
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Error parse_number(std::string_view text, int& number) {
  const auto digits = text.starts_with('+') ? text.substr(1) : text;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const std::string shown(text);
  if (error == std::errc::result_out_of_range) {
    return "failed to parse int from " + shown + ": strconv.Atoi: parsing " + api::quoted(text) +
           ": value out of range";
  }
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return "failed to parse int from " + shown + ": strconv.Atoi: parsing " + api::quoted(text) +
           ": invalid syntax";
  }
  if (number < 0) {
    return "negative number (" + std::to_string(number) + ") not allowed: " + shown;
  }
  return std::nullopt;
}

Error parse_value(std::string_view text, const Bounds& bounds, int& value) {
  const auto named = std::ranges::find(bounds.names, lower_case(text));
  if (named != bounds.names.end()) {
    value = bounds.min + static_cast<int>(named - bounds.names.begin());
    return std::nullopt;
  }
  return parse_number(text, value);
}

// "5", "1-5", "*/10", "1-30/2".
Error find_range_error(std::string_view expression, const Bounds& bounds) {
  const std::string shown(expression);
  const auto halves = split(expression, "/", true);
  const auto ends = split(halves[0], "-", true);
  int start = bounds.min;
  int end = bounds.max;
  if (ends[0] != "*" && ends[0] != "?") {
    if (auto error = parse_value(ends[0], bounds, start)) return error;
    end = start;
    if (ends.size() > 2) return "too many hyphens: " + shown;
    if (ends.size() == 2) {
      if (auto error = parse_value(ends[1], bounds, end)) return error;
    }
  }
  int step = 1;
  if (halves.size() > 2) return "too many slashes: " + shown;
  if (halves.size() == 2) {
    if (auto error = parse_number(halves[1], step)) return error;
    if (ends.size() == 1) end = bounds.max;
  }
  const auto of_range = [&](std::string_view which, int value, std::string_view relation,
                            std::string_view what, int limit) {
    std::string text(which);
    text.append(" of range (").append(std::to_string(value)).append(") ").append(relation);
    text.append(" ").append(what).append(" (").append(std::to_string(limit)).append("): ");
    return text.append(shown);
  };
  if (start < bounds.min) return of_range("beginning", start, "below", "minimum", bounds.min);
  if (end > bounds.max) return of_range("end", end, "above", "maximum", bounds.max);
  if (start > end) return of_range("beginning", start, "beyond", "end of range", end);
  if (step == 0) return "step of range should be a positive number: " + shown;
  return std::nullopt;
}

Error find_descriptor_error(std::string_view text) {
  constexpr std::string_view kKnown[] = {"@yearly", "@annually", "@monthly", "@weekly",
                                         "@daily",  "@midnight", "@hourly"};
  if (std::ranges::find(kKnown, text) != std::end(kKnown)) return std::nullopt;
  if (!text.starts_with(kEvery)) return "unrecognized descriptor: " + std::string(text);
  const auto duration = api::Duration::parse(text.substr(kEvery.size()));
  if (duration) return std::nullopt;
  return "failed to parse duration " + std::string(text) + ": " + duration.error().message();
}

}  // namespace

std::optional<std::string> find_schedule_error(std::string_view schedule) {
  if (schedule.empty()) return "empty spec string";
  if (schedule.starts_with("TZ=") || schedule.starts_with("CRON_TZ=")) {
    const auto space = std::min(schedule.find(' '), schedule.size());
    const auto equals = schedule.find('=');
    const std::string zone(schedule.substr(equals + 1, space - equals - 1));
    if (!is_known_time_zone(zone)) {
      return "provided bad location " + zone + ": unknown time zone " + zone;
    }
    schedule.remove_prefix(space);
    schedule.remove_prefix(std::min(schedule.find_first_not_of(kSpaces), schedule.size()));
  }
  if (schedule.starts_with('@')) return find_descriptor_error(schedule);
  const auto fields = split(schedule, kSpaces, false);
  if (fields.size() != std::size(kFields)) {
    std::string text = "expected exactly " + std::to_string(std::size(kFields)) +
                       " fields, found " + std::to_string(fields.size()) + ": [";
    for (std::size_t i = 0; i < fields.size(); ++i)
      text.append(i == 0 ? "" : " ").append(fields[i]);
    return text + "]";
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    for (const auto expression : split(fields[i], ",", false)) {
      if (auto error = find_range_error(expression, kFields[i])) return error;
    }
  }
  return std::nullopt;
}

bool is_known_time_zone(const std::string& name) {
  if (name.empty() || name == "UTC" || name == "Local") return true;
  if (name.find("..") != std::string::npos || name.starts_with('/')) return false;
  const std::filesystem::path folder(kZoneFolder);
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) return true;
  return std::filesystem::is_regular_file(folder / name, error);
}

}  // namespace keelson::apiserver
