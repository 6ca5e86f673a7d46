// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "given.h"

namespace keelson::apiserver::testing {
namespace {

// A patch that gives the Ingress one rule with one path.
std::string path(std::string_view members) {
  return R"({"spec":{"rules":[{"http":{"paths":[{)" + std::string(members) + "}]}}]}}";
}

constexpr std::string_view kBackend =
    R"("backend":{"service":{"name":"web","port":{"number":80}}})";

TEST(IngressValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "Ingress",
      {
          {R"({"spec":{"defaultBackend":null}})",
           {"spec: Invalid value: []: either `defaultBackend` or `rules` must be specified"}},
          {R"({"spec":{"defaultBackend":{"service":null}}})",
           {R"(spec.defaultBackend: Invalid value: "": resource or service backend is required)"}},
          {R"({"spec":{"defaultBackend":{"service":{"port":{"name":"http"}}}}})",
           {R"(spec.defaultBackend: Invalid value: "": cannot set both port name & port number)"}},
          {R"({"spec":{"defaultBackend":{"service":{"name":"","port":null}}}})",
           {"spec.defaultBackend.service.name: Required value",
            "spec.defaultBackend: Required value: port name or number is required"}},
          {R"({"spec":{"rules":[{"host":"1.2.3.4"}]}})",
           {R"(spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address)"}},
          {R"({"spec":{"rules":[{"host":"a.*.com"}]}})",
           {R"(spec.rules[0].host: Invalid value: "a.*.com": a wildcard DNS-1123 subdomain must )"
            "start with '*.', followed by a valid DNS subdomain, which must consist of lower case "
            "alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. "
            "'*.example.com', regex used for validation is "
            "'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"}},
          {R"({"spec":{"rules":[{"http":{"paths":[]}}]}})",
           {"spec.rules[0].http.paths: Required value"}},
      });
  struct Case {
    std::string_view members;
    Texts expected;  // Without "spec.rules[0].http.paths[0]." before each.
  };
  const Case table[] = {
      {R"("path":"/")", {"pathType: Required value: pathType must be specified"}},
      {R"("pathType":"Exact","path":"a")",
       {R"(path: Invalid value: "a": must be an absolute path)"}},
      {R"("pathType":"Prefix","path":"/a//b/..")",
       {R"(path: Invalid value: "/a//b/..": must not contain '//')",
        R"(path: Invalid value: "/a//b/..": cannot end with '/..')"}},
      {R"("pathType":"ImplementationSpecific","path":"")", {}},
      {R"("pathType":"Near","path":"/")",
       {R"(pathType: Unsupported value: "Near": supported values: "Exact", )"
        R"("ImplementationSpecific", "Prefix")"}},
  };
  for (const Case& c : table) {
    Texts expected;
    for (const auto& text : c.expected) expected.push_back("spec.rules[0].http.paths[0]." + text);
    const std::string patch = path(std::string(c.members) + "," + std::string(kBackend));
    EXPECT_EQ(validated(given("Ingress", patch)), expected) << c.members;
  }
}

TEST(IngressValidation, ComparesTheClassesOfNewOnes) {
  const auto both = given(
      "Ingress",
      R"({"metadata":{"annotations":{"kubernetes.io/ingress.class":"a"}},"spec":{"ingressClassName":"b"}})");
  EXPECT_EQ(validated_create(both),
            Texts{R"(annotations.kubernetes.io/ingress.class: Invalid value: "a": must match )"
                  "`ingressClassName` when both are specified"});
  EXPECT_EQ(validated_update(both, both), Texts());
}

TEST(IngressClassValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "IngressClass",
      {
          {R"({"spec":{"controller":""}})", {"spec.controller: Required value"}},
          {R"({"spec":{"controller":"me"}})",
           {R"(spec.controller: Invalid value: "me": must be a domain-prefixed path (such as )"
            R"("acme.io/foo"))"}},
          {R"({"spec":{"parameters":{"kind":"A","name":"b","scope":"Namespace"}}})",
           {"spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"}},
          {R"({"spec":{"parameters":{"kind":"A","name":"b","namespace":"c"}}})",
           {"spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"}},
      });
  EXPECT_EQ(validated_update(given("IngressClass", R"({"spec":{"controller":"example.com/b"}})"),
                             given("IngressClass")),
            Texts{R"(spec.controller: Invalid value: "example.com/b": field is immutable)"});
}

TEST(NetworkPolicyValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "NetworkPolicy",
      {
          {R"({"spec":{"ingress":[{"from":[{}]}]}})",
           {"spec.ingress[0].from[0]: Required value: must specify a peer"}},
          {R"({"spec":{"egress":[{"to":[{"podSelector":{},"ipBlock":{"cidr":"10.0.0.0/8"}}]}]}})",
           {"spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer"}},
          {R"({"spec":{"ingress":[{"from":[{"ipBlock":{"cidr":""}}]}]}})",
           {"spec.ingress[0].from[0].ipBlock.cidr: Required value"}},
          {R"({"spec":{"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.0.0.0/8","11.0.0.0/16"]}}]}]}})",
           {R"(spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a )"
            "strict subset of `cidr`",
            R"(spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a )"
            "strict subset of `cidr`"}},
          {R"({"spec":{"ingress":[{"ports":[{"port":80,"endPort":70}]}]}})",
           {"spec.ingress[0].ports[0].endPort: Invalid value: 70: must be greater than or equal to "
            "`port`"}},
          {R"({"spec":{"ingress":[{"ports":[{"port":"http","endPort":70}]}]}})",
           {"spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` "
            "is non-numeric"}},
          {R"({"spec":{"ingress":[{"ports":[{"endPort":70}]}]}})",
           {"spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` "
            "is not specified"}},
          {R"({"spec":{"policyTypes":["Ingress","Egress","Ingress"]}})",
           {R"(spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify )"
            "more than two policyTypes"}},
      });
}

}  // namespace
}  // namespace keelson::apiserver::testing
