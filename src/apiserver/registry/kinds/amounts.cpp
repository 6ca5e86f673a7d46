// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/amounts.h"

#include <charconv>
#include <string_view>

#include "api/names.h"

namespace keelson::apiserver {
namespace {

// "25%" is 25; nothing if the amount is no percentage. Huge ones are as good as any over 100.
std::optional<int> percentage(const api::IntOrString& amount) {
  if (amount.is_int() || !api::validate_percent(amount.string_value()).empty()) return std::nullopt;
  const std::string_view text = amount.string_value();
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, value);
  return error == std::errc() ? value : 101;
}

}  // namespace

api::FieldValue shown(const api::IntOrString& amount) {
  return amount.is_int() ? api::FieldValue(amount.int_value())
                         : api::FieldValue(amount.string_value());
}

void check_amount(const api::IntOrString& amount, const api::FieldPath& path,
                  api::FieldErrors& errors) {
  if (amount.is_int()) {
    errors += api::validate_not_negative(amount.int_value(), path);
  } else {
    errors.invalid_each(path, shown(amount), api::validate_percent(amount.string_value()));
  }
}

void check_at_most_all(const api::IntOrString& amount, const api::FieldPath& path,
                       api::FieldErrors& errors) {
  if (percentage(amount).value_or(0) > 100) {
    errors.invalid(path, shown(amount), "must not be greater than 100%");
  }
}

bool is_zero(const std::optional<api::IntOrString>& amount) {
  if (!amount) return true;
  if (amount->is_int()) return amount->int_value() == 0;
  // What is no percentage has been refused.
  return percentage(*amount).value_or(0) == 0;
}

}  // namespace keelson::apiserver
