// SPDX-License-Identifier: Apache-2.0
// What is wrong with an object, field by field, in the words of upstream's API server.
// Source: apimachinery, package util/validation/field.
#pragma once

#include <boost/json/value.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"

namespace keelson::api {

// Where in an object: "spec.containers[0].name", "metadata.labels[app]". A value; cheap to copy.
class FieldPath {
 public:
  FieldPath() = default;
  FieldPath(std::string_view name) : text_(name) {}
  FieldPath(const char* name) : text_(name) {}

  // A named part: path.child("spec", "containers").
  template <class... More>
  FieldPath child(std::string_view name, More... more) const {
    FieldPath path = joined(name);
    if constexpr (sizeof...(more) > 0) {
      return path.child(more...);
    } else {
      return path;
    }
  }
  // An element of a list, and of a map.
  FieldPath index(std::size_t index) const;
  FieldPath key(std::string_view key) const;

  const std::string& text() const { return text_; }
  bool operator==(const FieldPath&) const = default;

 private:
  FieldPath joined(std::string_view name) const;

  std::string text_;
};

enum class FieldErrorType : std::uint8_t {
  NotFound,
  Required,
  Duplicate,
  Invalid,
  NotSupported,
  Forbidden,
  TooLong,
  TooMany,
  TooFew,
  Internal,
};

// "FieldValueRequired": the reason of a StatusCause. "Required value": the start of its message.
std::string_view field_error_reason(FieldErrorType type);
std::string_view field_error_title(FieldErrorType type);

// A rejected value as the message shows it: strings in quotes, numbers plain, the rest as JSON.
class FieldValue {
 public:
  FieldValue(std::string_view value);
  FieldValue(const std::string& value) : FieldValue(std::string_view(value)) {}
  FieldValue(const char* value) : FieldValue(std::string_view(value)) {}
  FieldValue(bool value) : text_(value ? "true" : "false") {}
  template <std::integral T>
    requires(!std::same_as<T, bool> && !std::same_as<T, char>)
  FieldValue(T value) : text_(std::to_string(value)) {}
  FieldValue(double value);
  FieldValue(const boost::json::value& value);
  FieldValue(const std::vector<std::string>& values);
  FieldValue(std::nullptr_t) : text_("null") {}
  template <class T>
  FieldValue(const std::optional<T>& value)
      : text_(value ? FieldValue(*value).text_ : std::string("null")) {}

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct FieldError {
  FieldErrorType type;
  std::string field;
  std::optional<std::string> value;  // As FieldValue shows it; not set where messages leave it out.
  std::string detail;

  // `Invalid value: "x": must be ...`, without the field.
  std::string message() const;
  // "spec.name: Invalid value: ..."
  std::string text() const { return field + ": " + message(); }
  StatusCause cause() const;
  bool operator==(const FieldError&) const = default;
};

// All errors of an object, in the order found.
class FieldErrors {
 public:
  void not_found(const FieldPath& field, const FieldValue& value);
  void required(const FieldPath& field, std::string_view detail = {});
  void duplicate(const FieldPath& field, const FieldValue& value);
  void invalid(const FieldPath& field, const FieldValue& value, std::string_view detail);
  // The supported values are shown in the order given; upstream mostly sorts them.
  void not_supported(const FieldPath& field, const FieldValue& value,
                     std::span<const std::string_view> supported);
  void not_supported(const FieldPath& field, const FieldValue& value,
                     std::initializer_list<std::string_view> supported) {
    not_supported(field, value, std::span(supported.begin(), supported.size()));
  }
  void forbidden(const FieldPath& field, std::string_view detail);
  // In bytes; -1: the message names no limit.
  void too_long(const FieldPath& field, std::int64_t length_max);
  // `actual` -1: the message does not tell.
  void too_many(const FieldPath& field, std::int64_t actual, std::int64_t maximum);
  void too_few(const FieldPath& field, std::int64_t actual, std::int64_t minimum);
  void internal(const FieldPath& field, std::string_view detail);

  // One Invalid error for each message: what the validators of names.h return.
  void invalid_each(const FieldPath& field, const FieldValue& value,
                    const std::vector<std::string>& messages);

  void add(FieldError error) { errors_.push_back(std::move(error)); }
  FieldErrors& operator+=(FieldErrors other);

  bool empty() const { return errors_.empty(); }
  std::size_t size() const { return errors_.size(); }
  const FieldError& operator[](std::size_t index) const { return errors_[index]; }
  auto begin() const { return errors_.begin(); }
  auto end() const { return errors_.end(); }

  // "a: Required value" or "[a: Required value, b: Forbidden: why]"; texts said once.
  std::string text() const;
  std::vector<StatusCause> causes() const;
  // The 422 answer for an object of that kind: reason Invalid, one cause an error.
  Status status(std::string_view group, std::string_view kind, std::string_view name) const;

 private:
  std::vector<FieldError> errors_;
};

}  // namespace keelson::api
