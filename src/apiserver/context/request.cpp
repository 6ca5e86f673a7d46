// SPDX-License-Identifier: Apache-2.0
#include "apiserver/context/request.h"

#include <algorithm>

#include "base/ascii.h"

namespace keelson::apiserver {
namespace {

// Parts of the path itself, so that a part tells where it stands.
std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (slash != 0) parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return parts;
}

bool is_of_many(std::string_view verb) {
  return verb == "list" || verb == "watch" || verb == "deletecollection";
}

std::string verb_of(std::string_view method, bool named, bool watch) {
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return named ? "delete" : "deletecollection";
  if (method == "GET" || method == "HEAD") {
    if (!named) return watch ? "watch" : "list";
    return "get";
  }
  return lower_case(method);
}

}  // namespace

bool User::in_group(std::string_view group) const {
  return std::ranges::find(groups, group) != groups.end();
}

User User::system_masters(std::string name) {
  User user;
  user.name = std::move(name);
  user.groups = {"system:masters", "system:authenticated"};
  return user;
}

Result<RequestInfo> parse_request_info(std::string_view method, std::string_view path, bool watch,
                                       api::FieldSelector fields) {
  RequestInfo info;
  info.path = path;
  info.verb = lower_case(method);
  if (path.empty() || path.front() != '/' || path.find('\0') != std::string_view::npos) {
    return fail(Status::bad_request("invalid path"));
  }
  const std::vector<std::string_view> parts = split_path(path);
  std::size_t at = 0;
  if (parts.size() >= 3 && parts[0] == "api") {
    info.version = parts[1];
    at = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    info.group = parts[1];
    info.version = parts[2];
    at = 3;
  } else {
    return info;
  }
  info.is_resource = true;

  // The old form of a watch: /api/v1/watch/namespaces/...
  if (parts[at] == "watch" && at + 1 < parts.size() && (method == "GET" || method == "HEAD")) {
    watch = true;
    ++at;
    info.verb = "watch";
  }
  if (parts[at] == "namespaces" && at + 1 < parts.size()) {
    info.namespace_ = parts[at + 1];
    // /namespaces/NAME/<resource>..., but status and finalize are the namespace's own.
    if (at + 2 < parts.size() && parts[at + 2] != "status" && parts[at + 2] != "finalize") at += 2;
  }
  info.resource = parts[at];
  if (at + 1 < parts.size()) info.name = parts[at + 1];
  if (at + 2 < parts.size()) info.subresource = parts[at + 2];
  if (at + 3 < parts.size()) {
    // The path below a proxied object, with its own slashes.
    info.rest = path.substr(static_cast<std::size_t>(parts[at + 3].data() - path.data()));
  }
  if (info.verb != "watch") info.verb = verb_of(method, !info.name.empty(), watch);
  if (is_of_many(info.verb)) {
    if (info.name.empty()) info.name = fields.find_exact("metadata.name").value_or(std::string());
    info.field_selector = std::move(fields);
  }
  return info;
}

}  // namespace keelson::apiserver
