// SPDX-License-Identifier: Apache-2.0
// What names of all sorts may look like: objects, labels, ports, variables. Each function returns
// what is wrong with the value, in upstream's words; nothing when it is fine.
// Source: apimachinery, packages util/validation, api/validate/content and api/validation.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "api/validation/field_error.h"

namespace keelson::api {

using Messages = std::vector<std::string>;

inline constexpr std::size_t kDns1123LabelLengthMax = 63;
inline constexpr std::size_t kDns1123SubdomainLengthMax = 253;
inline constexpr std::size_t kDns1035LabelLengthMax = 63;
inline constexpr std::size_t kLabelValueLengthMax = 63;

Messages validate_dns1123_label(std::string_view value);
Messages validate_dns1123_subdomain(std::string_view value);
Messages validate_dns1123_subdomain_with_underscore(std::string_view value);
Messages validate_dns1035_label(std::string_view value);
// "*.example.com"
Messages validate_wildcard_dns1123_subdomain(std::string_view value);

// A label key: "name" or "example.com/name". Upstream's IsQualifiedName and IsLabelKey.
Messages validate_qualified_name(std::string_view value);
Messages validate_label_value(std::string_view value);

Messages validate_condition_reason(std::string_view value);
// Any printable ASCII but '=': what API objects may name their variables.
Messages validate_relaxed_env_var_name(std::string_view value);
Messages validate_config_map_key(std::string_view value);
Messages validate_http_header_name(std::string_view value);
Messages validate_percent(std::string_view value);

Messages validate_port_name(std::string_view value);
Messages validate_port_number(std::int64_t port);
Messages validate_in_range(std::int64_t value, std::int64_t minimum, std::int64_t maximum);
Messages validate_user_id(std::int64_t uid);
Messages validate_group_id(std::int64_t gid);

// At least two labels; may end in a dot.
FieldErrors validate_fully_qualified_domain_name(const FieldPath& field, std::string_view name);
// "example.com/any/path".
FieldErrors validate_domain_prefixed_path(const FieldPath& field, std::string_view path);

// Rules for the names of objects of one kind. With `prefix` the name is a generateName, to which
// characters will be added.
Messages name_is_dns_subdomain(std::string_view name, bool prefix);
Messages name_is_dns_label(std::string_view name, bool prefix);
Messages name_is_dns1035_label(std::string_view name, bool prefix);
// Any name that fits into one segment of a path.
Messages name_is_path_segment(std::string_view name, bool prefix);

// Building blocks of such messages.
std::string max_length_message(std::size_t length);
std::string range_message(std::int64_t minimum, std::int64_t maximum);
std::string regex_message(std::string_view message, std::string_view regex,
                          std::initializer_list<std::string_view> examples);
inline constexpr std::string_view kEmptyMessage = "must be non-empty";
inline constexpr std::string_view kNegativeMessage = "must be greater than or equal to 0";
inline constexpr std::string_view kImmutableMessage = "field is immutable";

// The messages in one text, as upstream's strings.Join.
std::string join(const Messages& messages, std::string_view separator);

}  // namespace keelson::api
