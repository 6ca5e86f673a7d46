// SPDX-License-Identifier: Apache-2.0
#include "apiserver/discovery/discovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "api/codec/json.h"

namespace keelson::apiserver {
namespace {

std::vector<ServedGroup> default_groups() { return served_groups(api::builtin_group_versions()); }

api::Document parse(const std::string& text) {
  auto document = api::parse_json(text);
  EXPECT_TRUE(document.has_value());
  return document.value_or(api::Document());
}

const ServedGroup* find_group(const std::vector<ServedGroup>& groups, std::string_view name) {
  const auto found = std::ranges::find(groups, name, &ServedGroup::name);
  return found == groups.end() ? nullptr : &*found;
}

const boost::json::object* find_named(const api::Document& list, std::string_view members,
                                      std::string_view key, std::string_view name) {
  for (const auto& entry : list.at(members).as_array()) {
    if (entry.at(key).as_string() == name) return &entry.as_object();
  }
  return nullptr;
}

TEST(Versions, AreOrderedByStabilityThenNumber) {
  std::vector<std::string_view> versions = {"foo1", "v1alpha2", "v12beta1", "v1",    "v11alpha2",
                                            "v2",   "v3beta1",  "v10",      "foo10", "v1beta0"};

  std::ranges::sort(versions, version_before);

  const std::vector<std::string_view> expected = {"v10",     "v2",        "v1",       "v12beta1",
                                                  "v3beta1", "v11alpha2", "v1alpha2", "foo1",
                                                  "foo10",   "v1beta0"};
  EXPECT_EQ(versions, expected);
}

TEST(ServedGroups, LeaveOutWhatIsOffByDefault) {
  const auto groups = default_groups();

  ASSERT_FALSE(groups.empty());
  EXPECT_EQ(groups.front().name, "");
  EXPECT_EQ(find_group(groups, "internal.apiserver.k8s.io"), nullptr);
  const ServedGroup* autoscaling = find_group(groups, "autoscaling");
  ASSERT_NE(autoscaling, nullptr);
  ASSERT_EQ(autoscaling->versions.size(), 2U);
  EXPECT_EQ(autoscaling->preferred().version, "v2");
  const ServedGroup* networking = find_group(groups, "networking.k8s.io");
  ASSERT_NE(networking, nullptr);
  EXPECT_EQ(networking->versions.size(), 1U);
}

TEST(ServedGroups, ShowWhatIsSwitchedOn) {
  const auto groups =
      served_groups(api::builtin_group_versions(), [](const api::Resource&) { return true; });

  EXPECT_NE(find_group(groups, "internal.apiserver.k8s.io"), nullptr);
  EXPECT_EQ(find_group(groups, "networking.k8s.io")->versions.size(), 2U);
}

TEST(ServedGroups, PutCustomGroupsLastByPriorityAndName) {
  const api::Resource widget{.group = "b.example.com", .version = "v1", .plural = "widgets"};
  const api::GroupVersion b1{.group = "b.example.com",
                             .version = "v1beta1",
                             .group_priority = 1000,
                             .version_priority = 100,
                             .resources = {&widget, 1}};
  const api::GroupVersion b2{.group = "b.example.com",
                             .version = "v1",
                             .group_priority = 1000,
                             .version_priority = 100,
                             .resources = {&widget, 1}};
  const api::GroupVersion a{.group = "a.example.com",
                            .version = "v1",
                            .group_priority = 1000,
                            .version_priority = 100,
                            .resources = {&widget, 1}};
  std::vector<const api::GroupVersion*> tables = {&b1, &b2, &a};
  tables.insert(tables.end(), api::builtin_group_versions().begin(),
                api::builtin_group_versions().end());

  const auto groups = served_groups(tables);

  ASSERT_EQ(groups.size(), default_groups().size() + 2);
  EXPECT_EQ(groups.front().name, "");
  EXPECT_EQ(groups[groups.size() - 2].name, "a.example.com");
  EXPECT_EQ(groups.back().name, "b.example.com");
  EXPECT_EQ(groups.back().preferred().version, "v1");
}

TEST(ApiVersions, NamesCoreOnlyAndTheAddress) {
  EXPECT_EQ(api_versions_json(default_groups(), "10.0.0.1:6443"),
            R"({"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":)"
            R"([{"clientCIDR":"0.0.0.0/0","serverAddress":"10.0.0.1:6443"}]})");
}

TEST(ApiGroups, ListAllGroupsButCore) {
  const auto groups = default_groups();

  const api::Document document = parse(api_groups_json(groups));

  EXPECT_EQ(document.at("groups").as_array().size(), groups.size() - 1);
  const auto* apps = find_named(document, "groups", "name", "apps");
  ASSERT_NE(apps, nullptr);
  EXPECT_EQ(api::to_json(*apps),
            R"({"name":"apps","versions":[{"groupVersion":"apps/v1","version":"v1"}],)"
            R"("preferredVersion":{"groupVersion":"apps/v1","version":"v1"}})");
  EXPECT_EQ(api_group_json(*find_group(groups, "apps")),
            R"({"kind":"APIGroup","apiVersion":"v1",)" + api::to_json(*apps).substr(1));
}

TEST(ApiResources, TellOfPodsWhatKubectlNeeds) {
  const auto groups = default_groups();

  const api::Document core =
      parse(api_resources_json(groups.front().preferred(), serves_by_default));

  EXPECT_FALSE(core.as_object().contains("apiVersion"));
  EXPECT_EQ(api::string_at(core, {"groupVersion"}), "v1");
  const auto* pods = find_named(core, "resources", "name", "pods");
  ASSERT_NE(pods, nullptr);
  EXPECT_EQ(
      api::to_json(*pods),
      R"({"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["create",)"
      R"("delete","deletecollection","get","list","patch","update","watch"],"shortNames":["po"],)"
      R"("categories":["all"],"storageVersionHash":"xPOwRZ+Yhw8="})");
  const auto* eviction = find_named(core, "resources", "name", "pods/eviction");
  ASSERT_NE(eviction, nullptr);
  EXPECT_EQ(api::to_json(*eviction),
            R"({"name":"pods/eviction","singularName":"","namespaced":true,"group":"policy",)"
            R"("version":"v1","kind":"Eviction","verbs":["create"]})");
}

TEST(ApiResources, AreInAlphabeticalOrder) {
  for (const ServedGroup& group : default_groups()) {
    for (const api::GroupVersion* version : group.versions) {
      const api::Document list = parse(api_resources_json(*version, serves_by_default));
      std::vector<std::string> names;
      for (const auto& entry : list.at("resources").as_array()) {
        names.emplace_back(entry.at("name").as_string());
      }
      EXPECT_TRUE(std::ranges::is_sorted(names)) << version->ref;
    }
  }
}

TEST(AggregatedDiscovery, HoldsEveryServedResourceOnce) {
  const auto groups = default_groups();
  for (const bool core : {true, false}) {
    const api::Document document =
        parse(aggregated_json(groups, core, AggregatedVersion::V2, serves_by_default));
    EXPECT_EQ(api::string_at(document, {"apiVersion"}), "apidiscovery.k8s.io/v2");
    std::size_t index = 0;
    for (const ServedGroup& group : groups) {
      if (group.name.empty() != core) continue;
      const auto& item = document.at("items").as_array().at(index++);
      EXPECT_EQ(api::string_at(item, {"metadata", "name"}), group.name);
      ASSERT_EQ(item.at("versions").as_array().size(), group.versions.size());
      for (std::size_t i = 0; i < group.versions.size(); ++i) {
        const auto& version = item.at("versions").at(i);
        EXPECT_EQ(version.at("version").as_string(), group.versions[i]->version);
        EXPECT_EQ(version.at("resources").as_array().size(),
                  served_resources(*group.versions[i], serves_by_default).size());
      }
    }
    EXPECT_EQ(document.at("items").as_array().size(), index);
  }
}

TEST(AggregatedDiscovery, TellsTheKindOfASubresource) {
  const api::Document document = parse(
      aggregated_json(default_groups(), false, AggregatedVersion::V2beta1, serves_by_default));
  const auto& apps = *std::ranges::find_if(document.at("items").as_array(), [](const auto& item) {
    return api::string_at(item, {"metadata", "name"}) == "apps";
  });
  const auto* deployments =
      find_named(apps.at("versions").at(0), "resources", "resource", "deployments");
  ASSERT_NE(deployments, nullptr);
  EXPECT_EQ(api::to_json(deployments->at("subresources")),
            R"([{"subresource":"scale","responseKind":{"group":"autoscaling","version":"v1",)"
            R"("kind":"Scale"},"verbs":["get","patch","update"]},{"subresource":"status",)"
            R"("responseKind":{"group":"apps","version":"v1","kind":"Deployment"},)"
            R"("verbs":["get","patch","update"]}])");
}

}  // namespace
}  // namespace keelson::apiserver
