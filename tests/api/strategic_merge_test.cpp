// SPDX-License-Identifier: Apache-2.0
#include "api/patch/strategic_merge.h"

#include <gtest/gtest.h>

#include "api/codec/json.h"

namespace keelson::api {
namespace {

// Sorted by member name, so that only what lists say of order counts.
std::string text_of(const Document& document);

std::string patched(std::string_view type, std::string_view document, std::string_view patch) {
  const Type* found = find_type(type);
  if (!found) return "no such type";
  const auto result =
      apply_strategic_merge_patch(*parse_json(document), *parse_json(patch), *found);
  return result ? text_of(*result) : "error: " + result.error().message();
}

std::string text_of(const Document& document) {
  std::string text;
  if (const auto* object = document.if_object()) {
    std::map<std::string, const Document*> members;
    for (const auto& member : *object) members[std::string(member.key())] = &member.value();
    for (const auto& [name, value] : members) {
      text += (text.empty() ? "" : ",") + name + ":" + text_of(*value);
    }
    return "{" + text + "}";
  }
  if (const auto* array = document.if_array()) {
    for (const auto& element : *array) text += (text.empty() ? "" : ",") + text_of(element);
    return "[" + text + "]";
  }
  return to_json(document);
}

struct Case {
  const char* name;
  std::string_view type, document, patch, expected;
};

void check(std::span<const Case> cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string expected = c.expected.starts_with("error: ")
                                     ? std::string(c.expected)
                                     : text_of(*parse_json(c.expected));
    EXPECT_EQ(patched(c.type, c.document, c.patch), expected);
  }
}

TEST(StrategicMerge, MergesListsByTheirKeys) {
  const Case cases[] = {
      {"an element is merged, another added in front as the patch orders", "core/v1.PodSpec",
       R"({"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]})",
       R"({"containers":[{"name":"c","image":"3"},{"name":"b","image":"4","tty":true}]})",
       R"({"containers":[{"name":"c","image":"3"},{"name":"a","image":"1"},
                         {"name":"b","image":"4","tty":true}]})"},
      {"merge keys inside nested types", "apps/v1.DeploymentSpec",
       R"({"template":{"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"}]}]}}})",
       R"({"template":{"spec":{"containers":[{"name":"a","env":[{"name":"Y","value":"2"}]}]}}})",
       R"({"template":{"spec":{"containers":[
            {"name":"a","env":[{"name":"Y","value":"2"},{"name":"X","value":"1"}]}]}}})"},
      {"keys that are numbers", "core/v1.ServiceSpec",
       R"({"ports":[{"port":80,"nodePort":1},{"port":443}]})",
       R"({"ports":[{"port":443,"name":"tls"}]})",
       R"({"ports":[{"port":80,"nodePort":1},{"port":443,"name":"tls"}]})"},
      {"atomic lists are replaced", "core/v1.Container", R"({"args":["a","b"]})",
       R"({"args":["c"]})", R"({"args":["c"]})"},
      {"lists without a strategy are replaced", "core/v1.PodSpec",
       R"({"tolerations":[{"key":"a"}]})", R"({"tolerations":[{"key":"b"}]})",
       R"({"tolerations":[{"key":"b"}]})"},
      {"lists of scalars are united", "meta/v1.ObjectMeta", R"({"finalizers":["a","b"]})",
       R"({"finalizers":["c","a"]})", R"({"finalizers":["c","a","b"]})"},
      {"maps are merged, null removes", "meta/v1.ObjectMeta", R"({"labels":{"a":"1","b":"2"}})",
       R"({"labels":{"a":null,"c":"3"}})", R"({"labels":{"b":"2","c":"3"}})"},
      {"null removes a list", "core/v1.PodSpec", R"({"volumes":[{"name":"a"}],"nodeName":"n"})",
       R"({"volumes":null,"hostname":null})", R"({"nodeName":"n"})"},
      {"null in what is new is nothing", "core/v1.PodSpec", R"({})",
       R"({"securityContext":{"runAsUser":1,"runAsGroup":null}})",
       R"({"securityContext":{"runAsUser":1}})"},
      {"kind and apiVersion", "core/v1.Pod", R"({"kind":"Pod","apiVersion":"v1"})",
       R"({"kind":"Pod","apiVersion":"v1","spec":{"nodeName":"n"}})",
       R"({"kind":"Pod","apiVersion":"v1","spec":{"nodeName":"n"}})"},
      {"a budget's selector is replaced", "policy/v1.PodDisruptionBudgetSpec",
       R"({"selector":{"matchLabels":{"a":"1"}}})", R"({"selector":{"matchLabels":{"b":"2"}}})",
       R"({"selector":{"matchLabels":{"b":"2"}}})"},
      {"a deployment's selector is merged", "apps/v1.DeploymentSpec",
       R"({"selector":{"matchLabels":{"a":"1"}}})", R"({"selector":{"matchLabels":{"b":"2"}}})",
       R"({"selector":{"matchLabels":{"a":"1","b":"2"}}})"},
      {"what the tables do not describe is merged plainly", "apps/v1.ControllerRevision",
       R"({"data":{"spec":{"a":1,"l":[1]}}})", R"({"data":{"spec":{"b":2,"l":[2]}}})",
       R"({"data":{"spec":{"a":1,"b":2,"l":[2]}}})"},
      {"a value changes its type", "core/v1.ServicePort", R"({"targetPort":80})",
       R"({"targetPort":"http"})", R"({"targetPort":"http"})"},
  };
  check(cases);
}

TEST(StrategicMerge, ObeysDirectives) {
  const Case cases[] = {
      {"an element is deleted", "core/v1.PodSpec", R"({"containers":[{"name":"a"},{"name":"b"}]})",
       R"({"containers":[{"name":"a","$patch":"delete"}]})", R"({"containers":[{"name":"b"}]})"},
      {"deleting what is not there", "core/v1.PodSpec", R"({"containers":[{"name":"b"}]})",
       R"({"containers":[{"name":"a","$patch":"delete"}]})", R"({"containers":[{"name":"b"}]})"},
      {"deleting from a list that is not there", "core/v1.PodSpec", R"({})",
       R"({"volumes":[{"name":"a","$patch":"delete"}]})", R"({"volumes":[]})"},
      {"a list is replaced", "core/v1.PodSpec", R"({"containers":[{"name":"a"},{"name":"b"}]})",
       R"({"containers":[{"$patch":"replace"},{"name":"c"}]})", R"({"containers":[{"name":"c"}]})"},
      {"an object is replaced", "core/v1.PodSpec",
       R"({"securityContext":{"runAsUser":1,"fsGroup":2}})",
       R"({"securityContext":{"$patch":"replace","runAsUser":3}})",
       R"({"securityContext":{"runAsUser":3}})"},
      {"an object is emptied", "core/v1.PodSpec", R"({"securityContext":{"runAsUser":1}})",
       R"({"securityContext":{"$patch":"delete"}})", R"({"securityContext":{}})"},
      {"scalars are deleted", "meta/v1.ObjectMeta", R"({"finalizers":["a","b","c"]})",
       R"({"$deleteFromPrimitiveList/finalizers":["a","c"]})", R"({"finalizers":["b"]})"},
      {"scalars are deleted and added", "meta/v1.ObjectMeta", R"({"finalizers":["a","b"]})",
       R"({"$deleteFromPrimitiveList/finalizers":["a"],"finalizers":["c"]})",
       R"({"finalizers":["c","b"]})"},
      {"scalars deleted from a list that is not there", "meta/v1.ObjectMeta", R"({"name":"n"})",
       R"({"$deleteFromPrimitiveList/finalizers":["a"]})", R"({"name":"n"})"},
      {"the order is set", "core/v1.PodSpec",
       R"({"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]})",
       R"({"$setElementOrder/containers":[{"name":"c"},{"name":"a"},{"name":"b"}]})",
       R"({"containers":[{"name":"c"},{"name":"a"},{"name":"b"}]})"},
      {"the order is set around an element that only the server has", "core/v1.PodSpec",
       R"({"containers":[{"name":"a"},{"name":"sidecar"},{"name":"b"}]})",
       R"({"$setElementOrder/containers":[{"name":"a"},{"name":"new"},{"name":"b"}],
           "containers":[{"name":"new","image":"i"}]})",
       R"({"containers":[{"name":"a"},{"name":"new","image":"i"},{"name":"sidecar"},{"name":"b"}]})"},
      {"the order of scalars", "meta/v1.ObjectMeta", R"({"finalizers":["a","b"]})",
       R"({"$setElementOrder/finalizers":["c","b","a"],"finalizers":["c"]})",
       R"({"finalizers":["c","b","a"]})"},
      {"the order with deletions", "core/v1.PodSpec",
       R"({"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]})",
       R"({"$setElementOrder/containers":[{"name":"c"},{"name":"b"}],
           "containers":[{"name":"c","image":"x"},{"name":"a","$patch":"delete"}]})",
       R"({"containers":[{"name":"c","image":"x"},{"name":"b"}]})"},
      {"the order of a new list", "core/v1.PodSpec", R"({})",
       R"({"$setElementOrder/containers":[{"name":"a"},{"name":"b"}],
           "containers":[{"name":"a"},{"name":"b"}]})",
       R"({"containers":[{"name":"a"},{"name":"b"}]})"},
      {"the order of nothing", "core/v1.PodSpec", R"({"nodeName":"n"})",
       R"({"$setElementOrder/volumes":[{"name":"a"}]})", R"({"nodeName":"n"})"},
      {"keys are retained", "apps/v1.DeploymentSpec",
       R"({"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}})",
       R"({"strategy":{"$retainKeys":["type"],"type":"Recreate"}})",
       R"({"strategy":{"type":"Recreate"}})"},
      {"keys are retained in an element", "core/v1.PodSpec",
       R"({"volumes":[{"name":"a","emptyDir":{}}]})",
       R"({"volumes":[{"$retainKeys":["name","hostPath"],"name":"a","hostPath":{"path":"/"}}]})",
       R"({"volumes":[{"name":"a","hostPath":{"path":"/"}}]})"},
      {"directives in what is new do not stay", "apps/v1.DeploymentSpec", R"({})",
       R"({"strategy":{"$retainKeys":["type"],"type":"Recreate"}})",
       R"({"strategy":{"type":"Recreate"}})"},
      {"as kubectl sends an image change", "apps/v1.Deployment",
       R"({"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:1","ports":[
           {"containerPort":80,"protocol":"TCP"}]}]}}}})",
       R"({"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"web"}],
           "containers":[{"name":"web","image":"web:2"}]}}}})",
       R"({"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:2","ports":[
           {"containerPort":80,"protocol":"TCP"}]}]}}}})"},
  };
  check(cases);
}

TEST(StrategicMerge, RefusesInUpstreamsWords) {
  const Case cases[] = {
      {"no merge key", "core/v1.PodSpec", R"({"containers":[{"name":"a"}]})",
       R"({"containers":[{"image":"x"}]})",
       "error: map: map[image:x] does not contain declared merge key: name"},
      {"no merge key to delete", "core/v1.PodSpec", R"({"containers":[{"name":"a"}]})",
       R"({"containers":[{"$patch":"delete"}]})",
       "error: map: map[$patch:delete] does not contain declared merge key: name"},
      {"unknown directive", "core/v1.PodSpec", R"({"securityContext":{}})",
       R"({"securityContext":{"$patch":"spin"}})",
       "error: unknown patch type: spin in map: map[$patch:spin]"},
      {"merging cannot be said of an element", "core/v1.PodSpec",
       R"({"containers":[{"name":"a"}]})", R"({"containers":[{"name":"a","$patch":"merge"}]})",
       "error: merging lists cannot yet be specified in the patch"},
      {"lists of lists", "meta/v1.ObjectMeta", R"({"finalizers":["a"]})",
       R"({"finalizers":[["b"]]})", "error: list element types are not identical: [[a] [[b]]]"},
      {"lists of lists throughout", "meta/v1.ObjectMeta", R"({"finalizers":[]})",
       R"({"finalizers":[["b"]]})",
       "error: the server rejected our request due to an error in our request"},
      {"mixed elements", "core/v1.PodSpec", R"({"containers":[{"name":"a"}]})",
       R"({"containers":["b"]})",
       "error: list element types are not identical: [[map[name:a]] [b]]"},
      {"no such field", "core/v1.PodSpec", R"({"nope":{"a":1}})", R"({"nope":{"a":2}})",
       "error: unable to find api field in struct PodSpec for the json field \"nope\""},
      {"retainKeys is no list", "apps/v1.DeploymentSpec", R"({"strategy":{"type":"a"}})",
       R"({"strategy":{"$retainKeys":"type"}})", "error: invalid patch format of retainKeys"},
      {"a key is set but not retained", "apps/v1.DeploymentSpec", R"({"strategy":{"type":"a"}})",
       R"({"strategy":{"$retainKeys":["type"],"rollingUpdate":{}}})",
       "error: invalid patch format of retainKeys"},
      {"the order does not match", "core/v1.PodSpec", R"({"containers":[{"name":"a"}]})",
       R"({"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"b"}]})",
       "error: The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder "
       "list:\n[map[name:a]]\n"},
      {"a bad directive", "core/v1.PodSpec", "{}", R"({"$setElementOrder":[]})",
       "error: invalid patch format of setElementOrder list"},
      {"another", "core/v1.PodSpec", "{}", R"({"$deleteFromPrimitiveList":[]})",
       "error: invalid patch format of primitive list"},
      {"no object", "core/v1.PodSpec", "{}", "[]", "error: invalid JSON document"},
  };
  check(cases);
}

TEST(StrategicMerge, AnswersWithUpstreamsCodes) {
  const Type& type = *find_type("core/v1.PodSpec");
  const auto code = [&](std::string_view patch) {
    return apply_strategic_merge_patch(*parse_json(R"({"containers":[{"name":"a"}]})"),
                                       *parse_json(patch), type)
        .error()
        .code();
  };
  EXPECT_EQ(code(R"({"containers":[{"image":"x"}]})"), 500);
  EXPECT_EQ(code(R"({"$retainKeys":1})"), 400);
}

}  // namespace
}  // namespace keelson::api
