// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/metadata.h"

#include "api/codec/json.h"
#include "api/validation/object_meta.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

constexpr std::size_t kSuffixLength = 5;
constexpr std::size_t kGeneratedNameMax = 63;

void copy_member(json::object& to, const json::object& from, std::string_view name) {
  if (const auto* value = from.if_contains(name)) {
    to[name] = *value;
  } else {
    to.erase(name);
  }
}

meta::v1::ObjectMeta typed_metadata(const api::Document& document) {
  const auto* metadata = api::find_at(document, {"metadata"});
  if (metadata == nullptr) return {};
  // Accepted documents decode; nothing else comes here.
  auto decoded = api::decode<meta::v1::ObjectMeta>(*metadata);
  return decoded ? *std::move(decoded) : meta::v1::ObjectMeta();
}

}  // namespace

void begin_life(api::Document& document, const api::Resource& resource, Wall now, Random& random) {
  auto& metadata = metadata_of(document);
  for (const std::string_view name : {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink",
                                      "managedFields", "generation"}) {
    metadata.erase(name);
  }
  metadata["uid"] = random.uuid();
  metadata["creationTimestamp"] = time_text(now);
  if (resource.has_generation) metadata["generation"] = 1;
}

void carry_over_identity(api::Document& now, const api::Document& before) {
  auto& metadata = metadata_of(now);
  const auto* old = api::find_at(before, {"metadata"});
  if (old == nullptr || !old->is_object()) return;
  const auto& members = old->get_object();
  for (const std::string_view name : {"creationTimestamp", "generation", "selfLink"}) {
    copy_member(metadata, members, name);
  }
  // Clients may leave these out, so they are not taken for changes then.
  for (const std::string_view name : {"uid", "deletionGracePeriodSeconds", "generateName"}) {
    if (!metadata.contains(name)) copy_member(metadata, members, name);
  }
  if (members.contains("deletionTimestamp")) copy_member(metadata, members, "deletionTimestamp");
  metadata.erase("managedFields");
}

Result<void> match_namespace(api::Document& document, const api::Resource& resource,
                             std::string_view namespace_) {
  auto& metadata = metadata_of(document);
  if (!resource.namespaced) {
    metadata.erase("namespace");
    return {};
  }
  const std::string_view own = api::string_at(document, {"metadata", "namespace"});
  if (own.empty()) {
    metadata["namespace"] = namespace_;
  } else if (own != namespace_) {
    return fail(Status::bad_request(
        "the namespace of the provided object does not match the namespace sent on the request"));
  }
  return {};
}

Result<void> match_name(const api::Document& document, std::string_view name) {
  const std::string_view own = api::string_at(document, {"metadata", "name"});
  if (own == name) return {};
  std::string text = "the name of the object (";
  if (own.empty()) {
    text.append(name).append(" based on URL) was undeterminable: name must be provided");
  } else {
    text.append(own).append(") does not match the name on the URL (").append(name).append(")");
  }
  return fail(Status::bad_request(std::move(text)));
}

api::FieldErrors validate_metadata(const api::Document& document, const api::Resource& resource,
                                   const Strategy& strategy) {
  return api::validate_object_meta(typed_metadata(document), resource.namespaced,
                                   [&strategy](std::string_view name, bool prefix) {
                                     return strategy.validate_name(name, prefix);
                                   });
}

api::FieldErrors validate_metadata_update(const api::Document& now, const api::Document& before) {
  return api::validate_object_meta_update(typed_metadata(now), typed_metadata(before));
}

std::string generate_name(std::string_view base, Random& random) {
  std::string name(base.substr(0, kGeneratedNameMax - kSuffixLength));
  return name.append(random.suffix(kSuffixLength));
}

}  // namespace keelson::apiserver
