// SPDX-License-Identifier: Apache-2.0
#include "apiserver/printers/cells.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

std::string with_unit(std::int64_t count, char unit) { return std::to_string(count) + unit; }

// The second unit is left out when it is zero.
std::string two_units(std::int64_t count, char unit, std::int64_t rest, char rest_unit) {
  return rest == 0 ? with_unit(count, unit) : with_unit(count, unit) + with_unit(rest, rest_unit);
}

template <class T>
std::string age_of_point(const T& since, Wall now) {
  return since.is_set() ? human_duration(now - Wall(since.point())) : std::string(kUnknown);
}

}  // namespace

std::string human_duration(Duration duration) {
  // Each in the unit below it.
  constexpr std::int64_t kMinute = 60, kHour = 60, kYear = 365;
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  // A clock that is a little ahead is no error.
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 2 * kMinute) return with_unit(seconds, 's');
  const std::int64_t minutes = seconds / kMinute;
  if (minutes < 10) return two_units(minutes, 'm', seconds % kMinute, 's');
  if (minutes < 3 * kHour) return with_unit(minutes, 'm');
  const std::int64_t hours = minutes / kHour;
  if (hours < 8) return two_units(hours, 'h', minutes % kHour, 'm');
  if (hours < 48) return with_unit(hours, 'h');
  const std::int64_t days = hours / 24;
  if (days < 8) return two_units(days, 'd', hours % 24, 'h');
  if (days < 2 * kYear) return with_unit(days, 'd');
  if (days < 8 * kYear) return two_units(days / kYear, 'y', days % kYear, 'd');
  return with_unit(days / kYear, 'y');
}

std::string age(const api::Time& since, Wall now) { return age_of_point(since, now); }
std::string age(const api::MicroTime& since, Wall now) { return age_of_point(since, now); }

std::string or_else(std::string_view text, std::string_view instead) {
  return std::string(text.empty() ? instead : text);
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (&part != parts.data()) out.append(separator);
    out.append(part);
  }
  return out;
}

std::string join_some(std::vector<std::string> parts, std::size_t count, std::size_t shown) {
  if (parts.size() > shown) parts.resize(shown);
  std::string out = join(parts, ",");
  if (count > shown) out += " + " + std::to_string(count - shown) + " more...";
  return out;
}

std::string format_labels(const Labels& labels) {
  std::string out;
  for (const auto& [key, value] : labels) {
    if (!out.empty()) out.push_back(',');
    out.append(key).append("=").append(value);
  }
  return or_else(out, kNone);
}

std::string of_total(std::int64_t part, std::int64_t total) {
  return std::to_string(part) + "/" + std::to_string(total);
}

std::string container_names(const core::v1::PodSpec& spec) {
  std::vector<std::string> names;
  for (const auto& container : spec.containers) names.push_back(container.name);
  return join(names, ",");
}

std::string container_images(const core::v1::PodSpec& spec) {
  std::vector<std::string> images;
  for (const auto& container : spec.containers) images.push_back(container.image);
  return join(images, ",");
}

std::string access_modes(std::span<const std::string> modes) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kShort = {{
      {"ReadWriteOnce", "RWO"},
      {"ReadOnlyMany", "ROX"},
      {"ReadWriteMany", "RWX"},
      {"ReadWriteOncePod", "RWOP"},
  }};
  std::vector<std::string> shown;
  for (const auto& [mode, abbreviation] : kShort) {
    if (std::ranges::find(modes, mode) != modes.end()) shown.emplace_back(abbreviation);
  }
  return join(shown, ",");
}

}  // namespace keelson::apiserver
