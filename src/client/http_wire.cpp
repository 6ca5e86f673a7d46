// SPDX-License-Identifier: Apache-2.0
#include "client/http_wire.h"

#include <boost/json.hpp>
#include <charconv>

#include "api/codec/json.h"
#include "api/codec/json_reader.h"
#include "net/http.h"

namespace keelson::client {
namespace {

namespace json = boost::json;

Status malformed(std::string_view what) {
  return Status::internal("the server's answer is no " + std::string(what));
}

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::int64_t number_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_int64() ? value->as_int64() : 0;
}

Reason reason_of_code(int code) {
  switch (code) {
    case 400:
      return Reason::BadRequest;
    case 401:
      return Reason::Unauthorized;
    case 403:
      return Reason::Forbidden;
    case 404:
      return Reason::NotFound;
    case 405:
      return Reason::MethodNotAllowed;
    case 406:
      return Reason::NotAcceptable;
    case 409:
      return Reason::Conflict;
    case 410:
      return Reason::Gone;
    case 413:
      return Reason::RequestEntityTooLarge;
    case 415:
      return Reason::UnsupportedMediaType;
    case 422:
      return Reason::Invalid;
    case 429:
      return Reason::TooManyRequests;
    case 500:
      return Reason::InternalError;
    case 503:
      return Reason::ServiceUnavailable;
    case 504:
      return Reason::Timeout;
    default:
      return Reason::Unknown;
  }
}

// What the server sends is no deeper than what it accepts.
constexpr int kDepthMax = api::kJsonDepthMax;

}  // namespace

std::string resource_path(const Resource& resource, std::string_view of_namespace,
                          std::string_view name, std::string_view subresource) {
  std::string path;
  if (resource.group.empty()) {
    path.append("/api/").append(resource.version);
  } else {
    path.append("/apis/").append(resource.group).append("/").append(resource.version);
  }
  if (resource.namespaced && !of_namespace.empty()) {
    path.append("/namespaces/").append(net::percent_encode(of_namespace));
  }
  path.append("/").append(resource.plural);
  if (!name.empty()) path.append("/").append(net::percent_encode(name));
  if (!subresource.empty()) path.append("/").append(subresource);
  return path;
}

Query& Query::add(std::string_view name, std::string_view value) {
  if (value.empty()) return *this;
  text_.append(text_.empty() ? "?" : "&").append(name).append("=");
  text_.append(net::percent_encode(value));
  return *this;
}

Query query_of(const ListOptions& options) {
  Query query;
  query.add("labelSelector", options.label_selector)
      .add("fieldSelector", options.field_selector)
      .add("limit", options.limit > 0 ? std::to_string(options.limit) : "")
      .add("continue", options.continue_)
      .add("resourceVersion", options.resource_version);
  return query;
}

Query query_of(const WatchOptions& options) {
  Query query;
  query.add("watch", "true")
      .add("allowWatchBookmarks", "true")
      .add("labelSelector", options.label_selector)
      .add("fieldSelector", options.field_selector)
      .add("resourceVersion", options.resource_version);
  if (options.send_initial_events) {
    query.add("sendInitialEvents", "true").add("resourceVersionMatch", "NotOlderThan");
  }
  return query;
}

Query query_of(const WriteOptions& options) {
  Query query;
  query.add("dryRun", options.dry_run ? "All" : "")
      .add("fieldManager", options.field_manager)
      .add("force", options.force ? "true" : "");
  return query;
}

std::string body_of(const DeleteOptions& options) {
  json::object body{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  if (options.grace_period_seconds) body["gracePeriodSeconds"] = *options.grace_period_seconds;
  switch (options.propagation) {
    case Propagation::Default:
      break;
    case Propagation::Orphan:
      body["propagationPolicy"] = "Orphan";
      break;
    case Propagation::Background:
      body["propagationPolicy"] = "Background";
      break;
    case Propagation::Foreground:
      body["propagationPolicy"] = "Foreground";
      break;
  }
  json::object preconditions;
  if (!options.precondition_uid.empty()) preconditions["uid"] = options.precondition_uid;
  if (!options.precondition_resource_version.empty()) {
    preconditions["resourceVersion"] = options.precondition_resource_version;
  }
  if (!preconditions.empty()) body["preconditions"] = std::move(preconditions);
  if (options.dry_run) body["dryRun"] = json::array{"All"};
  return json::serialize(body);
}

std::string_view content_type_of(PatchType type) {
  switch (type) {
    case PatchType::Json:
      return "application/json-patch+json";
    case PatchType::Merge:
      return "application/merge-patch+json";
    case PatchType::Strategic:
      return "application/strategic-merge-patch+json";
    case PatchType::Apply:
      return "application/apply-patch+yaml";
  }
  CHECK(false);
}

std::optional<Status> parse_status(std::string_view text) {
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error || !parsed.is_object()) return std::nullopt;
  const json::object& body = parsed.as_object();
  if (text_at(body, "kind") != "Status") return std::nullopt;
  const int code = static_cast<int>(number_at(body, "code"));
  Reason reason = reason_from_name(text_at(body, "reason"));
  if (reason == Reason::Unknown) reason = reason_of_code(code);
  StatusDetails details;
  if (const json::value* value = body.if_contains("details"); value && value->is_object()) {
    const json::object& from = value->as_object();
    details.name = text_at(from, "name");
    details.group = text_at(from, "group");
    details.kind = text_at(from, "kind");
    details.uid = text_at(from, "uid");
    details.retry_after_seconds = static_cast<int>(number_at(from, "retryAfterSeconds"));
    if (const json::value* causes = from.if_contains("causes"); causes && causes->is_array()) {
      for (const json::value& cause : causes->as_array()) {
        if (!cause.is_object()) continue;
        details.causes.push_back({text_at(cause.as_object(), "reason"),
                                  text_at(cause.as_object(), "message"),
                                  text_at(cause.as_object(), "field")});
      }
    }
  }
  Status status = Status(reason, text_at(body, "message")).with_details(std::move(details));
  if (code != 0 && code != reason_code(reason)) status = std::move(status).with_code(code);
  return status;
}

Status status_of_response(int code, std::string_view body) {
  if (auto status = parse_status(body)) return *std::move(status);
  // Something between us and the server may have answered, in whatever form: a short piece of it is
  // enough to tell.
  const std::string_view excerpt = body.substr(0, 200);
  std::string message = "the server answered " + std::to_string(code);
  if (!excerpt.empty()) message.append(": ").append(excerpt);
  return Status(reason_of_code(code), std::move(message)).with_code(code);
}

Result<ObjectList> parse_list(const Resource& resource, std::string_view text) {
  using Kind = api::JsonReader::Kind;
  std::string head = "{\"apiVersion\":\"" + resource.api_version() + "\",\"kind\":\"";
  head.append(resource.kind).append("\",");
  ObjectList list;
  const auto add_item = [&](std::string_view item) -> Result<void> {
    // Only the built-in types leave kind and apiVersion out; a second pair would be a duplicate.
    bool has_kind = false;
    bool first = true;
    api::JsonReader members(item, kDepthMax);
    if (!members.read_object()) return fail(malformed("list"));
    for (std::string_view name; !has_kind && members.next_member(first, name);) {
      has_kind = name == "kind";
      if (!has_kind) members.skip_value();
    }
    if (first || members.failed()) return fail(malformed("list"));
    TRY(auto object,
        api::Object::from_json(has_kind ? std::string(item) : head + std::string(item.substr(1))));
    list.items.push_back(std::move(object));
    return {};
  };
  api::JsonReader reader(text, kDepthMax);
  bool first = true;
  if (!reader.read_object()) return fail(malformed("list"));
  for (std::string_view member; reader.next_member(first, member);) {
    if (member == "items" && reader.peek() == Kind::Array) {
      reader.enter_array();
      bool first_item = true;
      while (reader.next_element(first_item)) {
        const std::string_view item = reader.skip_value();
        if (reader.failed()) break;
        TRY_OK(add_item(item));
      }
    } else if (member == "items" && !reader.skip_null()) {
      return fail(malformed("list"));
    } else if (member == "metadata") {
      boost::system::error_code error;
      const json::value metadata = json::parse(reader.skip_value(), error);
      if (!error && metadata.is_object()) {
        list.resource_version = text_at(metadata.as_object(), "resourceVersion");
        list.continue_ = text_at(metadata.as_object(), "continue");
      }
    } else if (member != "items") {
      reader.skip_value();
    }
  }
  if (reader.failed()) return fail(malformed("list"));
  return list;
}

Result<WatchEvent> parse_watch_frame(std::string_view text) {
  api::JsonReader reader(text, kDepthMax);
  std::string type;
  std::string_view object;
  bool first = true;
  if (!reader.read_object()) return fail(malformed("watch event"));
  for (std::string_view member; reader.next_member(first, member);) {
    if (member == "type") {
      type = reader.read_string();
    } else if (member == "object") {
      object = reader.skip_value();
    } else {
      reader.skip_value();
    }
  }
  if (reader.failed() || object.empty()) return fail(malformed("watch event"));
  if (type == "ERROR") {
    auto status = parse_status(object);
    return fail(status ? *std::move(status) : malformed("Status"));
  }

  WatchEvent event;
  if (type == "ADDED") {
    event.type = WatchEvent::Type::Added;
  } else if (type == "MODIFIED") {
    event.type = WatchEvent::Type::Modified;
  } else if (type == "DELETED") {
    event.type = WatchEvent::Type::Deleted;
  } else if (type == "BOOKMARK") {
    event.type = WatchEvent::Type::Bookmark;
    event.initial_events_end = object.contains("k8s.io/initial-events-end");
  } else {
    return fail(malformed("watch event"));
  }
  TRY(event.object, api::Object::from_json(std::string(object)));
  return event;
}

std::string ServerAddress::authority() const {
  const bool six = host.contains(':');
  return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<ServerAddress> parse_server_address(std::string_view url) {
  const auto refuse = [&] {
    return fail(Status::bad_request("\"" + std::string(url) + "\" is no server address"));
  };
  ServerAddress address;
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    address.tls = false;
    address.port = 80;
  } else if (rest.contains("://")) {
    return refuse();
  }
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    address.path_prefix = rest.substr(slash);
    while (address.path_prefix.ends_with('/')) address.path_prefix.pop_back();
    rest = rest.substr(0, slash);
  }
  std::string_view port;
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return refuse();
    address.host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) return refuse();
    if (!rest.empty()) port = rest.substr(1);
  } else if (const auto colon = rest.rfind(':'); colon != std::string_view::npos) {
    address.host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
    if (address.host.contains(':')) return refuse();
  } else {
    address.host = rest;
  }
  if (address.host.empty()) return refuse();
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc() || end != port.data() + port.size()) return refuse();
  }
  return address;
}

}  // namespace keelson::client
