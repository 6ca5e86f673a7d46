// SPDX-License-Identifier: Apache-2.0
// The value types of generated structs that the standard library does not have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "api/quantity.h"
#include "api/time.h"
#include "base/base64.h"
#include "base/result.h"

namespace keelson::api {

// Raw bytes; base64 in JSON.
struct Bytes : std::string {
  using std::string::string;
  Bytes() = default;
  explicit Bytes(std::string bytes) : std::string(std::move(bytes)) {}
  explicit Bytes(std::string_view bytes) : std::string(bytes) {}
};

using keelson::base64_decode;

// A bool as an element of a list: std::vector<bool> has no elements to point at.
struct Flag {
  bool value = false;

  Flag() = default;
  Flag(bool set) : value(set) {}
  operator bool() const { return value; }
};
static_assert(sizeof(Flag) == sizeof(bool));

// A number or a string, such as a port that may be named, or a count that may be a percentage.
class IntOrString {
 public:
  IntOrString() : value_(0) {}
  IntOrString(std::int32_t value) : value_(value) {}
  IntOrString(std::string value) : value_(std::move(value)) {}
  IntOrString(const char* value) : value_(std::string(value)) {}

  bool is_int() const { return value_.index() == 0; }
  bool is_string() const { return value_.index() == 1; }
  // 0 and "" when it is the other.
  std::int32_t int_value() const { return is_int() ? std::get<0>(value_) : 0; }
  const std::string& string_value() const;
  // As upstream's String(): the string, or the number in digits.
  std::string text() const;

  bool operator==(const IntOrString&) const = default;

 private:
  std::variant<std::int32_t, std::string> value_;
};

// The amount that "25%" of `total` or a plain number stands for. Errors: BadRequest when it is a
// string that is no percentage, with upstream's text.
Result<int> scaled_value(const IntOrString& value, int total, bool round_up);

// Any JSON value, as compact text. Empty: null.
struct RawJson {
  std::string text;

  bool empty() const { return text.empty(); }
  bool operator==(const RawJson&) const = default;
};

}  // namespace keelson::api
