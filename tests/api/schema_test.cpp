// SPDX-License-Identifier: Apache-2.0
// The tables against facts about the API that are written down here a second time.
#include "api/schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "api/admissionregistration/v1.h"
#include "api/apps/v1.h"
#include "api/authentication/v1.h"
#include "api/codec/json.h"
#include "api/core/v1.h"
#include "api/document.h"
#include "api/meta/v1.h"
#include "api/rbac/v1.h"
#include "api/version.h"

namespace keelson::api {
namespace {

const GroupVersion& group_version(std::string_view ref) {
  for (const GroupVersion* candidate : builtin_group_versions()) {
    if (candidate->ref == ref) return *candidate;
  }
  ADD_FAILURE() << "no " << ref;
  return *builtin_group_versions()[0];
}

const Field& field(std::string_view type, std::string_view name) {
  const Type* table = find_type(type);
  const Field* found = table ? table->find(name) : nullptr;
  if (found) return *found;
  ADD_FAILURE() << "no " << type << "." << name;
  static const Field none{};
  return none;
}

TEST(Schema, HasAllKindsTypesAndFields) {
  struct Case {
    std::string_view ref;
    std::size_t kinds, types, fields;
  };
  const Case cases[] = {
      {"core/v1", 17, 240, 1075},
      {"apiregistration/v1", 1, 6, 21},
      {"apps/v1", 5, 30, 125},
      {"events/v1", 1, 3, 19},
      {"authentication/v1", 2, 10, 28},
      {"authorization/v1", 4, 15, 50},
      {"autoscaling/v2", 1, 24, 78},
      {"autoscaling/v1", 1, 21, 78},
      {"batch/v1", 2, 17, 70},
      {"certificates/v1", 1, 5, 21},
      {"certificates/v1beta1", 2, 7, 28},
      {"certificates/v1alpha1", 1, 3, 6},
      {"networking/v1", 5, 35, 79},
      {"networking/v1beta1", 2, 8, 16},
      {"policy/v1", 1, 5, 18},
      {"rbac/v1", 4, 12, 32},
      {"storage/v1", 6, 21, 66},
      {"storage/v1beta1", 1, 2, 5},
      {"admissionregistration/v1", 6, 36, 123},
      {"admissionregistration/v1beta1", 2, 15, 44},
      {"admissionregistration/v1alpha1", 2, 14, 42},
      {"apiextensions/v1", 1, 23, 120},
      {"scheduling/v1", 1, 2, 7},
      {"scheduling/v1alpha2", 2, 18, 43},
      {"coordination/v1", 1, 3, 11},
      {"coordination/v1beta1", 1, 3, 10},
      {"coordination/v1alpha2", 1, 3, 10},
      {"node/v1", 1, 4, 9},
      {"discovery/v1", 1, 8, 25},
      {"resource/v1", 4, 44, 146},
      {"resource/v1beta2", 5, 49, 157},
      {"resource/v1beta1", 4, 44, 146},
      {"resource/v1alpha3", 2, 11, 36},
      {"flowcontrol/v1", 2, 23, 60},
      {"apiserverinternal/v1alpha1", 1, 6, 18},
      {"storagemigration/v1beta1", 1, 4, 8},
      {"admission/v1", 0, 3, 24},
      {"admission/v1beta1", 0, 3, 24},
      {"imagepolicy/v1alpha1", 0, 4, 10},
      {"authentication/v1beta1", 0, 4, 13},
      {"authorization/v1beta1", 0, 5, 24},
      {"policy/v1beta1", 0, 1, 2},
      {"apidiscovery/v2", 0, 5, 19},
      {"apidiscovery/v2beta1", 0, 5, 19},
      {"meta/v1", 0, 44, 157},
      {"meta/v1beta1", 0, 1, 2},
      {"runtime", 0, 0, 0},
      {"types", 0, 0, 0},
      {"version", 0, 1, 13},
      {"watch", 0, 0, 0},
      {"intstr", 0, 0, 0},
      {"quantity", 0, 0, 0},
  };
  EXPECT_EQ(builtin_group_versions().size(), std::size(cases));
  std::size_t at = 0;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.ref);
    const GroupVersion& tables = group_version(c.ref);
    std::size_t types = 0, fields = 0;
    for (const Type* type : tables.types) {
      if (!type->construct) continue;
      ++types;
      fields += type->fields.size();
    }
    EXPECT_EQ(tables.resources.size(), c.kinds);
    EXPECT_EQ(types, c.types);
    EXPECT_EQ(fields, c.fields);
    // Those that are served stand in discovery order.
    if (c.kinds > 0) EXPECT_EQ(builtin_group_versions()[at]->ref, c.ref);
    ++at;
  }
}

TEST(Schema, IsConsistent) {
  for (const GroupVersion* tables : builtin_group_versions()) {
    for (const Type* type : tables->types) {
      SCOPED_TRACE(std::string(type->package) + "." + std::string(type->name));
      EXPECT_EQ(find_type(std::string(type->package) + "." + std::string(type->name)), type);
      std::set<std::string_view> names;
      std::set<std::array<int, 3>> numbers;
      for (const Field& member : type->fields) {
        SCOPED_TRACE(member.json);
        if (type->construct) {
          EXPECT_TRUE(names.insert(member.json).second);
          EXPECT_LT(member.offset, type->size);
          EXPECT_EQ(type->find(member.json), &member);
        }
        if (member.number) {
          EXPECT_TRUE(numbers.insert({member.outer, member.outer_nested, member.number}).second);
        }
        EXPECT_EQ(member.list_type == ListType::Map, !member.list_map_keys.empty());
        const Type* element = member.value.element ? member.value.element->type : nullptr;
        for (const auto key : member.list_map_keys) {
          ASSERT_NE(element, nullptr);
          EXPECT_NE(element->find(key), nullptr) << key;
        }
        if (!member.patch_merge_key.empty()) {
          ASSERT_NE(element, nullptr);
          EXPECT_NE(element->find(member.patch_merge_key), nullptr);
        }
        if (!member.default_json.empty()) EXPECT_TRUE(parse_json(member.default_json).has_value());
      }
    }
    for (const Resource& resource : tables->resources) {
      SCOPED_TRACE(resource.kind);
      EXPECT_EQ(find_builtin(resource.group, resource.version, resource.plural), &resource);
      EXPECT_EQ(find_builtin_kind(resource.group, resource.version, resource.kind), &resource);
      ASSERT_NE(resource.type, nullptr);
      EXPECT_TRUE(resource.type->root);
      EXPECT_EQ(resource.type->api_version, resource.api_version());
      EXPECT_FALSE(resource.type->doc.empty());
      EXPECT_FALSE(resource.verbs.empty());
      if (!resource.list_kind.empty()) {
        EXPECT_NE(find_root_type(resource.api_version(), resource.list_kind), nullptr);
      }
      if (resource.has_verb("watch")) EXPECT_FALSE(resource.columns.empty());
      for (const Subresource& sub : resource.subresources) {
        if (sub.kind.empty()) continue;
        const std::string api_version =
            sub.group.empty() ? std::string(sub.version)
                              : std::string(sub.group) + "/" + std::string(sub.version);
        EXPECT_NE(find_root_type(api_version, sub.kind), nullptr) << sub.kind;
      }
    }
  }
}

TEST(Schema, KnowsItsNumbers) {
  struct Case {
    std::string_view type, name;
    int number, outer;
  };
  const Case cases[] = {
      {"core/v1.PodSpec", "containers", 2, 0},
      {"core/v1.PodSpec", "nodeName", 10, 0},
      {"core/v1.PodSpec", "initContainers", 20, 0},
      {"core/v1.Volume", "name", 1, 0},
      {"core/v1.Volume", "configMap", 19, 2},
      {"core/v1.Probe", "httpGet", 2, 1},
      {"core/v1.Probe", "periodSeconds", 4, 0},
      {"core/v1.Secret", "data", 2, 0},
      {"core/v1.EphemeralContainer", "targetContainerName", 2, 0},
      {"core/v1.EphemeralContainer", "name", 1, 1},
      {"meta/v1.ObjectMeta", "managedFields", 17, 0},
      {"apps/v1.DeploymentSpec", "progressDeadlineSeconds", 9, 0},
      {"meta/v1.PartialObjectMetadataList", "items", 2, 0},
      {"meta/v1beta1.PartialObjectMetadataList", "items", 1, 0},
      {"admissionregistration/v1.NamedRuleWithOperations", "resourceNames", 1, 0},
      {"admissionregistration/v1.NamedRuleWithOperations", "operations", 1, 2},
      {"admissionregistration/v1.NamedRuleWithOperations", "apiGroups", 1, 2},
      {"meta/v1.TableRow", "cells", 0, 0},
      {"apiextensions/v1.JSONSchemaProps", "x-kubernetes-validations", 44, 0},
      {"apiextensions/v1.JSONSchemaProps", "$ref", 3, 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.type) + "." + std::string(c.name));
    EXPECT_EQ(field(c.type, c.name).number, c.number);
    EXPECT_EQ(field(c.type, c.name).outer, c.outer);
  }
  EXPECT_EQ(field("admissionregistration/v1.NamedRuleWithOperations", "apiGroups").outer_nested, 2);
}

TEST(Schema, KnowsHowListsMerge) {
  const Field& ports = field("core/v1.Container", "ports");
  EXPECT_EQ(ports.list_type, ListType::Map);
  EXPECT_EQ(std::vector<std::string_view>(ports.list_map_keys.begin(), ports.list_map_keys.end()),
            (std::vector<std::string_view>{"containerPort", "protocol"}));
  EXPECT_EQ(ports.patch_merge_key, "containerPort");
  EXPECT_EQ(ports.patch_strategy, kPatchMerge);

  const Field& volumes = field("core/v1.PodSpec", "volumes");
  EXPECT_EQ(volumes.patch_strategy, kPatchMerge | kPatchRetainKeys);
  EXPECT_EQ(volumes.patch_merge_key, "name");
  EXPECT_EQ(field("apps/v1.DeploymentSpec", "strategy").patch_strategy, kPatchRetainKeys);
  EXPECT_EQ(field("meta/v1.ObjectMeta", "finalizers").list_type, ListType::Set);
  EXPECT_EQ(field("core/v1.Container", "command").list_type, ListType::Atomic);

  EXPECT_EQ(field("core/v1.PodSpec", "nodeSelector").map_type, MapType::Atomic);
  EXPECT_EQ(field("meta/v1.ObjectMeta", "labels").map_type, MapType::Granular);
  // The field's own marker overrides that of its type.
  EXPECT_EQ(find_type("core/v1.ObjectReference")->map_type, MapType::Atomic);
  EXPECT_EQ(field("core/v1.PersistentVolumeSpec", "claimRef").map_type, MapType::Granular);
  EXPECT_EQ(field("core/v1.Binding", "target").map_type, MapType::Atomic);
}

TEST(Schema, KnowsEnumsDefaultsAndPointers) {
  const Field& phase = field("core/v1.PodStatus", "phase");
  ASSERT_NE(phase.value.enumeration, nullptr);
  EXPECT_TRUE(phase.value.enumeration->closed);
  EXPECT_EQ(phase.value.enumeration->name, "PodPhase");
  EXPECT_TRUE(std::ranges::find(phase.value.enumeration->values, "Running") !=
              phase.value.enumeration->values.end());
  EXPECT_FALSE(field("core/v1.PodCondition", "type").value.enumeration->closed);
  // Of another package.
  EXPECT_EQ(
      field("autoscaling/v2.HorizontalPodAutoscalerCondition", "status").value.enumeration->package,
      "core/v1");

  EXPECT_EQ(field("core/v1.ContainerPort", "protocol").default_json, "\"TCP\"");
  EXPECT_EQ(field("core/v1.ReplicationControllerSpec", "replicas").default_json, "1");
  EXPECT_TRUE(field("apps/v1.DeploymentSpec", "replicas").is_pointer);
  EXPECT_TRUE(field("core/v1.PodSpec", "containers").required);
  EXPECT_FALSE(field("core/v1.PodSpec", "containers").omitempty);
  EXPECT_TRUE(field("meta/v1.ObjectMeta", "creationTimestamp").omitzero);
  EXPECT_EQ(field("resource/v1.ResourceSliceSpec", "nodeName").union_name, "NodeSelection");
  EXPECT_EQ(field("resource/v1.DeviceRequest", "firstAvailable").constraints->max_items, 8);
}

TEST(Schema, ConstantsAreCalledAsUsersKnowThem) {
  EXPECT_EQ(core::v1::PodPhase::Running, "Running");
  EXPECT_EQ(core::v1::PodConditionType::Ready, "Ready");
  EXPECT_EQ(core::v1::ResourceName::CPU, "cpu");
  EXPECT_EQ(core::v1::ResourceName::EphemeralStorage, "ephemeral-storage");
  EXPECT_EQ(core::v1::PullPolicy::IfNotPresent, "IfNotPresent");
  EXPECT_EQ(core::v1::TaintEffect::NoSchedule, "NoSchedule");
  EXPECT_EQ(core::v1::SecretType::ServiceAccountToken, "kubernetes.io/service-account-token");
  EXPECT_EQ(core::v1::HostPathType::Unset, "");
  EXPECT_EQ(core::v1::MaxSecretSize, 1048576);
  EXPECT_EQ(core::v1::LastAppliedConfigAnnotation,
            "kubectl.kubernetes.io/last-applied-configuration");
}

TEST(Resources, TellWhatDiscoveryNeeds) {
  const Resource& pods = resource_of<core::v1::Pod>();
  EXPECT_EQ(&pods, find_builtin("", "v1", "pods"));
  EXPECT_EQ(pods.type, &type_of<core::v1::Pod>());
  EXPECT_EQ(pods.list_kind, "PodList");
  EXPECT_EQ(pods.singular, "pod");
  EXPECT_EQ(pods.short_names[0], "po");
  EXPECT_EQ(pods.categories[0], "all");
  EXPECT_TRUE(pods.namespaced);
  EXPECT_EQ(pods.storage_prefix, "pods");
  EXPECT_EQ(pods.storage_version_hash, "xPOwRZ+Yhw8=");
  EXPECT_EQ(pods.group_resource(), "pods");
  ASSERT_NE(pods.find_subresource("eviction"), nullptr);
  EXPECT_EQ(pods.find_subresource("eviction")->group, "policy");
  EXPECT_EQ(pods.find_subresource("binding")->group, "");
  EXPECT_EQ(pods.find_subresource("binding")->version, "v1");
  EXPECT_EQ(pods.find_subresource("status")->kind, "");
  EXPECT_EQ(pods.find_subresource("nothing"), nullptr);
  EXPECT_EQ(pods.columns[0].name, "Name");

  const Resource& deployments = resource_of<apps::v1::Deployment>();
  EXPECT_EQ(deployments.api_version(), "apps/v1");
  EXPECT_EQ(deployments.group_resource(), "deployments.apps");
  EXPECT_TRUE(deployments.has_generation);

  EXPECT_EQ(resource_of<core::v1::Node>().storage_prefix, "minions");
  EXPECT_TRUE(resource_of<core::v1::Service>().create_on_update);
  EXPECT_FALSE(resource_of<core::v1::Namespace>().has_verb("deletecollection"));
  EXPECT_FALSE(
      find_builtin("certificates.k8s.io", "v1alpha1", "clustertrustbundles")->served_by_default);
  EXPECT_EQ(find_builtin("authentication.k8s.io", "v1", "tokenreviews")->verbs.size(), 1u);
  EXPECT_EQ(find_builtin("", "v1", "deployments"), nullptr);
  EXPECT_EQ(find_builtin("", "v1", "componentstatuses")->verbs.size(), 2u);
}

TEST(Types, AreFoundByApiVersionAndKind) {
  EXPECT_EQ(find_root_type("v1", "Pod"), &type_of<core::v1::Pod>());
  EXPECT_EQ(find_root_type("v1", "Status"), &type_of<meta::v1::Status>());
  EXPECT_EQ(find_root_type("meta.k8s.io/v1", "Table"), &type_of<meta::v1::Table>());
  EXPECT_EQ(find_root_type("apps/v1", "DeploymentList"), &type_of<apps::v1::DeploymentList>());
  EXPECT_EQ(find_root_type("apps/v1", "Pod"), nullptr);
  EXPECT_EQ(type_of<core::v1::Pod>().openapi_name, "io.k8s.api.core.v1.Pod");
  EXPECT_EQ(type_of<meta::v1::ObjectMeta>().proto_name,
            "k8s.io.apimachinery.pkg.apis.meta.v1.ObjectMeta");
  EXPECT_FALSE(type_of<core::v1::PodSpec>().root);
  EXPECT_EQ(find_type("core/v1.Nothing"), nullptr);
}

}  // namespace
}  // namespace keelson::api
