// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/options.h"

#include <algorithm>
#include <charconv>

#include "api/validation/field_error.h"
#include "api/validation/object_meta.h"
#include "net/http.h"

namespace keelson::apiserver {
namespace {

bool flag(const Query& query, std::string_view name) {
  for (const auto& [key, value] : query) {
    if (key == name) return net::means_true(value);
  }
  return false;
}

bool has(const Query& query, std::string_view name) {
  for (const auto& [key, value] : query) {
    if (key == name) return true;
  }
  return false;
}

Result<std::int64_t> number(const Query& query, std::string_view name) {
  const std::string_view text = find_parameter(query, name);
  std::int64_t value = 0;
  if (text.empty()) return value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(Status::bad_request("strconv.ParseInt: parsing \"" + std::string(text) +
                                    "\": invalid syntax"));
  }
  return value;
}

Status invalid_options(std::string_view kind, const api::FieldErrors& errors) {
  return errors.status("meta.k8s.io", kind, "");
}

bool parse_dry_run(const std::vector<std::string>& values, api::FieldErrors& errors) {
  const auto is_all = [](const std::string& value) { return value == "All"; };
  if (!std::ranges::all_of(values, is_all)) errors.not_supported("dryRun", values, {"All"});
  return !values.empty();
}

std::vector<std::string> all(const Query& query, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : query) {
    if (key == name && !value.empty()) values.push_back(value);
  }
  return values;
}

std::string_view options_kind(std::string_view verb) {
  if (verb == "create") return "CreateOptions";
  return verb == "patch" ? "PatchOptions" : "UpdateOptions";
}

DeleteQuery::Propagation parse_propagation(std::string_view text, api::FieldErrors& errors) {
  if (text.empty()) return DeleteQuery::Propagation::Default;
  if (text == "Orphan") return DeleteQuery::Propagation::Orphan;
  if (text == "Background") return DeleteQuery::Propagation::Background;
  if (text == "Foreground") return DeleteQuery::Propagation::Foreground;
  errors.not_supported("propagationPolicy", text, {"Foreground", "Background", "Orphan", "nil"});
  return DeleteQuery::Propagation::Default;
}

}  // namespace

std::string_view find_parameter(const Query& query, std::string_view name) {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

Result<std::int64_t> parse_resource_version(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty()) return 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > INT64_MAX) {
    api::FieldErrors errors;
    errors.invalid("resourceVersion", text,
                   "strconv.ParseUint: parsing \"" + std::string(text) + "\": invalid syntax");
    return fail(Status::bad_request("Invalid resource version: " + errors.text()));
  }
  return static_cast<std::int64_t>(value);
}

Result<ListQuery> parse_list_query(const Query& query) {
  ListQuery out;
  out.label_selector = find_parameter(query, "labelSelector");
  out.field_selector = find_parameter(query, "fieldSelector");
  out.continue_ = find_parameter(query, "continue");
  out.resource_version = find_parameter(query, "resourceVersion");
  out.resource_version_match = find_parameter(query, "resourceVersionMatch");
  out.watch = flag(query, "watch");
  out.allow_bookmarks = flag(query, "allowWatchBookmarks");
  if (has(query, "sendInitialEvents")) out.send_initial_events = flag(query, "sendInitialEvents");
  TRY(out.limit, number(query, "limit"));
  if (has(query, "timeoutSeconds")) {
    TRY(const std::int64_t seconds, number(query, "timeoutSeconds"));
    if (seconds > 0) out.timeout = std::chrono::seconds(std::min<std::int64_t>(seconds, 86400));
  }

  api::FieldErrors errors;
  const std::string& match = out.resource_version_match;
  const auto forbid = [&](std::string_view why) { errors.forbidden("resourceVersionMatch", why); };
  if (!out.watch && out.send_initial_events) {
    errors.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
  }
  if (!match.empty() && match != "Exact" && match != "NotOlderThan") {
    errors.not_supported("resourceVersionMatch", match, {"Exact", "NotOlderThan"});
  } else if (out.watch) {
    if (out.send_initial_events) {
      if (match != "NotOlderThan") {
        if (match.empty()) {
          forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        } else {
          errors.not_supported("resourceVersionMatch", match, {"NotOlderThan"});
        }
      }
    } else if (!match.empty()) {
      forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    }
  } else if (!match.empty()) {
    if (out.resource_version.empty()) {
      forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
    } else if (!out.continue_.empty()) {
      forbid("resourceVersionMatch is forbidden when continue is provided");
    } else if (match == "Exact" && out.resource_version == "0") {
      forbid("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
  }
  if (!errors.empty()) return fail(invalid_options("ListOptions", errors));
  return out;
}

Result<DeleteQuery> parse_delete_query(const Query& all_parameters, const api::Document& body) {
  // Where there is a body, it alone counts.
  const Query query = body.is_null() ? all_parameters : Query();
  DeleteQuery out;
  const auto member = [&](std::string_view name) { return api::find_at(body, {name}); };
  if (const auto* grace = member("gracePeriodSeconds"); grace != nullptr && grace->is_int64()) {
    out.grace_period_seconds = grace->get_int64();
  } else if (has(query, "gracePeriodSeconds")) {
    TRY(out.grace_period_seconds, number(query, "gracePeriodSeconds"));
  }
  std::string policy(api::string_at(body, {"propagationPolicy"}));
  if (policy.empty()) policy = find_parameter(query, "propagationPolicy");

  std::optional<bool> orphan;
  if (const auto* value = member("orphanDependents"); value != nullptr && value->is_bool()) {
    orphan = value->get_bool();
  } else if (has(query, "orphanDependents")) {
    orphan = flag(query, "orphanDependents");
  }
  api::FieldErrors errors;
  if (orphan && !policy.empty()) {
    errors.invalid("propagationPolicy", policy,
                   "orphanDependents and deletionPropagation cannot be both set");
  }
  out.propagation = parse_propagation(policy, errors);
  if (orphan) {
    out.propagation =
        *orphan ? DeleteQuery::Propagation::Orphan : DeleteQuery::Propagation::Background;
    out.orphan_dependents_false = !*orphan;
  }
  out.uid = api::string_at(body, {"preconditions", "uid"});
  out.resource_version = api::string_at(body, {"preconditions", "resourceVersion"});

  std::vector<std::string> dry_run = all(query, "dryRun");
  if (const auto* list = member("dryRun"); list != nullptr && list->is_array()) {
    for (const auto& value : list->get_array()) {
      if (value.is_string()) dry_run.emplace_back(value.get_string());
    }
  }
  out.dry_run = parse_dry_run(dry_run, errors);
  if (!errors.empty()) return fail(invalid_options("DeleteOptions", errors));
  return out;
}

Result<void> parse_write_query(const Query& query, CallContext& call) {
  call.field_manager = find_parameter(query, "fieldManager");
  api::FieldErrors errors = api::validate_field_manager(call.field_manager, "fieldManager");
  call.dry_run = parse_dry_run(all(query, "dryRun"), errors);
  const std::string_view validation = find_parameter(query, "fieldValidation");
  if (validation.empty() || validation == "Warn") {
    call.field_validation = FieldValidation::Warn;
  } else if (validation == "Ignore") {
    call.field_validation = FieldValidation::Ignore;
  } else if (validation == "Strict") {
    call.field_validation = FieldValidation::Strict;
  } else {
    errors.not_supported("fieldValidation", validation, {"", "Ignore", "Strict", "Warn"});
  }
  if (!errors.empty()) return fail(invalid_options(options_kind(call.info.verb), errors));
  return {};
}

}  // namespace keelson::apiserver
