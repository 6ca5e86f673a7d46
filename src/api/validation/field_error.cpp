// SPDX-License-Identifier: Apache-2.0
#include "api/validation/field_error.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "api/quote.h"

namespace keelson::api {
namespace {

struct TypeRow {
  std::string_view reason, title;
  bool shows_value;
};

// In the order of FieldErrorType.
constexpr TypeRow kTypes[] = {
    {"FieldValueNotFound", "Not found", true},
    {"FieldValueRequired", "Required value", false},
    {"FieldValueDuplicate", "Duplicate value", true},
    {"FieldValueInvalid", "Invalid value", true},
    {"FieldValueNotSupported", "Unsupported value", true},
    {"FieldValueForbidden", "Forbidden", false},
    {"FieldValueTooLong", "Too long", false},
    {"FieldValueTooMany", "Too many", true},
    {"FieldValueTooFew", "Too few", true},
    {"InternalError", "Internal error", false},
};

const TypeRow& row_of(FieldErrorType type) { return kTypes[static_cast<std::size_t>(type)]; }

// "12 bytes", "1 byte"
std::string counted(std::int64_t count, std::string_view unit) {
  std::string text = std::to_string(count);
  text.append(" ").append(unit);
  if (count != 1) text += "s";
  return text;
}

std::optional<std::string> known_count(std::int64_t count) {
  if (count < 0) return std::nullopt;
  return std::to_string(count);
}

}  // namespace

FieldPath FieldPath::joined(std::string_view name) const {
  FieldPath path;
  path.text_.reserve(text_.size() + 1 + name.size());
  path.text_ = text_;
  if (!text_.empty()) path.text_ += '.';
  path.text_ += name;
  return path;
}

FieldPath FieldPath::index(std::size_t index) const { return key(std::to_string(index)); }

FieldPath FieldPath::key(std::string_view key) const {
  FieldPath path = *this;
  path.text_.append("[").append(key).append("]");
  return path;
}

std::string_view field_error_reason(FieldErrorType type) { return row_of(type).reason; }
std::string_view field_error_title(FieldErrorType type) { return row_of(type).title; }

FieldValue::FieldValue(std::string_view value) : text_(quoted(value)) {}
FieldValue::FieldValue(double value) : text_(go_value(boost::json::value(value))) {}
FieldValue::FieldValue(const boost::json::value& value)
    : text_(value.is_string()   ? quoted(value.get_string())
            : value.is_double() ? go_value(value)
                                : go_json(value)) {}
FieldValue::FieldValue(const std::vector<std::string>& values)
    : text_(go_json(boost::json::array(values.begin(), values.end()))) {}

std::string FieldError::message() const {
  std::string text(field_error_title(type));
  if (value && row_of(type).shows_value) text.append(": ").append(*value);
  if (!detail.empty()) text.append(": ").append(detail);
  return text;
}

StatusCause FieldError::cause() const {
  return {.reason = std::string(field_error_reason(type)), .message = message(), .field = field};
}

void FieldErrors::not_found(const FieldPath& field, const FieldValue& value) {
  add({FieldErrorType::NotFound, field.text(), value.text(), {}});
}

void FieldErrors::required(const FieldPath& field, std::string_view detail) {
  add({FieldErrorType::Required, field.text(), std::nullopt, std::string(detail)});
}

void FieldErrors::duplicate(const FieldPath& field, const FieldValue& value) {
  add({FieldErrorType::Duplicate, field.text(), value.text(), {}});
}

void FieldErrors::invalid(const FieldPath& field, const FieldValue& value,
                          std::string_view detail) {
  add({FieldErrorType::Invalid, field.text(), value.text(), std::string(detail)});
}

void FieldErrors::not_supported(const FieldPath& field, const FieldValue& value,
                                std::span<const std::string_view> supported) {
  std::string detail;
  for (std::string_view one : supported) {
    detail.append(detail.empty() ? "supported values: " : ", ").append(quoted(one));
  }
  add({FieldErrorType::NotSupported, field.text(), value.text(), std::move(detail)});
}

void FieldErrors::forbidden(const FieldPath& field, std::string_view detail) {
  add({FieldErrorType::Forbidden, field.text(), std::nullopt, std::string(detail)});
}

void FieldErrors::too_long(const FieldPath& field, std::int64_t length_max) {
  add({FieldErrorType::TooLong, field.text(), std::nullopt,
       length_max < 0 ? "value is too long"
                      : "may not be more than " + counted(length_max, "byte")});
}

void FieldErrors::too_many(const FieldPath& field, std::int64_t actual, std::int64_t maximum) {
  add({FieldErrorType::TooMany, field.text(), known_count(actual),
       maximum < 0 ? "has too many items" : "must have at most " + counted(maximum, "item")});
}

void FieldErrors::too_few(const FieldPath& field, std::int64_t actual, std::int64_t minimum) {
  add({FieldErrorType::TooFew, field.text(), known_count(actual),
       minimum < 0 ? "has too few items" : "must have at least " + counted(minimum, "item")});
}

void FieldErrors::internal(const FieldPath& field, std::string_view detail) {
  add({FieldErrorType::Internal, field.text(), std::nullopt, std::string(detail)});
}

void FieldErrors::invalid_each(const FieldPath& field, const FieldValue& value,
                               const std::vector<std::string>& messages) {
  for (const std::string& message : messages) invalid(field, value, message);
}

FieldErrors& FieldErrors::operator+=(FieldErrors other) {
  errors_.insert(errors_.end(), std::make_move_iterator(other.errors_.begin()),
                 std::make_move_iterator(other.errors_.end()));
  return *this;
}

std::string FieldErrors::text() const {
  std::vector<std::string> texts;
  for (const FieldError& error : errors_) {
    std::string text = error.text();
    if (std::ranges::find(texts, text) == texts.end()) texts.push_back(std::move(text));
  }
  if (texts.size() == 1) return texts.front();
  std::string all;
  for (const std::string& text : texts) all.append(all.empty() ? "[" : ", ").append(text);
  if (!all.empty()) all += "]";
  return all;
}

std::vector<StatusCause> FieldErrors::causes() const {
  std::vector<StatusCause> causes;
  causes.reserve(errors_.size());
  for (const FieldError& error : errors_) causes.push_back(error.cause());
  return causes;
}

Status FieldErrors::status(std::string_view group, std::string_view kind,
                           std::string_view name) const {
  return Status::invalid(group, kind, name, causes());
}

}  // namespace keelson::api
