// SPDX-License-Identifier: Apache-2.0
// Who asks for what: the part of a request that every stage of the pipeline reads.
// Source: apiserver pkg/endpoints/request RequestInfo; API conventions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/selector.h"
#include "base/executor.h"
#include "base/result.h"

namespace keelson::apiserver {

struct User {
  std::string name, uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;

  bool in_group(std::string_view group) const;
  // Full power, as the component identity of tests and of the server's own start-up.
  static User system_masters(std::string name);
};

struct RequestInfo {
  std::string path;  // Decoded, without query.
  // "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"; for
  // non-resource paths the lower-case HTTP method.
  std::string verb;
  bool is_resource = false;
  std::string group, version;
  std::string namespace_;  // Of namespaced resources, and of /api/v1/namespaces/NAME itself.
  std::string resource, subresource, name;
  std::string rest;  // What follows the subresource, for proxy: "a/b". The end of `path`.
  // Of lists, watches and deletions of many: some are allowed only what they select.
  api::FieldSelector field_selector;
};

// Errors: BadRequest for a path no server could serve. `watch` is the query's watch flag, `fields`
// its field selector; the name that one for metadata.name pins is the request's name (upstream
// authorizes lists and watches by it).
Result<RequestInfo> parse_request_info(std::string_view method, std::string_view path, bool watch,
                                       api::FieldSelector fields = {});

enum class FieldValidation : std::uint8_t { Ignore, Warn, Strict };

// One call on its way through the pipeline, by HTTP or in process.
struct CallContext {
  User user;
  RequestInfo info;
  std::string user_agent;
  std::string field_manager;
  FieldValidation field_validation = FieldValidation::Warn;
  bool dry_run = false;
  Wall now;  // When the call came; one time for all that it writes.
  // Sent as Warning headers; plain text without the code.
  std::vector<std::string> warnings;
};

}  // namespace keelson::apiserver
