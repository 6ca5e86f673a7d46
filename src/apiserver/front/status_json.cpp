// SPDX-License-Identifier: Apache-2.0
#include "apiserver/front/status_json.h"

#include "api/codec/json.h"

namespace keelson::apiserver {
namespace {

// ,"name":"value" unless the value is empty.
void member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (out.back() != '{') out.push_back(',');
  api::append_json_string(out, name);
  out.push_back(':');
  api::append_json_string(out, value);
}

void append_details(std::string& out, const StatusDetails& details) {
  out.push_back('{');
  member(out, "name", details.name);
  member(out, "group", details.group);
  member(out, "kind", details.kind);
  member(out, "uid", details.uid);
  if (!details.causes.empty()) {
    if (out.back() != '{') out.push_back(',');
    out.append("\"causes\":[");
    for (const auto& cause : details.causes) {
      if (out.back() != '[') out.push_back(',');
      out.push_back('{');
      member(out, "reason", cause.reason);
      member(out, "message", cause.message);
      member(out, "field", cause.field);
      out.push_back('}');
    }
    out.push_back(']');
  }
  if (details.retry_after_seconds > 0) {
    if (out.back() != '{') out.push_back(',');
    out.append("\"retryAfterSeconds\":").append(std::to_string(details.retry_after_seconds));
  }
  out.push_back('}');
}

}  // namespace

std::string status_json(const Status& status, std::string_view continue_) {
  std::string out = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{";
  member(out, "continue", continue_);
  out.append("},\"status\":\"Failure\"");
  member(out, "message", status.message());
  member(out, "reason", reason_name(status.reason()));
  std::string details;
  append_details(details, status.details());
  if (details != "{}") out.append(",\"details\":").append(details);
  return out.append(",\"code\":").append(std::to_string(status.code())).append("}");
}

std::string deleted_json(const api::Resource& resource, const api::Object& object) {
  std::string out =
      "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\","
      "\"details\":{";
  member(out, "name", object.name());
  member(out, "group", resource.group);
  member(out, "kind", resource.plural);
  member(out, "uid", object.uid());
  return out.append("}}");
}

}  // namespace keelson::apiserver
