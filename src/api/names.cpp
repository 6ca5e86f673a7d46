// SPDX-License-Identifier: Apache-2.0
// The patterns are matched by hand: names are checked on every write, and each pattern is a class
// of characters for the first, the last and all others. The expressions stand in messages only.
#include "api/names.h"

#include <algorithm>

namespace keelson::api {
namespace {

constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return is_lower(c) || is_upper(c); }
constexpr bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
constexpr bool is_lower_alnum(char c) { return is_lower(c) || is_digit(c); }
constexpr bool is_dns(char c) { return is_lower_alnum(c) || c == '-'; }
constexpr bool is_dns_with_underscore(char c) { return is_dns(c) || c == '_'; }
constexpr bool is_label_key(char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; }

using CharacterClass = bool (*)(char);

bool all_of(std::string_view text, CharacterClass allowed) {
  return std::ranges::all_of(text, allowed);
}

bool matches(std::string_view text, CharacterClass first, CharacterClass middle,
             CharacterClass last) {
  return !text.empty() && first(text.front()) && last(text.back()) && all_of(text, middle);
}

bool is_dns1123_label(std::string_view text) {
  return matches(text, is_lower_alnum, is_dns, is_lower_alnum);
}

bool is_dns1123_label_with_underscore(std::string_view text) {
  if (text.starts_with('_')) text.remove_prefix(1);
  return matches(text, is_lower_alnum, is_dns_with_underscore, is_lower_alnum);
}

// Every part between dots is one of `label`.
bool is_dotted(std::string_view text, bool (*label)(std::string_view)) {
  while (true) {
    const std::size_t dot = text.find('.');
    if (!label(text.substr(0, dot))) return false;
    if (dot == text.npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_label_name(std::string_view text) {
  return matches(text, is_alnum, is_label_key, is_alnum);
}

constexpr std::string_view kDns1123Label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
constexpr std::string_view kDns1123Subdomain =
    "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
constexpr std::string_view kDns1123SubdomainWithUnderscore =
    "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";
constexpr std::string_view kWildcard =
    "\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
constexpr std::string_view kLabelName = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
constexpr std::string_view kLabelNameMessage =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character";

void check_length(Messages& messages, std::string_view value, std::size_t maximum) {
  if (value.size() > maximum) messages.push_back(max_length_message(maximum));
}

void check_dots(Messages& messages, std::string_view value) {
  if (value == ".") {
    messages.emplace_back("must not be '.'");
  } else if (value == "..") {
    messages.emplace_back("must not be '..'");
  } else if (value.starts_with("..")) {
    messages.emplace_back("must not start with '..'");
  }
}

std::size_t segments(std::string_view text, char separator) {
  return static_cast<std::size_t>(std::ranges::count(text, separator)) + 1;
}

// What a trailing dash of a generateName turns into once characters follow.
std::string without_trailing_dash(std::string_view name) {
  std::string masked(name);
  if (masked.size() > 1 && masked.back() == '-') masked.back() = 'a';
  return masked;
}

}  // namespace

std::string max_length_message(std::size_t length) {
  return "must be no more than " + std::to_string(length) + " characters";
}

std::string range_message(std::int64_t minimum, std::int64_t maximum) {
  return "must be between " + std::to_string(minimum) + " and " + std::to_string(maximum) +
         ", inclusive";
}

std::string regex_message(std::string_view message, std::string_view regex,
                          std::initializer_list<std::string_view> examples) {
  std::string text(message);
  text += " (";
  std::string_view lead = "e.g. '";
  for (std::string_view example : examples) {
    text.append(lead).append(example).append("', ");
    lead = " or '";  // Source: upstream, which has two spaces there.
  }
  text.append("regex used for validation is '").append(regex).append("')");
  return text;
}

std::string join(const Messages& messages, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i) text += separator;
    text += messages[i];
  }
  return text;
}

Messages validate_dns1123_label(std::string_view value) {
  Messages messages;
  check_length(messages, value, kDns1123LabelLengthMax);
  if (!is_dns1123_label(value)) {
    if (is_dotted(value, is_dns1123_label)) {
      messages.emplace_back("must not contain dots");
    } else {
      messages.push_back(regex_message(
          "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
          "and must start and end with an alphanumeric character",
          kDns1123Label, {"my-name", "123-abc"}));
    }
  }
  return messages;
}

Messages validate_dns1123_subdomain(std::string_view value) {
  Messages messages;
  check_length(messages, value, kDns1123SubdomainLengthMax);
  if (!is_dotted(value, is_dns1123_label)) {
    messages.push_back(regex_message(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
        "'.', and must start and end with an alphanumeric character",
        kDns1123Subdomain, {"example.com"}));
  }
  return messages;
}

Messages validate_dns1123_subdomain_with_underscore(std::string_view value) {
  Messages messages;
  check_length(messages, value, kDns1123SubdomainLengthMax);
  if (!is_dotted(value, is_dns1123_label_with_underscore)) {
    messages.push_back(regex_message(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', "
        "'-' or '.', and must start and end with an alphanumeric character",
        kDns1123SubdomainWithUnderscore, {"example.com"}));
  }
  return messages;
}

Messages validate_dns1035_label(std::string_view value) {
  Messages messages;
  check_length(messages, value, kDns1035LabelLengthMax);
  if (!matches(value, is_lower, is_dns, is_lower_alnum)) {
    messages.push_back(regex_message(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
        "alphabetic character, and end with an alphanumeric character",
        "[a-z]([-a-z0-9]*[a-z0-9])?", {"my-name", "abc-123"}));
  }
  return messages;
}

Messages validate_wildcard_dns1123_subdomain(std::string_view value) {
  Messages messages;
  check_length(messages, value, kDns1123SubdomainLengthMax);
  if (!value.starts_with("*.") || !is_dotted(value.substr(2), is_dns1123_label)) {
    messages.push_back(regex_message(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
        "which must consist of lower case alphanumeric characters, '-' or '.' and end with an "
        "alphanumeric character",
        kWildcard, {"*.example.com"}));
  }
  return messages;
}

Messages validate_qualified_name(std::string_view value) {
  const auto pattern_message = [] {
    return regex_message(kLabelNameMessage, kLabelName, {"MyName", "my.name", "123-abc"});
  };
  Messages messages;
  std::string_view name = value;
  if (const std::size_t slash = value.find('/'); slash != value.npos) {
    const std::string_view prefix = value.substr(0, slash);
    name = value.substr(slash + 1);
    if (name.find('/') != name.npos) {
      messages.push_back("a valid label key " + pattern_message() +
                         " with an optional DNS subdomain prefix and '/' (e.g. "
                         "'example.com/MyName')");
      return messages;
    }
    if (prefix.empty()) {
      messages.push_back("prefix part " + std::string(kEmptyMessage));
    } else {
      for (const std::string& message : validate_dns1123_subdomain(prefix)) {
        messages.push_back("prefix part " + message);
      }
    }
  }
  if (name.empty()) {
    messages.push_back("name part " + std::string(kEmptyMessage));
  } else if (name.size() > kLabelValueLengthMax) {
    messages.push_back("name part " + max_length_message(kLabelValueLengthMax));
  }
  if (!is_label_name(name)) messages.push_back("name part " + pattern_message());
  return messages;
}

Messages validate_label_value(std::string_view value) {
  Messages messages;
  check_length(messages, value, kLabelValueLengthMax);
  if (!value.empty() && !is_label_name(value)) {
    messages.push_back(regex_message(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
        "'.', and must start and end with an alphanumeric character",
        "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", {"MyValue", "my_value", "12345"}));
  }
  return messages;
}

Messages validate_condition_reason(std::string_view value) {
  constexpr CharacterClass kMiddle = [](char c) {
    return is_alnum(c) || c == '_' || c == ',' || c == ':';
  };
  constexpr CharacterClass kLast = [](char c) { return is_alnum(c) || c == '_'; };
  if (matches(value, is_alpha, kMiddle, kLast)) return {};
  return {regex_message(
      "a condition reason must start with alphabetic character, optionally followed by a string "
      "of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
      "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?",
      {"my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB"})};
}

Messages validate_relaxed_env_var_name(std::string_view value) {
  constexpr CharacterClass kAllowed = [](char c) { return c >= ' ' && c <= '~' && c != '='; };
  Messages messages;
  if (value.empty()) {
    messages.push_back("environment variable name " + std::string(kEmptyMessage));
  }
  if (!all_of(value, kAllowed)) {
    messages.emplace_back(
        "a valid environment variable name must consist only of printable ASCII characters other "
        "than '='");
  }
  return messages;
}

Messages validate_config_map_key(std::string_view value) {
  Messages messages;
  check_length(messages, value, kDns1123SubdomainLengthMax);
  if (value.empty() || !all_of(value, is_label_key)) {
    messages.push_back(
        regex_message("a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                      "[-._a-zA-Z0-9]+", {"key.name", "KEY_NAME", "key-name"}));
  }
  check_dots(messages, value);
  return messages;
}

Messages validate_http_header_name(std::string_view value) {
  constexpr CharacterClass kAllowed = [](char c) { return is_alnum(c) || c == '-'; };
  if (!value.empty() && all_of(value, kAllowed)) return {};
  return {regex_message("a valid HTTP header must consist of alphanumeric characters or '-'",
                        "[-A-Za-z0-9]+", {"X-Header-Name"})};
}

Messages validate_percent(std::string_view value) {
  if (value.size() > 1 && value.back() == '%' &&
      all_of(value.substr(0, value.size() - 1), is_digit)) {
    return {};
  }
  return {regex_message("a valid percent string must be a numeric string followed by an ending '%'",
                        "[0-9]+%", {"1%", "93%"})};
}

Messages validate_port_name(std::string_view value) {
  constexpr std::size_t kLengthMax = 15;  // RFC 6335, section 5.1.
  Messages messages;
  check_length(messages, value, kLengthMax);
  if (value.empty() || !all_of(value, is_dns)) {
    messages.emplace_back("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (std::ranges::none_of(value, is_lower)) {
    messages.emplace_back("must contain at least one letter (a-z)");
  }
  if (value.find("--") != value.npos) {
    messages.emplace_back("must not contain consecutive hyphens");
  }
  if (value.starts_with('-') || value.ends_with('-')) {
    messages.emplace_back("must not begin or end with a hyphen");
  }
  return messages;
}

Messages validate_in_range(std::int64_t value, std::int64_t minimum, std::int64_t maximum) {
  if (value >= minimum && value <= maximum) return {};
  return {range_message(minimum, maximum)};
}

Messages validate_port_number(std::int64_t port) { return validate_in_range(port, 1, 65535); }
Messages validate_user_id(std::int64_t uid) { return validate_in_range(uid, 0, 0xFFFFFFFF); }
Messages validate_group_id(std::int64_t gid) { return validate_in_range(gid, 0, 0xFFFFFFFF); }

FieldErrors validate_fully_qualified_domain_name(const FieldPath& field, std::string_view name) {
  FieldErrors errors;
  if (name.empty()) {
    errors.required(field);
    return errors;
  }
  if (name.ends_with('.')) name.remove_suffix(1);
  if (const Messages messages = validate_dns1123_subdomain(name); !messages.empty()) {
    errors.invalid(field, name, join(messages, ","));
    return errors;
  }
  if (segments(name, '.') < 2) {
    errors.invalid(field, name, "should be a domain with at least two segments separated by dots");
    return errors;
  }
  for (std::string_view rest = name; !rest.empty();) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    rest.remove_prefix(std::min(rest.size(), label.size() + 1));
    if (const Messages messages = validate_dns1123_label(label); !messages.empty()) {
      errors.invalid(field, label, join(messages, ","));
      return errors;
    }
  }
  return errors;
}

FieldErrors validate_domain_prefixed_path(const FieldPath& field, std::string_view path) {
  constexpr CharacterClass kPath = [](char c) {
    return is_alnum(c) || std::string_view("/-._~%!$&'()*+,;=:").find(c) != std::string_view::npos;
  };
  FieldErrors errors;
  if (path.empty()) {
    errors.required(field);
    return errors;
  }
  const std::size_t slash = path.find('/');
  if (slash == path.npos || slash == 0 || slash + 1 == path.size()) {
    errors.invalid(field, path, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    return errors;
  }
  const std::string_view host = path.substr(0, slash);
  const std::string_view rest = path.substr(slash + 1);
  errors.invalid_each(field, host, validate_dns1123_subdomain(host));
  if (!all_of(rest, kPath)) {
    errors.invalid(field, rest,
                   regex_message("Invalid path", "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+", {}));
  }
  return errors;
}

Messages name_is_dns_subdomain(std::string_view name, bool prefix) {
  return validate_dns1123_subdomain(prefix ? without_trailing_dash(name) : std::string(name));
}

Messages name_is_dns_label(std::string_view name, bool prefix) {
  return validate_dns1123_label(prefix ? without_trailing_dash(name) : std::string(name));
}

Messages name_is_dns1035_label(std::string_view name, bool prefix) {
  return validate_dns1035_label(prefix ? without_trailing_dash(name) : std::string(name));
}

Messages name_is_path_segment(std::string_view name, bool prefix) {
  if (!prefix && (name == "." || name == "..")) {
    return {"may not be '" + std::string(name) + "'"};
  }
  Messages messages;
  if (name.find('/') != name.npos) messages.emplace_back("may not contain '/'");
  if (name.find('%') != name.npos) messages.emplace_back("may not contain '%'");
  return messages;
}

}  // namespace keelson::api
