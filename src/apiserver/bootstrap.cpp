// SPDX-License-Identifier: Apache-2.0
#include "apiserver/bootstrap.h"

#include <arpa/inet.h>

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "api/discovery/v1.h"
#include "api/ip.h"
#include "api/scheduling/v1.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

constexpr std::string_view kNamespaces[] = {"default", "kube-system", "kube-public",
                                            "kube-node-lease"};

// Whether others can use the address: on the loopback interface everybody means himself.
bool can_be_reached(const std::string& text) {
  const auto address = api::IpAddress::parse(text);
  if (!address) return false;
  const std::string_view loopback = address->is_v4() ? "127.0.0.0/8" : "::1/128";
  return !api::IpPrefix::parse(loopback)->contains(*address);
}

json::object type_meta(const api::Resource& resource) {
  return {{"apiVersion", resource.api_version()}, {"kind", resource.kind}};
}

json::object named(const api::Resource& resource, json::object metadata) {
  json::object object = type_meta(resource);
  object["metadata"] = std::move(metadata);
  return object;
}

json::object https_port(json::object more) {
  more["name"] = "https";
  more["protocol"] = "TCP";
  return more;
}

// Source: upstream, pkg/controlplane/controller/kubernetesservice and pkg/controlplane/reconcilers.
Task<Result<void>> ensure_kubernetes_service(client::Client& client,
                                             const ClusterSettings& settings) {
  const auto& services = api::resource_of<core::v1::Service>();
  json::object service =
      named(services, {{"name", "kubernetes"},
                       {"namespace", "default"},
                       {"labels", {{"component", "apiserver"}, {"provider", "kubernetes"}}}});
  service["spec"] = json::object{
      {"type", "ClusterIP"},
      {"clusterIP", first_address(settings.service_cidr)},
      {"ports",
       json::array{https_port({{"port", 443}, {"targetPort", std::int64_t{settings.port}}})}}};
  CO_TRY_OK(co_await ensure_object(client, services, std::move(service)));
  if (!can_be_reached(settings.advertise_address)) co_return Result<void>{};

  const auto& all_endpoints = api::resource_of<core::v1::Endpoints>();
  json::object endpoints =
      named(all_endpoints, {{"name", "kubernetes"},
                            {"namespace", "default"},
                            {"labels", {{"endpointslice.kubernetes.io/skip-mirror", "true"}}}});
  endpoints["subsets"] = json::array{
      json::object{{"addresses", json::array{json::object{{"ip", settings.advertise_address}}}},
                   {"ports", json::array{https_port({{"port", std::int64_t{settings.port}}})}}}};
  const api::ObjectKey key{"default", "kubernetes"};
  CO_TRY_OK(co_await ensure_object(client, all_endpoints, endpoints));
  // The address may have changed since the last start.
  CO_TRY_OK(co_await client.update(all_endpoints, key, endpoints, {}));

  const auto& slices = api::resource_of<discovery::v1::EndpointSlice>();
  json::object slice = named(slices, {{"name", "kubernetes"},
                                      {"namespace", "default"},
                                      {"labels", {{"kubernetes.io/service-name", "kubernetes"}}}});
  slice["addressType"] =
      settings.advertise_address.find(':') == std::string::npos ? "IPv4" : "IPv6";
  slice["endpoints"] =
      json::array{json::object{{"addresses", json::array{json::string(settings.advertise_address)}},
                               {"conditions", {{"ready", true}}}}};
  slice["ports"] = json::array{https_port({{"port", std::int64_t{settings.port}}})};
  CO_TRY_OK(co_await ensure_object(client, slices, slice));
  CO_TRY_OK(co_await client.update(slices, key, slice, {}));
  co_return Result<void>{};
}

Task<Result<void>> ensure_priority_class(client::Client& client, std::string name,
                                         std::int64_t value, std::string description) {
  const auto& classes = api::resource_of<scheduling::v1::PriorityClass>();
  json::object object = named(classes, {{"name", std::move(name)}});
  object["value"] = value;
  object["description"] = description;
  object["preemptionPolicy"] = "PreemptLowerPriority";
  co_return co_await ensure_object(client, classes, std::move(object));
}

}  // namespace

std::string first_address(const std::string& cidr) {
  const std::string base = cidr.substr(0, cidr.find('/'));
  unsigned char bytes[16];
  char text[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, base.c_str(), bytes) != 1) continue;
    for (int i = family == AF_INET ? 3 : 15; i >= 0; --i) {
      if (++bytes[i] != 0) break;
    }
    return inet_ntop(family, bytes, text, sizeof(text)) != nullptr ? text : "";
  }
  return {};
}

Task<Result<void>> ensure_object(client::Client& client, const api::Resource& resource,
                                 api::Document object) {
  api::ObjectKey key{std::string(api::string_at(object, {"metadata", "namespace"})),
                     std::string(api::string_at(object, {"metadata", "name"}))};
  const auto found = co_await client.get(resource, key);
  if (found) co_return Result<void>{};
  if (!found.error().is(Reason::NotFound)) co_return fail(found.error());
  auto created = co_await client.create(resource, std::move(key), std::move(object), {});
  if (!created && !created.error().is(Reason::AlreadyExists)) {
    co_return fail(std::move(created).error());
  }
  co_return Result<void>{};
}

Task<Result<void>> make_system_objects(client::Client& client, const ClusterSettings& settings) {
  for (const std::string_view name : kNamespaces) {
    const auto& namespaces = api::resource_of<core::v1::Namespace>();
    json::object object =
        named(namespaces, {{"name", name}, {"labels", {{"kubernetes.io/metadata.name", name}}}});
    CO_TRY_OK(co_await ensure_object(client, namespaces, std::move(object)));
  }
  CO_TRY_OK(co_await ensure_priority_class(
      client, "system-cluster-critical", 2'000'000'000,
      "Used for system critical pods that must run in the cluster, but can be moved to another "
      "node if necessary."));
  CO_TRY_OK(co_await ensure_priority_class(
      client, "system-node-critical", 2'000'001'000,
      "Used for system critical pods that must not be moved from their current node."));
  co_return co_await ensure_kubernetes_service(client, settings);
}

std::string version_json(const ClusterSettings& settings) {
  // "v1.36.2+keelson": major and minor are what stands before the second dot.
  const std::string& version = settings.version;
  const auto dot = version.find('.');
  const auto end = version.find('.', dot + 1);
  json::object out{{"major", version.substr(1, dot - 1)},
                   {"minor", version.substr(dot + 1, end - dot - 1)},
                   {"gitVersion", version},
                   {"gitCommit", settings.git_commit},
                   {"gitTreeState", "clean"},
                   {"buildDate", settings.build_date},
                   {"goVersion", ""},
                   {"compiler", "clang"},
                   {"platform", "linux/amd64"}};
#if defined(__aarch64__)
  out["platform"] = "linux/arm64";
#endif
  return api::to_json(out);
}

}  // namespace keelson::apiserver
