// SPDX-License-Identifier: Apache-2.0
#include "apiserver/openapi/api_documents.h"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "api/codec/json.h"
#include "apiserver/discovery/discovery.h"
#include "apiserver/front/media_types.h"
#include "apiserver/openapi/published.h"
#include "apiserver/openapi/spec.h"
#include "pki/digest.h"

namespace keelson::apiserver {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kAggregated = "APIGroupDiscoveryList";
constexpr std::string_view kV3Prefix = "/openapi/v3/";
// Of names under which version 2 is had as protobuf; the first is the one that is answered.
constexpr std::string_view kProtobufV2[] = {
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"};

bool takes_json(const MediaType& type) {
  return type.type == kJson || type.type == "application/*" || type.type == "*/*";
}

std::vector<MediaType> accepted(const net::HttpRequest& request) {
  auto types = parse_accept(request.headers.get("Accept"));
  std::erase_if(types, [](const MediaType& type) { return type.quality <= 0; });
  if (types.empty() && request.headers.get("Accept").empty()) {
    types.push_back(parse_media_type(kJson));
  }
  return types;
}

Status not_acceptable(std::string_view offered) {
  return Status(Reason::NotAcceptable,
                "only the following media types are accepted: " + std::string(offered));
}

// How a client likes discovery best.
struct DiscoveryForm {
  std::optional<AggregatedVersion> aggregated;
  const Serializer* other = nullptr;  // Not JSON.
};

// `aggregated`: whether the aggregated form can be had. Errors: NotAcceptable.
Result<DiscoveryForm> discovery_form(const net::HttpRequest& request, bool aggregated) {
  for (const MediaType& type : accepted(request)) {
    const Serializer* serializer = find_serializer(takes_json(type) ? kJson : type.type);
    if (serializer == nullptr) continue;
    const auto as = type.parameter("as");
    if (as.empty()) {
      return DiscoveryForm{.other = serializer->encode != nullptr ? serializer : nullptr};
    }
    if (!aggregated || serializer->encode != nullptr || as != kAggregated ||
        type.parameter("g") != "apidiscovery.k8s.io") {
      continue;
    }
    for (const auto version : {AggregatedVersion::V2, AggregatedVersion::V2beta1}) {
      if (type.parameter("v") == name_of(version)) return DiscoveryForm{.aggregated = version};
    }
  }
  return fail(not_acceptable(supported_media_types()));
}

std::string aggregated_type(AggregatedVersion version) {
  return std::string(kJson) + ";g=apidiscovery.k8s.io;v=" + std::string(name_of(version)) +
         ";as=" + std::string(kAggregated);
}

Status not_found() {
  return Status(Reason::NotFound, "the server could not find the requested resource");
}

std::string_view trimmed(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

// The API as it is until the next change of custom resources, with the documents made so far.
struct ApiDocuments::Snapshot {
  using Make = std::function<std::optional<std::string>()>;

  Snapshot(const ApiDocumentOptions& given,
           std::vector<std::shared_ptr<const api::GroupVersion>> custom_versions)
      : options(given), custom(std::move(custom_versions)) {
    tables.assign(api::builtin_group_versions().begin(), api::builtin_group_versions().end());
    for (const auto& version : custom) tables.push_back(version.get());
    groups = served_groups(tables, options.serves);
  }

  SpecSource source() const { return {groups, options.serves, options.version}; }

  PublishedPtr find(const std::string& key) {
    const std::lock_guard lock(mutex);
    const auto found = documents.find(key);
    return found == documents.end() ? nullptr : found->second;
  }

  // Null if `make` has none. Two that ask at once for a new document may both make it, but for the
  // large ones: there the second waits.
  PublishedPtr get(const std::string& key, std::string content_type, const Make& make) {
    if (auto known = find(key)) return known;
    auto bytes = make();
    if (!bytes) return nullptr;
    auto made = publish(std::move(content_type), *std::move(bytes));
    const std::lock_guard lock(mutex);
    return documents.emplace(key, std::move(made)).first->second;
  }
  PublishedPtr get_large(const std::string& key, std::string content_type, const Make& make) {
    if (auto known = find(key)) return known;
    const std::lock_guard lock(large);
    return get(key, std::move(content_type), make);
  }

  PublishedPtr discovery(std::string_view path);
  PublishedPtr aggregated(std::string_view path, AggregatedVersion version);
  PublishedPtr spec_v2(bool protobuf);
  PublishedPtr spec_v3(std::string_view name);
  PublishedPtr index_v3();

  const ApiDocumentOptions& options;
  std::vector<std::shared_ptr<const api::GroupVersion>> custom;
  std::vector<const api::GroupVersion*> tables;
  std::vector<ServedGroup> groups;

  std::mutex mutex;  // Of `documents`.
  std::mutex large;  // Held while a large document is made.
  std::map<std::string, PublishedPtr> documents;
};

PublishedPtr ApiDocuments::Snapshot::discovery(std::string_view path) {
  return get(std::string(path), std::string(kJson), [&]() -> std::optional<std::string> {
    if (path == "/api") return api_versions_json(groups, options.server_address);
    if (path == "/apis") return api_groups_json(groups);
    for (const ServedGroup& group : groups) {
      const std::string place = group.name.empty() ? "/api" : "/apis/" + std::string(group.name);
      if (!group.name.empty() && path == place) return api_group_json(group);
      for (const api::GroupVersion* version : group.versions) {
        if (path == place + "/" + std::string(version->version)) {
          return api_resources_json(*version, options.serves);
        }
      }
    }
    return std::nullopt;
  });
}

PublishedPtr ApiDocuments::Snapshot::aggregated(std::string_view path, AggregatedVersion version) {
  return get(std::string(path) + "?" + std::string(name_of(version)), aggregated_type(version),
             [&] { return aggregated_json(groups, path == "/api", version, options.serves); });
}

PublishedPtr ApiDocuments::Snapshot::spec_v2(bool protobuf) {
  return get_large(protobuf ? "v2.pb" : "v2", std::string(protobuf ? kProtobufV2[0] : kJson), [&] {
    return protobuf ? openapi_v2_protobuf(source()) : openapi_v2_json(source());
  });
}

PublishedPtr ApiDocuments::Snapshot::spec_v3(std::string_view name) {
  return get_large("v3/" + std::string(name), std::string(kJson),
                   [&] { return openapi_v3_json(source(), name); });
}

// Tells where each document is, with the hash of its bytes, so that clients may keep it for good.
PublishedPtr ApiDocuments::Snapshot::index_v3() {
  return get_large("v3", std::string(kJson), [&]() -> std::optional<std::string> {
    boost::json::object paths;
    for (const std::string& name : openapi_v3_names(source())) {
      // Those not asked for yet are made for their hash alone, to hold no memory.
      const auto known = find("v3/" + name);
      const std::string hash =
          known ? known->hash
                : pki::hex(pki::sha256(openapi_v3_json(source(), name).value_or(std::string())));
      paths[name] = boost::json::object{
          {"serverRelativeURL", std::string(kV3Prefix) + name + "?hash=" + hash}};
    }
    return api::to_json(boost::json::object{{"paths", std::move(paths)}});
  });
}

ApiDocuments::ApiDocuments(ApiDocumentOptions options)
    : options_(std::move(options)),
      snapshot_(std::make_shared<Snapshot>(options_, decltype(Snapshot::custom)())) {}

ApiDocuments::~ApiDocuments() = default;

void ApiDocuments::set_custom(std::vector<std::shared_ptr<const api::GroupVersion>> versions) {
  snapshot_ = std::make_shared<Snapshot>(options_, std::move(versions));
}

Result<net::HttpResponse> ApiDocuments::answer(const net::HttpRequest& request,
                                               const net::Target& target) {
  const std::shared_ptr<Snapshot> snapshot = snapshot_.load();
  const std::string_view path = trimmed(target.path);
  PublishedPtr document;
  if (path == "/openapi/v2") {
    for (const MediaType& type : accepted(request)) {
      const bool protobuf = std::ranges::find(kProtobufV2, type.type) != std::end(kProtobufV2);
      if (!protobuf && !takes_json(type)) continue;
      document = snapshot->spec_v2(protobuf);
      break;
    }
    if (!document) {
      return fail(not_acceptable(std::string(kJson) + ", " + std::string(kProtobufV2[0])));
    }
  } else if (path == "/openapi/v3" || path.starts_with(kV3Prefix)) {
    // Nobody needs version 3 in another form.
    if (std::ranges::none_of(accepted(request), takes_json)) return fail(not_acceptable(kJson));
    document = path == "/openapi/v3" ? snapshot->index_v3()
                                     : snapshot->spec_v3(path.substr(kV3Prefix.size()));
  } else {
    TRY(const DiscoveryForm form, discovery_form(request, path == "/api" || path == "/apis"));
    document =
        form.aggregated ? snapshot->aggregated(path, *form.aggregated) : snapshot->discovery(path);
    if (document && form.other != nullptr) {
      net::HttpResponse response;
      response.headers.set("Content-Type", std::string(form.other->media_type));
      TRY(response.body, form.other->encode(plain_bytes(*document)));
      return response;
    }
  }
  if (!document) return fail(not_found());

  net::HttpResponse response = respond_published(request, *document);
  if (path.starts_with(kV3Prefix) && target.has("hash")) {
    if (target.get("hash") != document->hash) {
      // The document has changed since the client read the index.
      response = {.status = 301};
      response.headers.set("Location", std::string(path) + "?hash=" + document->hash);
    } else {
      response.headers.set("Cache-Control", "public, immutable, max-age=31536000");
    }
  }
  return response;
}

void ApiDocuments::serve(Routes& routes) {
  for (const std::string_view path :
       {"/api", "/api/", "/apis", "/apis/", "/openapi/v2", "/openapi/v3", "/openapi/v3/"}) {
    routes.add(std::string(path),
               [this](const RouteRequest& request) -> Task<Result<net::HttpResponse>> {
                 if (request.http.method != "GET" && request.http.method != "HEAD") {
                   co_return text_response(405, "405 method not allowed\n");
                 }
                 co_return answer(request.http, request.target);
               });
  }
}

}  // namespace keelson::apiserver
