// SPDX-License-Identifier: Apache-2.0
#include "api/validation/object_meta.h"

#include <gtest/gtest.h>

namespace keelson::api {
namespace {

meta::v1::ObjectMeta web() {
  meta::v1::ObjectMeta meta;
  meta.name = "web";
  meta.namespace_ = "default";
  meta.uid = "u";
  meta.resourceVersion = "7";
  return meta;
}

std::string check(const meta::v1::ObjectMeta& meta, bool namespaced = true) {
  return validate_object_meta(meta, namespaced, name_is_dns_subdomain).text();
}

TEST(ObjectMeta, IsFineAsMostAre) {
  auto meta = web();
  meta.labels = {{"app.kubernetes.io/name", "web"}, {"empty", ""}};
  meta.annotations = {{"Example.com/Any", std::string(1000, 'x')}};
  meta.finalizers = {"example.com/finalizer", "orphan"};
  meta.ownerReferences = {
      {.apiVersion = "apps/v1", .kind = "ReplicaSet", .name = "w", .uid = "1", .controller = true}};
  meta.managedFields = {{.manager = "kubectl", .operation = "Apply", .fieldsType = "FieldsV1"}};
  EXPECT_EQ(check(meta), "");
}

TEST(ObjectMeta, RefusesInUpstreamsWords) {
  struct Case {
    const char* name;
    void (*change)(meta::v1::ObjectMeta&);
    const char* expected;
  };
  const Case cases[] = {
      {"no name", [](auto& m) { m.name.clear(); },
       "metadata.name: Required value: name or generateName is required"},
      {"no namespace", [](auto& m) { m.namespace_.clear(); }, "metadata.namespace: Required value"},
      {"generation", [](auto& m) { m.generation = -1; },
       "metadata.generation: Invalid value: -1: must be greater than or equal to 0"},
      {"annotations too big",
       [](auto& m) { m.annotations = {{"a", std::string(kAnnotationsSizeMax, 'x')}}; },
       "metadata.annotations: Too long: may not be more than 262144 bytes"},
      {"owner",
       [](auto& m) {
         m.ownerReferences = {{.apiVersion = "v1", .kind = "", .name = "n", .uid = "u"}};
       },
       "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty"},
      {"owner's version",
       [](auto& m) {
         m.ownerReferences = {{.apiVersion = "apps/", .kind = "K", .name = "n", .uid = "u"}};
       },
       "metadata.ownerReferences.apiVersion: Invalid value: \"apps/\": version must not be empty"},
      {"events own nothing",
       [](auto& m) {
         m.ownerReferences = {{.apiVersion = "v1", .kind = "Event", .name = "n", .uid = "u"}};
       },
       "metadata.ownerReferences: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\","
       "\"name\":\"n\",\"uid\":\"u\"}: /v1, Kind=Event is disallowed from being an owner"},
      {"both finalizers", [](auto& m) { m.finalizers = {"orphan", "foregroundDeletion"}; },
       "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan "
       "and foregroundDeletion cannot be both set"},
      {"managed fields", [](auto& m) { m.managedFields = {{.manager = "m", .operation = "Set"}}; },
       "metadata.managedFields[0].operation: Invalid value: \"Set\": must be `Apply` or `Update`"},
  };
  for (const Case& c : cases) {
    auto meta = web();
    c.change(meta);
    EXPECT_EQ(check(meta), c.expected) << c.name;
  }
  EXPECT_EQ(check(web(), false), "metadata.namespace: Forbidden: not allowed on this type");
}

TEST(ObjectMeta, HasOneController) {
  auto meta = web();
  meta.ownerReferences = {
      {.apiVersion = "v1", .kind = "A", .name = "a", .uid = "1", .controller = true},
      {.apiVersion = "v1", .kind = "B", .name = "b", .uid = "2", .controller = true}};
  const auto errors = validate_object_meta(meta, true, name_is_dns_subdomain);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].detail,
            "Only one reference can have Controller set to true. Found \"true\" in references for "
            "A/a and B/b");
}

TEST(ObjectMeta, AppliesTheKindsNameRule) {
  auto meta = web();
  meta.name = "a.b";
  EXPECT_EQ(check(meta), "");
  EXPECT_EQ(validate_object_meta(meta, true, name_is_dns_label).text(),
            "metadata.name: Invalid value: \"a.b\": must not contain dots");
  meta.name = "a";
  meta.generateName = "a-";
  EXPECT_EQ(check(meta), "");
}

TEST(ObjectMeta, KeepsItsIdentity) {
  struct Case {
    const char* name;
    void (*change)(meta::v1::ObjectMeta&);
    const char* expected;
  };
  const Case cases[] = {
      {"nothing", [](auto&) {}, ""},
      {"labels may change", [](auto& m) { m.labels = {{"a", "b"}}; }, ""},
      {"uid", [](auto& m) { m.uid = "v"; },
       "metadata.uid: Invalid value: \"v\": field is immutable"},
      {"name", [](auto& m) { m.name = "x"; },
       "metadata.name: Invalid value: \"x\": field is immutable"},
      {"deletion", [](auto& m) { m.deletionGracePeriodSeconds = 3; },
       "metadata.deletionGracePeriodSeconds: Invalid value: 3: field is immutable"},
      {"creation", [](auto& m) { m.creationTimestamp = *Time::parse("2020-01-01T00:00:00Z"); },
       "metadata.creationTimestamp: Invalid value: \"2020-01-01T00:00:00Z\": field is immutable"},
      {"no resource version", [](auto& m) { m.resourceVersion.clear(); },
       "metadata.resourceVersion: Invalid value: \"\": must be specified for an update"},
      {"generation", [](auto& m) { m.generation = 1; },
       "metadata.generation: Invalid value: 1: must not be decremented"},
  };
  for (const Case& c : cases) {
    auto before = web(), now = web();
    before.generation = now.generation = 2;
    c.change(now);
    EXPECT_EQ(validate_object_meta_update(now, before).text(), c.expected) << c.name;
  }
}

TEST(ObjectMeta, TakesNoNewFinalizersWhileItIsDeleted) {
  auto before = web();
  before.deletionTimestamp = *Time::parse("2020-01-01T00:00:00Z");
  before.finalizers = {"a/b"};
  auto now = before;
  now.finalizers = {"a/b", "c/d"};
  EXPECT_EQ(validate_object_meta_update(now, before).text(),
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being "
            "deleted, found new finalizers []string{\"c/d\"}");
  now.finalizers.clear();
  EXPECT_TRUE(validate_object_meta_update(now, before).empty());
}

TEST(ObjectMeta, FieldManagersArePrintable) {
  EXPECT_TRUE(validate_field_manager("kubectl-client-side-apply", "fieldManager").empty());
  EXPECT_EQ(validate_field_manager("a\tb", "fieldManager").text(),
            "fieldManager: Invalid value: \"a\\tb\": invalid character U+0009 (at position 1)");
  EXPECT_EQ(validate_field_manager(std::string(129, 'a'), "fieldManager").text(),
            "fieldManager: Too long: may not be more than 128 bytes");
}

}  // namespace
}  // namespace keelson::api
