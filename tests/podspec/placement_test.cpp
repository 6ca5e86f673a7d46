// SPDX-License-Identifier: Apache-2.0
#include "podspec/placement.h"

#include <gtest/gtest.h>

namespace keelson::podspec {
namespace {

using namespace core::v1;

TEST(Tolerations, MatchByKeyValueAndEffect) {
  struct Case {
    std::string_view name;
    Toleration toleration;
    bool expected;
  };
  const Taint taint{.key = "dedicated", .value = "gpu", .effect = "NoSchedule"};
  const Case cases[] = {
      {"equal", {.key = "dedicated", .operator_ = "Equal", .value = "gpu"}, true},
      {"equal is the default", {.key = "dedicated", .value = "gpu"}, true},
      {"another value", {.key = "dedicated", .value = "cpu"}, false},
      {"exists", {.key = "dedicated", .operator_ = "Exists"}, true},
      {"everything", {.operator_ = "Exists"}, true},
      {"another key", {.key = "other", .operator_ = "Exists"}, false},
      {"the effect", {.key = "dedicated", .operator_ = "Exists", .effect = "NoSchedule"}, true},
      {"another effect", {.key = "dedicated", .operator_ = "Exists", .effect = "NoExecute"}, false},
      {"an unknown operator", {.key = "dedicated", .operator_ = "Like", .value = "gpu"}, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(tolerates(c.toleration, taint), c.expected);
  }
}

TEST(Tolerations, CompareNumbers) {
  const Taint taint{.key = "load", .value = "50", .effect = "NoSchedule"};
  EXPECT_TRUE(tolerates(Toleration{.key = "load", .operator_ = "Lt", .value = "60"}, taint));
  EXPECT_FALSE(tolerates(Toleration{.key = "load", .operator_ = "Lt", .value = "50"}, taint));
  EXPECT_TRUE(tolerates(Toleration{.key = "load", .operator_ = "Gt", .value = "40"}, taint));
  EXPECT_FALSE(tolerates(Toleration{.key = "load", .operator_ = "Gt", .value = "high"}, taint));
}

TEST(Taints, CountByScope) {
  const std::vector<Taint> taints = {{.key = "a", .value = "", .effect = "PreferNoSchedule"},
                                     {.key = "b", .value = "", .effect = "NoSchedule"},
                                     {.key = "c", .value = "", .effect = "NoExecute"}};
  const auto key = [&](TaintScope scope, std::vector<Toleration> tolerations) {
    const Taint* taint = find_untolerated_taint(taints, tolerations, scope);
    return taint ? taint->key : "none";
  };

  EXPECT_EQ(key(TaintScope::Scheduling, {}), "b");
  EXPECT_EQ(key(TaintScope::Scheduling, {{.key = "b", .operator_ = "Exists"}}), "c");
  EXPECT_EQ(key(TaintScope::Execution, {}), "c");
  EXPECT_EQ(key(TaintScope::Preference, {}), "a");
  EXPECT_EQ(key(TaintScope::Scheduling, {{.operator_ = "Exists"}}), "none");
}

TEST(NodeSelectors, KnowAllOperators) {
  struct Case {
    std::string_view name;
    NodeSelectorRequirement requirement;
    bool expected;
  };
  const Labels labels = {{"zone", "a"}, {"cores", "8"}};
  const Case cases[] = {
      {"in", {"zone", "In", {"a", "b"}}, true},
      {"not in the list", {"zone", "In", {"b"}}, false},
      {"in, no such label", {"disk", "In", {"ssd"}}, false},
      {"notin", {"zone", "NotIn", {"b"}}, true},
      {"notin, no such label", {"disk", "NotIn", {"ssd"}}, true},
      {"notin but in", {"zone", "NotIn", {"a"}}, false},
      {"exists", {"zone", "Exists", {}}, true},
      {"exists not", {"disk", "Exists", {}}, false},
      {"does not exist", {"disk", "DoesNotExist", {}}, true},
      {"greater", {"cores", "Gt", {"4"}}, true},
      {"not greater", {"cores", "Gt", {"8"}}, false},
      {"less", {"cores", "Lt", {"16"}}, true},
      {"no number", {"zone", "Gt", {"4"}}, false},
      {"an unknown operator", {"zone", "Like", {"a"}}, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(matches(c.requirement, labels), c.expected);
  }
}

TEST(NodeSelectors, TermsAreAlternativesAndRequirementsAreNot) {
  const NodeSelectorTerm zone_a{.matchExpressions = {{"zone", "In", {"a"}}}, .matchFields = {}};
  const NodeSelectorTerm ssd_in_b{
      .matchExpressions = {{"zone", "In", {"b"}}, {"disk", "In", {"ssd"}}}, .matchFields = {}};
  const NodeSelector selector{{zone_a, ssd_in_b}};

  EXPECT_TRUE(matches(selector, Labels{{"zone", "a"}}, "n"));
  EXPECT_TRUE(matches(selector, Labels{{"zone", "b"}, {"disk", "ssd"}}, "n"));
  EXPECT_FALSE(matches(selector, Labels{{"zone", "b"}}, "n"));
  EXPECT_FALSE(matches(NodeSelector{}, Labels{{"zone", "a"}}, "n"));
  EXPECT_FALSE(matches(NodeSelectorTerm{}, Labels{{"zone", "a"}}, "n"));
}

TEST(NodeSelectors, FieldsKnowTheName) {
  const NodeSelectorTerm by_name{.matchExpressions = {},
                                 .matchFields = {{"metadata.name", "In", {"node-1"}}}};
  const NodeSelectorTerm unknown{.matchExpressions = {},
                                 .matchFields = {{"spec.unschedulable", "In", {"true"}}}};

  EXPECT_TRUE(matches(by_name, {}, "node-1"));
  EXPECT_FALSE(matches(by_name, {}, "node-2"));
  EXPECT_FALSE(matches(unknown, {}, "node-1"));
}

TEST(SelectsNode, AsksSelectorAndAffinity) {
  PodSpec pod;
  pod.nodeSelector = {{"disk", "ssd"}};
  pod.affinity.ensure()
      .nodeAffinity.ensure()
      .requiredDuringSchedulingIgnoredDuringExecution.ensure()
      .nodeSelectorTerms = {{.matchExpressions = {{"zone", "In", {"a"}}}, .matchFields = {}}};

  EXPECT_TRUE(selects_node(pod, {{"disk", "ssd"}, {"zone", "a"}}, "n"));
  EXPECT_FALSE(selects_node(pod, {{"zone", "a"}}, "n"));
  EXPECT_FALSE(selects_node(pod, {{"disk", "ssd"}, {"zone", "b"}}, "n"));
  EXPECT_TRUE(selects_node(PodSpec{}, {}, "n"));
}

}  // namespace
}  // namespace keelson::podspec
