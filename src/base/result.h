// SPDX-License-Identifier: Apache-2.0
// Errors as values. One vocabulary from disk to wire: a Status holds a Kubernetes reason, a message
// and causes with field paths. Source: API conventions, "Response Status Kind".
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keelson {

enum class Reason : std::uint8_t {
  Unknown,
  BadRequest,
  Unauthorized,
  Forbidden,
  NotFound,
  AlreadyExists,
  Conflict,
  Gone,
  Expired,  // 410 like Gone, but says that a resource version or continue token is too old.
  Invalid,
  MethodNotAllowed,
  NotAcceptable,
  RequestEntityTooLarge,
  UnsupportedMediaType,
  TooManyRequests,
  Timeout,
  ServerTimeout,
  InternalError,
  ServiceUnavailable,
  NotImplemented,
  Canceled,  // Ours: the task that waited was stopped. Never leaves the process.
};

// Wire name ("NotFound") and HTTP code (404) of a reason; from_name() of an unknown name: Unknown.
std::string_view reason_name(Reason reason);
int reason_code(Reason reason);
Reason reason_from_name(std::string_view name);

struct StatusCause {
  std::string reason;  // "FieldValueRequired", "FieldValueInvalid", ...
  std::string message;
  std::string field;  // "spec.containers[0].name"

  bool operator==(const StatusCause&) const = default;
};

struct StatusDetails {
  std::string name, group, kind, uid;
  std::vector<StatusCause> causes;
  int retry_after_seconds = 0;
};

class [[nodiscard]] Status {
 public:
  Status(Reason reason, std::string message) : reason_(reason), message_(std::move(message)) {}

  Reason reason() const { return reason_; }
  const std::string& message() const { return message_; }
  // The HTTP code; the reason's own unless with_code() set another.
  int code() const { return code_ ? code_ : reason_code(reason_); }
  // Empty details if none were set.
  const StatusDetails& details() const;

  bool is(Reason reason) const { return reason_ == reason; }

  Status with_code(int code) &&;
  Status with_details(StatusDetails details) &&;
  Status with_retry_after(int seconds) &&;
  // "context: message"; reason and details stay.
  Status with_context(std::string_view context) &&;

  // Upstream's texts; `resource` is "pods" or "deployments.apps".
  static Status bad_request(std::string message);
  static Status internal(std::string message);
  static Status unavailable(std::string message);
  static Status canceled();
  static Status expired(std::string message);
  static Status not_found(std::string_view group, std::string_view resource, std::string_view name);
  static Status already_exists(std::string_view group, std::string_view resource,
                               std::string_view name);
  static Status conflict(std::string_view group, std::string_view resource, std::string_view name,
                         std::string_view why);
  static Status forbidden(std::string_view group, std::string_view resource, std::string_view name,
                          std::string_view why);
  static Status invalid(std::string_view group, std::string_view kind, std::string_view name,
                        std::vector<StatusCause> causes);
  static Status method_not_allowed(std::string_view group, std::string_view resource,
                                   std::string_view verb);

 private:
  Reason reason_;
  int code_ = 0;
  std::string message_;
  std::shared_ptr<const StatusDetails> details_;
};

template <class T>
using Result = std::expected<T, Status>;

inline std::unexpected<Status> fail(Status status) { return std::unexpected(std::move(status)); }
inline std::unexpected<Status> fail(Reason reason, std::string message) {
  return std::unexpected(Status(reason, std::move(message)));
}

// A bug, never bad input: logs and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace keelson

#define KEELSON_CONCAT2(a, b) a##b
#define KEELSON_CONCAT(a, b) KEELSON_CONCAT2(a, b)

#define CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::keelson::check_failed(#condition, __FILE__, __LINE__))

// TRY(auto pod, decode(bytes)): the value, or return the error. CO_TRY in coroutines.
#define KEELSON_TRY(return_keyword, result, declaration, expression) \
  auto result = (expression);                                        \
  if (!result) [[unlikely]]                                          \
    return_keyword ::keelson::fail(std::move(result).error());       \
  declaration = *std::move(result)
#define TRY(declaration, ...) \
  KEELSON_TRY(return, KEELSON_CONCAT(try_result_, __LINE__), declaration, (__VA_ARGS__))
#define CO_TRY(declaration, ...) \
  KEELSON_TRY(co_return, KEELSON_CONCAT(try_result_, __LINE__), declaration, (__VA_ARGS__))

// The same where only success matters.
#define TRY_OK(...)                                                      \
  do {                                                                   \
    if (auto try_ok_result = (__VA_ARGS__); !try_ok_result) [[unlikely]] \
      return ::keelson::fail(std::move(try_ok_result).error());          \
  } while (false)
#define CO_TRY_OK(...)                                                   \
  do {                                                                   \
    if (auto try_ok_result = (__VA_ARGS__); !try_ok_result) [[unlikely]] \
      co_return ::keelson::fail(std::move(try_ok_result).error());       \
  } while (false)
