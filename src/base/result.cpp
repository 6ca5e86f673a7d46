// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace keelson {
namespace {

struct ReasonRow {
  Reason reason;
  std::string_view name;
  int code;
};

// Source: apimachinery meta/v1 StatusReason and the codes its constructors use.
constexpr ReasonRow kReasons[] = {
    {Reason::Unknown, "", 500},
    {Reason::BadRequest, "BadRequest", 400},
    {Reason::Unauthorized, "Unauthorized", 401},
    {Reason::Forbidden, "Forbidden", 403},
    {Reason::NotFound, "NotFound", 404},
    {Reason::AlreadyExists, "AlreadyExists", 409},
    {Reason::Conflict, "Conflict", 409},
    {Reason::Gone, "Gone", 410},
    {Reason::Expired, "Expired", 410},
    {Reason::Invalid, "Invalid", 422},
    {Reason::MethodNotAllowed, "MethodNotAllowed", 405},
    {Reason::NotAcceptable, "NotAcceptable", 406},
    {Reason::RequestEntityTooLarge, "RequestEntityTooLarge", 413},
    {Reason::UnsupportedMediaType, "UnsupportedMediaType", 415},
    {Reason::TooManyRequests, "TooManyRequests", 429},
    {Reason::Timeout, "Timeout", 504},
    {Reason::ServerTimeout, "ServerTimeout", 500},
    {Reason::InternalError, "InternalError", 500},
    {Reason::ServiceUnavailable, "ServiceUnavailable", 503},
    {Reason::NotImplemented, "NotImplemented", 501},
    {Reason::Canceled, "InternalError", 500},
};

std::string qualified(std::string_view resource, std::string_view group) {
  std::string text(resource);
  if (!group.empty()) text.append(".").append(group);
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  out.append(text).append("\"");
  return out;
}

Status about(Reason reason, std::string message, std::string_view group, std::string_view kind,
             std::string_view name) {
  return Status(reason, std::move(message))
      .with_details({.name = std::string(name),
                     .group = std::string(group),
                     .kind = std::string(kind),
                     .uid = {},
                     .causes = {}});
}

}  // namespace

std::string_view reason_name(Reason reason) {
  return kReasons[static_cast<std::size_t>(reason)].name;
}

int reason_code(Reason reason) { return kReasons[static_cast<std::size_t>(reason)].code; }

Reason reason_from_name(std::string_view name) {
  for (const auto& row : kReasons) {
    if (row.name == name) return row.reason;
  }
  return Reason::Unknown;
}

const StatusDetails& Status::details() const {
  static const StatusDetails kNone;
  return details_ ? *details_ : kNone;
}

Status Status::with_code(int code) && {
  code_ = code;
  return std::move(*this);
}

Status Status::with_details(StatusDetails details) && {
  details_ = std::make_shared<const StatusDetails>(std::move(details));
  return std::move(*this);
}

Status Status::with_retry_after(int seconds) && {
  StatusDetails changed = details();
  changed.retry_after_seconds = seconds;
  return std::move(*this).with_details(std::move(changed));
}

Status Status::with_context(std::string_view context) && {
  message_.insert(0, ": ").insert(0, context);
  return std::move(*this);
}

Status Status::bad_request(std::string message) {
  return Status(Reason::BadRequest, std::move(message));
}

Status Status::internal(std::string message) {
  StatusDetails details;
  details.causes.push_back({.reason = {}, .message = message, .field = {}});
  return Status(Reason::InternalError, "Internal error occurred: " + std::move(message))
      .with_details(std::move(details));
}

Status Status::unavailable(std::string message) {
  return Status(Reason::ServiceUnavailable, std::move(message));
}

Status Status::canceled() { return Status(Reason::Canceled, "canceled"); }

Status Status::expired(std::string message) { return Status(Reason::Expired, std::move(message)); }

Status Status::not_found(std::string_view group, std::string_view resource, std::string_view name) {
  return about(Reason::NotFound, qualified(resource, group) + " " + quoted(name) + " not found",
               group, resource, name);
}

Status Status::already_exists(std::string_view group, std::string_view resource,
                              std::string_view name) {
  return about(Reason::AlreadyExists,
               qualified(resource, group) + " " + quoted(name) + " already exists", group, resource,
               name);
}

Status Status::conflict(std::string_view group, std::string_view resource, std::string_view name,
                        std::string_view why) {
  return about(Reason::Conflict,
               "Operation cannot be fulfilled on " + qualified(resource, group) + " " +
                   quoted(name) + ": " + std::string(why),
               group, resource, name);
}

Status Status::forbidden(std::string_view group, std::string_view resource, std::string_view name,
                         std::string_view why) {
  // Upstream leaves out what it does not know: 'pods is forbidden: ...' for a list.
  std::string message;
  if (resource.empty()) {
    message = "forbidden: ";
  } else if (name.empty()) {
    message = qualified(resource, group) + " is forbidden: ";
  } else {
    message = qualified(resource, group) + " " + quoted(name) + " is forbidden: ";
  }
  return about(Reason::Forbidden, message.append(why), group, resource, name);
}

Status Status::invalid(std::string_view group, std::string_view kind, std::string_view name,
                       std::vector<StatusCause> causes) {
  // Source: apimachinery NewInvalid: one cause stands alone, several in brackets.
  std::string message = qualified(kind, group) + " " + quoted(name) + " is invalid: ";
  const bool several = causes.size() > 1;
  if (several) message += "[";
  for (std::size_t i = 0; i < causes.size(); ++i) {
    if (i) message += ", ";
    if (!causes[i].field.empty()) message.append(causes[i].field).append(": ");
    message += causes[i].message;
  }
  if (several) message += "]";
  return Status(Reason::Invalid, std::move(message))
      .with_details({.name = std::string(name),
                     .group = std::string(group),
                     .kind = std::string(kind),
                     .uid = {},
                     .causes = std::move(causes)});
}

Status Status::method_not_allowed(std::string_view group, std::string_view resource,
                                  std::string_view verb) {
  return about(Reason::MethodNotAllowed,
               std::string(verb) + " is not supported on resources of kind " +
                   quoted(qualified(resource, group)),
               group, resource, "");
}

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "CHECK failed: %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace keelson
