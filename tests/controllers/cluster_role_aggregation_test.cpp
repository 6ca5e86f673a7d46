// SPDX-License-Identifier: Apache-2.0
#include "controllers/cluster_role_aggregation.h"

#include "api/rbac/v1.h"
#include "controllers/fixture.h"

namespace keelson::controllers {
namespace {

using rbac::v1::ClusterRole;

class ClusterRoleAggregation : public ControllerTest {
 protected:
  void add_role(const std::string& name, const std::string& label, const std::string& resource) {
    ClusterRole role;
    role.metadata.name = name;
    role.metadata.labels[label] = "true";
    rbac::v1::PolicyRule& rule = role.rules.emplace_back();
    rule.verbs = {"get"};
    rule.resources = {resource};
    api.add(std::move(role));
  }
  void add_aggregate(const std::string& name, const std::string& from, const std::string& label) {
    ClusterRole role;
    role.metadata.name = name;
    role.metadata.labels[label] = "true";
    rbac::v1::AggregationRule rule;
    rule.clusterRoleSelectors.emplace_back().matchLabels[from] = "true";
    role.aggregationRule = std::move(rule);
    api.add(std::move(role));
  }
  std::vector<std::string> resources_of(const std::string& name) {
    std::vector<std::string> out;
    for (const auto& rule : api.must_get<ClusterRole>({"", name}).rules) {
      out.insert(out.end(), rule.resources.begin(), rule.resources.end());
    }
    return out;
  }
};

TEST_F(ClusterRoleAggregation, FollowsTheRolesThatAreSelected) {
  start(make_cluster_role_aggregation_controller);
  add_aggregate("edit", "to-edit", "top");
  add_aggregate("view", "to-view", "to-edit");
  add_role("pods", "to-view", "pods");
  add_role("other", "elsewhere", "secrets");
  settle();
  EXPECT_EQ(resources_of("view"), std::vector<std::string>{"pods"});
  EXPECT_EQ(resources_of("edit"), std::vector<std::string>{"pods"});

  add_role("widgets", "to-view", "widgets");
  settle();
  EXPECT_EQ(resources_of("edit"), (std::vector<std::string>{"pods", "widgets"}));

  api.erase<ClusterRole>({"", "pods"});
  settle();
  EXPECT_EQ(resources_of("edit"), std::vector<std::string>{"widgets"});
}

}  // namespace
}  // namespace keelson::controllers
