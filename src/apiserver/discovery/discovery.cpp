// SPDX-License-Identifier: Apache-2.0
#include "apiserver/discovery/discovery.h"

#include <algorithm>
#include <vector>

#include "api/codec/json.h"
#include "api/document.h"

namespace keelson::apiserver {
namespace {

using boost::json::array;
using boost::json::object;

array strings(std::span<const std::string_view> values) {
  array result;
  for (const std::string_view value : values) result.emplace_back(value);
  return result;
}

// Discovery lists verbs in alphabetical order, whatever the table's.
array verbs_of(std::span<const std::string_view> verbs) {
  array result = strings(verbs);
  std::ranges::sort(result, {},
                    [](const auto& verb) { return std::string_view(verb.as_string()); });
  return result;
}

std::vector<const api::Subresource*> sorted_subresources(const api::Resource& resource) {
  std::vector<const api::Subresource*> result;
  for (const api::Subresource& subresource : resource.subresources) result.push_back(&subresource);
  std::ranges::sort(result, {}, &api::Subresource::name);
  return result;
}

object version_entry(const api::GroupVersion& version) {
  return {{"groupVersion", api_version_of(version)}, {"version", version.version}};
}

object group_entry(const ServedGroup& group) {
  object entry{{"name", group.name}};
  array versions;
  for (const api::GroupVersion* version : group.versions) {
    versions.push_back(version_entry(*version));
  }
  entry["versions"] = std::move(versions);
  entry["preferredVersion"] = version_entry(group.preferred());
  return entry;
}

object resource_entry(const api::Resource& resource) {
  object entry{{"name", resource.plural},
               {"singularName", resource.singular},
               {"namespaced", resource.namespaced},
               {"kind", resource.kind},
               {"verbs", verbs_of(resource.verbs)}};
  if (!resource.short_names.empty()) entry["shortNames"] = strings(resource.short_names);
  if (!resource.categories.empty()) entry["categories"] = strings(resource.categories);
  if (!resource.storage_version_hash.empty()) {
    entry["storageVersionHash"] = resource.storage_version_hash;
  }
  return entry;
}

object subresource_entry(const api::Resource& resource, const api::Subresource& subresource) {
  object entry{{"name", std::string(resource.plural) + "/" + std::string(subresource.name)},
               {"singularName", ""},
               {"namespaced", resource.namespaced}};
  if (subresource.kind.empty()) {
    entry["kind"] = resource.kind;
  } else {
    // Left out where they are those of the list.
    if (subresource.group != resource.group || subresource.version != resource.version) {
      if (!subresource.group.empty()) entry["group"] = subresource.group;
      entry["version"] = subresource.version;
    }
    entry["kind"] = subresource.kind;
  }
  entry["verbs"] = verbs_of(subresource.verbs);
  return entry;
}

object response_kind(const api::Resource& resource, const api::Subresource* subresource) {
  if (subresource != nullptr && !subresource->kind.empty()) {
    return {{"group", subresource->group},
            {"version", subresource->version},
            {"kind", subresource->kind}};
  }
  return {{"group", resource.group}, {"version", resource.version}, {"kind", resource.kind}};
}

object aggregated_resource(const api::Resource& resource) {
  object entry{{"resource", resource.plural},
               {"responseKind", response_kind(resource, nullptr)},
               {"scope", resource.namespaced ? "Namespaced" : "Cluster"},
               {"singularResource", resource.singular},
               {"verbs", verbs_of(resource.verbs)}};
  if (!resource.short_names.empty()) entry["shortNames"] = strings(resource.short_names);
  if (!resource.categories.empty()) entry["categories"] = strings(resource.categories);
  array subresources;
  for (const api::Subresource* subresource : sorted_subresources(resource)) {
    subresources.push_back(object{{"subresource", subresource->name},
                                  {"responseKind", response_kind(resource, subresource)},
                                  {"verbs", verbs_of(subresource->verbs)}});
  }
  if (!subresources.empty()) entry["subresources"] = std::move(subresources);
  return entry;
}

object aggregated_group(const ServedGroup& group, const ServesResource& serves) {
  object metadata;
  if (!group.name.empty()) metadata["name"] = group.name;
  metadata["creationTimestamp"] = nullptr;
  array versions;
  for (const api::GroupVersion* version : group.versions) {
    array resources;
    for (const api::Resource* resource : served_resources(*version, serves)) {
      resources.push_back(aggregated_resource(*resource));
    }
    versions.push_back(object{{"version", version->version},
                              {"resources", std::move(resources)},
                              {"freshness", "Current"}});
  }
  return {{"metadata", std::move(metadata)}, {"versions", std::move(versions)}};
}

}  // namespace

std::string api_versions_json(std::span<const ServedGroup> groups,
                              std::string_view server_address) {
  array versions;
  for (const ServedGroup& group : groups) {
    if (!group.name.empty()) continue;
    for (const api::GroupVersion* version : group.versions) versions.emplace_back(version->version);
  }
  const object address{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", server_address}};
  return api::to_json(object{{"kind", "APIVersions"},
                             {"versions", std::move(versions)},
                             {"serverAddressByClientCIDRs", array{address}}});
}

std::string api_groups_json(std::span<const ServedGroup> groups) {
  array entries;
  for (const ServedGroup& group : groups) {
    if (!group.name.empty()) entries.push_back(group_entry(group));
  }
  return api::to_json(
      object{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(entries)}});
}

std::string api_group_json(const ServedGroup& group) {
  object document{{"kind", "APIGroup"}, {"apiVersion", "v1"}};
  for (auto& [name, value] : group_entry(group)) document[name] = std::move(value);
  return api::to_json(document);
}

std::string api_resources_json(const api::GroupVersion& version, const ServesResource& serves) {
  array entries;
  for (const api::Resource* resource : served_resources(version, serves)) {
    entries.push_back(resource_entry(*resource));
    for (const api::Subresource* subresource : sorted_subresources(*resource)) {
      entries.push_back(subresource_entry(*resource, *subresource));
    }
  }
  object document{{"kind", "APIResourceList"}};
  // Core's document has none, as it is older than the field.
  if (!version.group.empty()) document["apiVersion"] = "v1";
  document["groupVersion"] = api_version_of(version);
  document["resources"] = std::move(entries);
  return api::to_json(document);
}

std::string_view name_of(AggregatedVersion version) {
  return version == AggregatedVersion::V2 ? "v2" : "v2beta1";
}

std::string aggregated_json(std::span<const ServedGroup> groups, bool core,
                            AggregatedVersion version, const ServesResource& serves) {
  array items;
  for (const ServedGroup& group : groups) {
    if (group.name.empty() == core) items.push_back(aggregated_group(group, serves));
  }
  return api::to_json(object{{"kind", "APIGroupDiscoveryList"},
                             {"apiVersion", "apidiscovery.k8s.io/" + std::string(name_of(version))},
                             {"metadata", object{}},
                             {"items", std::move(items)}});
}

}  // namespace keelson::apiserver
