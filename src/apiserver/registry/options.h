// SPDX-License-Identifier: Apache-2.0
// The options of requests, from query parameters. Source: meta/v1 ListOptions and its kin.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/document.h"
#include "apiserver/context/request.h"

namespace keelson::apiserver {

using Query = std::vector<std::pair<std::string, std::string>>;
// The first value of that name; empty if there is none.
std::string_view find_parameter(const Query& query, std::string_view name);

struct ListQuery {
  std::string label_selector, field_selector;
  std::int64_t limit = 0;
  std::string continue_;
  std::string resource_version, resource_version_match;
  bool watch = false;
  bool allow_bookmarks = false;
  std::optional<bool> send_initial_events;
  std::optional<std::chrono::seconds> timeout;
};
// Errors: BadRequest, Invalid with upstream's texts.
Result<ListQuery> parse_list_query(const Query& query);

struct DeleteQuery {
  enum class Propagation : std::uint8_t { Default, Orphan, Background, Foreground };
  std::optional<std::int64_t> grace_period_seconds;
  Propagation propagation = Propagation::Default;
  bool orphan_dependents_false = false;  // The old option, set to false.
  std::string uid, resource_version;     // Preconditions; empty: none.
  bool dry_run = false;
};
// `body` is DeleteOptions, or null where there was none: only then the query counts. Errors:
// BadRequest, Invalid.
Result<DeleteQuery> parse_delete_query(const Query& query, const api::Document& body);

// fieldValidation, fieldManager, dryRun. Errors: BadRequest, Invalid.
Result<void> parse_write_query(const Query& query, CallContext& call);

// The number that a resource version is. Errors: BadRequest.
Result<std::int64_t> parse_resource_version(std::string_view text);

}  // namespace keelson::apiserver
