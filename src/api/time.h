// SPDX-License-Identifier: Apache-2.0
// Points and lengths of time in API objects. Each point may be unset, which JSON shows as null.
#pragma once

#include <chrono>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace keelson::api {

// A point in time kept to `Resolution`. Years 0 to 9999.
template <class Resolution>
class BasicTime {
 public:
  using Point = std::chrono::sys_time<Resolution>;

  constexpr BasicTime() = default;
  // Finer parts are cut off.
  template <class Duration>
  constexpr BasicTime(std::chrono::sys_time<Duration> point)
      : point_(std::chrono::floor<Resolution>(point)), set_(true) {}

  // From RFC 3339 with any offset. The year 1, Go's zero time, is unset. Errors: BadRequest with
  // upstream's text.
  static Result<BasicTime> parse(std::string_view text);

  // In UTC: "2006-01-02T15:04:05Z"; microseconds have exactly six digits of fraction. Empty when
  // unset.
  std::string text() const;

  constexpr bool is_set() const { return set_; }
  explicit constexpr operator bool() const { return set_; }
  // The epoch when unset.
  constexpr Point point() const { return point_; }

  // Unset comes before every point.
  friend constexpr std::strong_ordering operator<=>(const BasicTime& a, const BasicTime& b) {
    if (a.set_ != b.set_) return a.set_ <=> b.set_;
    return a.point_.time_since_epoch().count() <=> b.point_.time_since_epoch().count();
  }
  friend constexpr bool operator==(const BasicTime&, const BasicTime&) = default;

 private:
  Point point_{};
  bool set_ = false;
};

using Time = BasicTime<std::chrono::seconds>;
using MicroTime = BasicTime<std::chrono::microseconds>;

extern template class BasicTime<std::chrono::seconds>;
extern template class BasicTime<std::chrono::microseconds>;

// A length of time in Go's notation: "1h30m", "1.5s", "300ms".
struct Duration {
  std::chrono::nanoseconds value{};

  // Errors: BadRequest with upstream's text.
  static Result<Duration> parse(std::string_view text);
  std::string text() const;

  auto operator<=>(const Duration&) const = default;
};

// A point in time from RFC 3339 text, to the nanosecond.
// Errors: nullopt when the text is no such time.
std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> parse_rfc3339(std::string_view text);

}  // namespace keelson::api
