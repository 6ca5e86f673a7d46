// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/list_token.h"

#include "api/codec/json.h"
#include "base/base64.h"

namespace keelson::apiserver {
namespace {

constexpr std::string_view kVersion = "meta.k8s.io/v1";
constexpr std::size_t kTokenMax = 4096;

Status invalid(std::string_view why) {
  return Status::bad_request("continue key is not valid: " + std::string(why));
}

}  // namespace

std::string ListToken::text() const {
  std::string json = "{\"v\":";
  api::append_json_string(json, kVersion);
  json.append(",\"rv\":").append(std::to_string(revision)).append(",\"start\":");
  api::append_json_string(json, start);
  json.append("}");
  return base64url_encode(json);
}

Result<ListToken> ListToken::parse(std::string_view text) {
  if (text.size() > kTokenMax) return fail(invalid("too long"));
  auto bytes = base64url_decode(text);
  if (!bytes) return fail(invalid(bytes.error().message()));
  auto parsed = api::parse_json(*bytes, {.depth_max = 4});
  if (!parsed) return fail(invalid(parsed.error().message()));
  if (api::string_at(*parsed, {"v"}) != kVersion) {
    return fail(invalid("server does not recognize this encoded version"));
  }
  ListToken token;
  const api::Document* revision = api::find_at(*parsed, {"rv"});
  if (revision == nullptr || !revision->is_int64() || revision->get_int64() == 0) {
    return fail(invalid("incorrect encoded start resourceVersion (version meta.k8s.io/v1)"));
  }
  token.revision = revision->get_int64();
  token.start = api::string_at(*parsed, {"start"});
  if (token.start.empty()) {
    return fail(invalid("encoded start key empty (version meta.k8s.io/v1)"));
  }
  // A key that climbs out of its list would read another resource.
  std::string_view rest = token.start;
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part == ".." || part == ".") return fail(invalid(token.start));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return token;
}

}  // namespace keelson::apiserver
