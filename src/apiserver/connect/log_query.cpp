// SPDX-License-Identifier: Apache-2.0
#include "apiserver/connect/log_query.h"

#include <charconv>
#include <optional>

#include "api/quote.h"
#include "api/time.h"
#include "api/validation/field_error.h"

namespace keelson::apiserver {
namespace {

using Number = std::optional<std::int64_t>;

Result<Number> number(const net::Target& target, std::string_view name) {
  if (!target.has(name)) return std::nullopt;
  const std::string_view text = target.get(name);
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = end == digits.data() + digits.size();
  if (error == std::errc() && whole) return value;
  const bool far = error == std::errc::result_out_of_range && whole;
  return fail(Status::bad_request("strconv.ParseInt: parsing " + api::quoted(text) +
                                  (far ? ": value out of range" : ": invalid syntax")));
}

}  // namespace

Result<std::string> kubelet_log_query(const net::Target& target, const std::string& pod) {
  TRY(const Number tail, number(target, "tailLines"));
  TRY(const Number limit, number(target, "limitBytes"));
  TRY(const Number seconds, number(target, "sinceSeconds"));
  const std::string_view time = target.get("sinceTime");
  if (!time.empty() && !api::parse_rfc3339(time)) {
    return fail(Status::bad_request("parsing time " + api::quoted(time) +
                                    " as \"2006-01-02T15:04:05Z07:00\": cannot parse " +
                                    api::quoted(time) + " as \"2006\""));
  }
  const std::string_view stream = target.get("stream");

  api::FieldErrors errors;
  if (tail && *tail < 0) {
    errors.invalid("tailLines", *tail, "must be greater than or equal to 0");
  }
  if (limit && *limit < 1) errors.invalid("limitBytes", *limit, "must be greater than 0");
  if (seconds && !time.empty()) {
    errors.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified");
  } else if (seconds && *seconds < 1) {
    errors.invalid("sinceSeconds", *seconds, "must be greater than 0");
  }
  if (target.has("stream")) {
    if (stream != "All" && stream != "Stdout" && stream != "Stderr") {
      errors.not_supported("stream", stream, {"All", "Stderr", "Stdout"});
    }
    if (stream != "All" && tail) {
      errors.forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now");
    }
  }
  if (!errors.empty()) return fail(errors.status("", "PodLogOptions", pod));

  std::string query;
  const auto add = [&query](std::string_view name, std::string_view value) {
    query += query.empty() ? '?' : '&';
    query.append(name).append("=").append(net::percent_encode(value));
  };
  for (const std::string_view flag : {"follow", "previous", "timestamps"}) {
    if (target.is_on(flag)) add(flag, "true");
  }
  if (seconds) add("sinceSeconds", std::to_string(*seconds));
  if (!time.empty()) add("sinceTime", time);
  if (tail) add("tailLines", std::to_string(*tail));
  if (limit) add("limitBytes", std::to_string(*limit));
  if (target.has("stream")) add("stream", stream);
  return query;
}

}  // namespace keelson::apiserver
