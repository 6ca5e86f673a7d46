// SPDX-License-Identifier: Apache-2.0
#include "api/time.h"

#include <array>
#include <cstdint>
#include <limits>

namespace keelson::api {

namespace {

using std::chrono::nanoseconds;
using Nanos = std::chrono::sys_time<nanoseconds>;

constexpr std::string_view kSecondsLayout = "2006-01-02T15:04:05Z07:00";
constexpr std::string_view kMicrosLayout = "2006-01-02T15:04:05.000000Z07:00";

// Go writes strings in its messages with escapes.
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads RFC 3339 left to right; the first thing that does not fit makes the error.
class Reader {
 public:
  Reader(std::string_view text, bool micro) : text_(text), rest_(text), micro_(micro) {}

  Result<void> read() {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    if (!number(4, year) || !literal('-') || !number(2, month) || !literal('-') ||
        !number(2, day) || !literal('T') || !number(2, hour) || !literal(':') ||
        !number(2, minute) || !literal(':') || !number(2, second)) {
      return fail_at();
    }
    std::int64_t nanos = 0;
    if (micro_ ? !micros(nanos) : !fraction(nanos)) return fail_at();
    int offset_minutes = 0;
    if (!zone(offset_minutes)) return fail_at();
    if (!rest_.empty()) return fail_with("extra text: " + quoted(rest_));
    if (month < 1 || month > 12) return fail_with("month out of range");
    const std::chrono::year_month_day date(std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day)));
    if (!date.ok()) return fail_with("day out of range");
    if (hour > 23) return fail_with("hour out of range");
    if (minute > 59) return fail_with("minute out of range");
    if (second > 59) return fail_with("second out of range");
    seconds_ = std::chrono::sys_days(date) + std::chrono::hours(hour) +
               std::chrono::minutes(minute - offset_minutes) + std::chrono::seconds(second);
    nanos_ = nanos;
    return {};
  }

  // What was read. Kept apart, for 64 bits of nanoseconds do not hold all years.
  std::chrono::sys_seconds seconds() const { return seconds_; }
  std::int64_t nanos() const { return nanos_; }

 private:
  bool number(int digits, int& value) {
    static constexpr std::string_view kParts[] = {"2006", "01", "02", "15", "04", "05"};
    part_ = kParts[part_index_++];
    if (rest_.size() < static_cast<std::size_t>(digits)) return false;
    value = 0;
    for (int i = 0; i < digits; ++i) {
      if (!is_digit(rest_[static_cast<std::size_t>(i)])) return false;
      value = value * 10 + (rest_[static_cast<std::size_t>(i)] - '0');
    }
    rest_.remove_prefix(static_cast<std::size_t>(digits));
    return true;
  }

  bool literal(char c) {
    static constexpr std::string_view kLiterals = "-T:";
    part_ = kLiterals.substr(kLiterals.find(c), 1);
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Any number of digits after a point or comma, or nothing.
  bool fraction(std::int64_t& nanos) {
    if (rest_.size() < 2 || (rest_[0] != '.' && rest_[0] != ',') || !is_digit(rest_[1]))
      return true;
    rest_.remove_prefix(1);
    std::int64_t scale = 100'000'000;
    while (!rest_.empty() && is_digit(rest_[0])) {
      nanos += (rest_[0] - '0') * scale;
      scale /= 10;
      rest_.remove_prefix(1);
    }
    return true;
  }

  bool micros(std::int64_t& nanos) {
    part_ = ".000000";
    if (rest_.size() < 7 || (rest_[0] != '.' && rest_[0] != ',')) return false;
    for (std::size_t i = 1; i < 7; ++i) {
      if (!is_digit(rest_[i])) return false;
      nanos = nanos * 10 + (rest_[i] - '0');
    }
    nanos *= 1000;
    rest_.remove_prefix(7);
    return true;
  }

  bool zone(int& minutes) {
    part_ = "Z07:00";
    if (rest_.starts_with('Z')) {
      rest_.remove_prefix(1);
      return true;
    }
    if (rest_.size() < 6 || (rest_[0] != '+' && rest_[0] != '-') || rest_[3] != ':') return false;
    for (const std::size_t i : {1, 2, 4, 5}) {
      if (!is_digit(rest_[i])) return false;
    }
    const int hour = (rest_[1] - '0') * 10 + (rest_[2] - '0');
    const int minute = (rest_[4] - '0') * 10 + (rest_[5] - '0');
    if (hour > 24 || minute > 60) return false;
    minutes = (hour * 60 + minute) * (rest_[0] == '-' ? -1 : 1);
    rest_.remove_prefix(6);
    return true;
  }

  // Something else stands where `part_` of the layout should.
  std::unexpected<Status> fail_at() const {
    return fail(Status::bad_request("parsing time " + quoted(text_) + " as " +
                                    quoted(micro_ ? kMicrosLayout : kSecondsLayout) +
                                    ": cannot parse " + quoted(rest_) + " as " + quoted(part_)));
  }
  std::unexpected<Status> fail_with(const std::string& why) const {
    return fail(Status::bad_request("parsing time " + quoted(text_) + ": " + why));
  }

  std::string_view text_, rest_;
  bool micro_;
  std::string_view part_;
  std::size_t part_index_ = 0;
  std::chrono::sys_seconds seconds_{};
  std::int64_t nanos_ = 0;
};

void append_padded(std::string& out, std::int64_t value, int digits) {
  const std::string text = std::to_string(value);
  if (text.size() < static_cast<std::size_t>(digits)) {
    out.append(static_cast<std::size_t>(digits) - text.size(), '0');
  }
  out += text;
}

}  // namespace

template <class Resolution>
Result<BasicTime<Resolution>> BasicTime<Resolution>::parse(std::string_view text) {
  Reader reader(text, std::is_same_v<Resolution, std::chrono::microseconds>);
  TRY_OK(reader.read());
  // Go's zero time is "unset" to upstream.
  constexpr auto kGoZero = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
  if (reader.seconds() == kGoZero && reader.nanos() == 0) return BasicTime();
  BasicTime time;
  time.set_ = true;
  time.point_ = std::chrono::time_point_cast<Resolution>(reader.seconds()) +
                std::chrono::floor<Resolution>(nanoseconds(reader.nanos()));
  return time;
}

template <class Resolution>
std::string BasicTime<Resolution>::text() const {
  if (!set_) return {};
  const auto day = std::chrono::floor<std::chrono::days>(point_);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Resolution> clock(point_ - day);
  std::string out;
  out.reserve(27);
  append_padded(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, clock.hours().count(), 2);
  out += ':';
  append_padded(out, clock.minutes().count(), 2);
  out += ':';
  append_padded(out, clock.seconds().count(), 2);
  if constexpr (std::is_same_v<Resolution, std::chrono::microseconds>) {
    out += '.';
    append_padded(out, clock.subseconds().count(), 6);
  }
  return out += 'Z';
}

template class BasicTime<std::chrono::seconds>;
template class BasicTime<std::chrono::microseconds>;

std::optional<Nanos> parse_rfc3339(std::string_view text) {
  Reader reader(text, false);
  if (!reader.read()) return std::nullopt;
  constexpr auto kEnd = std::chrono::floor<std::chrono::seconds>(Nanos::max());
  constexpr auto kBegin = std::chrono::ceil<std::chrono::seconds>(Nanos::min());
  if (reader.seconds() >= kEnd || reader.seconds() <= kBegin) return std::nullopt;
  return Nanos(reader.seconds()) + nanoseconds(reader.nanos());
}

Result<Duration> Duration::parse(std::string_view text) {
  const auto invalid = [text] {
    return fail(Status::bad_request("time: invalid duration " + quoted(text)));
  };
  struct Unit {
    std::string_view name;
    std::int64_t nanos;
  };
  static constexpr Unit kUnits[] = {
      {"ns", 1},
      {"us", 1'000},
      {"\u00b5s", 1'000},  // Both of Unicode's micro signs.
      {"\u03bcs", 1'000},
      {"ms", 1'000'000},
      {"s", 1'000'000'000},
      {"m", 60'000'000'000},
      {"h", 3'600'000'000'000},
  };

  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return Duration{};
  if (rest.empty()) return invalid();

  // The sum is kept below zero's distance to the lowest value, which is the farther one.
  __int128 total = 0;
  constexpr __int128 kLimit = static_cast<__int128>(1) << 63;
  while (!rest.empty()) {
    __int128 whole = 0, part = 0, part_scale = 1;
    bool any = false;
    for (; !rest.empty() && is_digit(rest[0]); rest.remove_prefix(1)) {
      whole = whole * 10 + (rest[0] - '0');
      any = true;
      if (whole > kLimit) return invalid();
    }
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      for (; !rest.empty() && is_digit(rest[0]); rest.remove_prefix(1)) {
        any = true;
        if (part_scale >= 1'000'000'000'000'000'000) continue;
        part = part * 10 + (rest[0] - '0');
        part_scale *= 10;
      }
    }
    if (!any) return invalid();
    std::size_t end = 0;
    while (end < rest.size() && rest[end] != '.' && !is_digit(rest[end])) ++end;
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(end);
    if (name.empty()) {
      return fail(Status::bad_request("time: missing unit in duration " + quoted(text)));
    }
    const Unit* unit = nullptr;
    for (const Unit& known : kUnits) {
      if (known.name == name) unit = &known;
    }
    if (!unit) {
      return fail(Status::bad_request("time: unknown unit " + quoted(name) + " in duration " +
                                      quoted(text)));
    }
    total += whole * unit->nanos + part * unit->nanos / part_scale;
    if (total > kLimit || (!negative && total == kLimit)) return invalid();
  }
  return Duration{nanoseconds(static_cast<std::int64_t>(negative ? -total : total))};
}

std::string Duration::text() const {
  const std::int64_t count = value.count();
  if (count == 0) return "0s";
  std::uint64_t rest =
      count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
  std::string out = count < 0 ? "-" : "";

  // A number with up to `digits` places after the point, without zeros at its end.
  const auto decimal = [](std::uint64_t amount, std::uint64_t unit, int digits) {
    std::string text = std::to_string(amount / unit);
    if (amount % unit == 0) return text;
    std::string places;
    append_padded(places, static_cast<std::int64_t>(amount % unit), digits);
    places.resize(places.find_last_not_of('0') + 1);
    return text + "." + places;
  };
  if (rest < 1'000) return out + std::to_string(rest) + "ns";
  if (rest < 1'000'000) return out + decimal(rest, 1'000, 3) + "\u00b5s";
  if (rest < 1'000'000'000) return out + decimal(rest, 1'000'000, 6) + "ms";

  constexpr std::uint64_t kMinute = 60'000'000'000, kHour = 60 * kMinute;
  const std::uint64_t hours = rest / kHour;
  if (hours) out += std::to_string(hours) + "h";
  rest %= kHour;
  if (hours || rest >= kMinute) out += std::to_string(rest / kMinute) + "m";
  return out + decimal(rest % kMinute, 1'000'000'000, 9) + "s";
}

}  // namespace keelson::api
