// SPDX-License-Identifier: Apache-2.0
// Header fields, request targets and percent-encoding.
#include "base/ascii.h"
#include "net/http.h"

namespace keelson::net {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower_case(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// `form`: '+' is a space, as in a query.
Result<std::string> percent_decode(std::string_view text, bool form) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return fail(
            Status::bad_request("invalid URL escape \"" + std::string(text.substr(i, 3)) + "\""));
      decoded.push_back(static_cast<char>(high << 4 | low));
      i += 2;
    } else {
      decoded.push_back(form && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return decoded;
}

}  // namespace

void Headers::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string_view name, std::string value) {
  remove(name);
  add(std::string(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_,
                [name](const auto& field) { return equal_ignoring_case(field.first, name); });
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (equal_ignoring_case(field, name)) return value;
  }
  return {};
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [field, value] : fields_) {
    if (equal_ignoring_case(field, name)) values.push_back(value);
  }
  return values;
}

bool Headers::has(std::string_view name) const {
  return std::ranges::any_of(fields_,
                             [name](const auto& f) { return equal_ignoring_case(f.first, name); });
}

// By value, as in what overrides it: those are coroutines, which must own their parameters.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Task<Result<void>> HttpExchange::finish_with(Headers) { return finish(); }

std::string_view Target::get(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

bool Target::has(std::string_view name) const {
  return std::ranges::any_of(query, [name](const auto& entry) { return entry.first == name; });
}

bool Target::is_on(std::string_view name) const { return has(name) && means_true(get(name)); }

bool means_true(std::string_view parameter) {
  return parameter != "0" && !equal_ignoring_case(parameter, "false");
}

std::vector<std::string_view> Target::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : query) {
    if (key == name) values.push_back(value);
  }
  return values;
}

Result<Target> parse_target(std::string_view target) {
  target = target.substr(0, target.find('#'));
  const auto mark = target.find('?');
  Target parsed;
  TRY(parsed.path, percent_decode(target.substr(0, mark), false));
  std::string_view rest = mark == target.npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const std::string_view entry = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (entry.empty()) continue;
    const auto equals = entry.find('=');
    TRY(auto key, percent_decode(entry.substr(0, equals), true));
    TRY(auto value,
        percent_decode(equals == entry.npos ? std::string_view() : entry.substr(equals + 1), true));
    parsed.query.emplace_back(std::move(key), std::move(value));
  }
  return parsed;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded.push_back(c);
      continue;
    }
    encoded.push_back('%');
    encoded.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    encoded.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return encoded;
}

}  // namespace keelson::net
