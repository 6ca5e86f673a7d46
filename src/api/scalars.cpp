// SPDX-License-Identifier: Apache-2.0
#include "api/scalars.h"

#include <array>
#include <charconv>

namespace keelson::api {

const std::string& IntOrString::string_value() const {
  static const std::string empty;
  return is_string() ? std::get<1>(value_) : empty;
}

std::string IntOrString::text() const {
  return is_int() ? std::to_string(int_value()) : string_value();
}

Result<int> scaled_value(const IntOrString& value, int total, bool round_up) {
  if (value.is_int()) return value.int_value();
  const auto invalid = [](std::string why) {
    return fail(Status::bad_request("invalid value for IntOrString: " + std::move(why)));
  };
  std::string_view text = value.string_value();
  if (!text.ends_with('%')) return invalid("invalid type: string is not a percentage");
  text.remove_suffix(1);
  int percent = 0;
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return invalid("invalid value \"" + value.string_value() + "\": strconv.Atoi: parsing \"" +
                   std::string(text) + "\": invalid syntax");
  }
  const std::int64_t product = static_cast<std::int64_t>(percent) * total;
  std::int64_t result = product / 100;
  if (product % 100 != 0) {
    if (round_up && product > 0) ++result;
    if (!round_up && product < 0) --result;
  }
  return static_cast<int>(result);
}

}  // namespace keelson::api
