// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kMaps = "/api/v1/namespaces/default/configmaps";

std::string version_of(const Answer& answer) {
  return std::string(answer.text({"metadata", "resourceVersion"}));
}

TEST(Create, SetsWhatOnlyTheServerMaySet) {
  TestCluster cluster;

  const auto answer = cluster.post(kMaps, config_map("a", "\"k\":\"v\"", ",\"uid\":\"mine\""));

  EXPECT_EQ(answer.code, 201);
  EXPECT_EQ(answer.text({"kind"}), "ConfigMap");
  EXPECT_EQ(answer.text({"metadata", "namespace"}), "default");
  EXPECT_EQ(answer.text({"metadata", "uid"}).size(), 36u);
  EXPECT_EQ(answer.text({"metadata", "creationTimestamp"}), "2023-11-14T22:13:20Z");
  EXPECT_FALSE(version_of(answer).empty());
  EXPECT_EQ(cluster.get(kMaps + "/a").body, answer.body);
}

TEST(Create, MakesANameFromGenerateName) {
  TestCluster cluster;

  const auto answer = cluster.post(
      kMaps, R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"web-"}})");

  EXPECT_EQ(answer.code, 201);
  EXPECT_EQ(answer.text({"metadata", "name"}).size(), 9u);
  EXPECT_TRUE(answer.text({"metadata", "name"}).starts_with("web-"));
}

TEST(Create, CountsGenerationsWhereTheKindHasThem) {
  TestCluster cluster;
  const std::string deployments = "/apis/apps/v1/namespaces/default/deployments";
  const std::string body =
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":1,)"
      R"("selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},)"
      R"("spec":{"containers":[{"name":"c","image":"i"}]}}},"status":{"replicas":7}})";

  const auto created = cluster.post(deployments, body);

  ASSERT_EQ(created.code, 201) << created.body;
  EXPECT_EQ(created.json.at("metadata").at("generation"), api::Document(1));
  EXPECT_EQ(api::find_at(created.json, {"status", "replicas"}), nullptr);

  const auto labelled = cluster.patch(deployments + "/d", R"({"metadata":{"labels":{"x":"y"}}})");
  EXPECT_EQ(labelled.json.at("metadata").at("generation"), api::Document(1));
  const auto scaled = cluster.patch(deployments + "/d", R"({"spec":{"replicas":3}})");
  EXPECT_EQ(scaled.json.at("metadata").at("generation"), api::Document(2));
  // A deployment's annotations are its replica sets' too, unless its controller writes them.
  const std::string annotations = R"({"metadata":{"annotations":{"x":"y"}}})";
  const auto noted = cluster.patch(deployments + "/d/status", annotations);
  EXPECT_EQ(noted.text({"metadata", "annotations", "x"}), "y");
  EXPECT_EQ(noted.json.at("metadata").at("generation"), api::Document(2));
  const auto annotated =
      cluster.patch(deployments + "/d", R"({"metadata":{"annotations":{"x":"z"}}})");
  EXPECT_EQ(annotated.json.at("metadata").at("generation"), api::Document(3));
}

TEST(Create, RefusesBadInputInUpstreamsWords) {
  struct Case {
    std::string name, target, body;
    int code;
    std::string message;
  };
  const Case cases[] = {
      {"exists", kMaps, config_map("taken"), 409, "configmaps \"taken\" already exists"},
      {"no name", kMaps, R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{}})", 422,
       "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is "
       "required"},
      {"bad name", kMaps, config_map("Bad_Name"), 422,
       "ConfigMap \"Bad_Name\" is invalid: "
       "metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of "
       "lower case alphanumeric characters, '-' or '.', and must start and end with an "
       "alphanumeric "
       "character (e.g. 'example.com', regex used for validation is "
       "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"},
      {"another namespace", kMaps, config_map("a", "", ",\"namespace\":\"other\""), 400,
       "the namespace of the provided object does not match the namespace sent on the request"},
      {"another version", kMaps,
       R"({"apiVersion":"v2","kind":"ConfigMap","metadata":{"name":"a"}})", 400,
       "the API version in the data (v2) does not match the expected API version (v1)"},
      {"another kind", kMaps, R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}})",
       400,
       "Service in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Service) to "
       "(core.ConfigMap): unknown conversion"},
      {"resource version", kMaps, config_map("a", "", ",\"resourceVersion\":\"5\""), 500,
       "resourceVersion should not be set on objects to be created"},
      {"strict", kMaps + "?fieldValidation=Strict",
       R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"foo":1})", 400,
       "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: "
       "unknown field \"foo\""},
  };
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("taken")).code, 201);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto answer = cluster.post(c.target, c.body);
    EXPECT_EQ(answer.code, c.code);
    EXPECT_EQ(answer.text({"kind"}), "Status");
    EXPECT_EQ(answer.text({"message"}), c.message);
  }
}

TEST(Create, WarnsOfUnknownAndDuplicateFields) {
  TestCluster cluster;

  const auto answer = cluster.post(
      kMaps,
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","foo":1},"data":{},"data":{}})");

  EXPECT_EQ(answer.code, 201);
  const auto warnings = answer.headers.all("Warning");
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_EQ(warnings[0], "299 - \"unknown field \\\"metadata.foo\\\"\"");
  EXPECT_EQ(warnings[1], "299 - \"duplicate field \\\"data\\\"\"");
}

TEST(Create, KeepsNothingOnADryRun) {
  TestCluster cluster;

  const auto answer = cluster.post(kMaps + "?dryRun=All", config_map("a"));

  EXPECT_EQ(answer.code, 201);
  EXPECT_EQ(answer.text({"metadata", "name"}), "a");
  EXPECT_EQ(cluster.get(kMaps + "/a").code, 404);
}

TEST(Get, SaysWhatIsMissing) {
  TestCluster cluster;

  const auto answer = cluster.get(kMaps + "/none");

  EXPECT_EQ(answer.code, 404);
  EXPECT_EQ(answer.body,
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
            "\"message\":\"configmaps \\\"none\\\" not found\",\"reason\":\"NotFound\","
            "\"details\":{\"name\":\"none\",\"kind\":\"configmaps\"},\"code\":404}");
}

TEST(Update, RefusesToOverwriteWhatItHasNotSeen) {
  TestCluster cluster;
  const std::string old = version_of(cluster.post(kMaps, config_map("a")));
  const auto changed = cluster.put(
      kMaps + "/a", config_map("a", "\"k\":\"2\"", ",\"resourceVersion\":\"" + old + "\""));
  ASSERT_EQ(changed.code, 200) << changed.body;

  const auto answer = cluster.put(
      kMaps + "/a", config_map("a", "\"k\":\"3\"", ",\"resourceVersion\":\"" + old + "\""));

  EXPECT_EQ(answer.code, 409);
  EXPECT_EQ(
      answer.text({"message"}),
      "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please "
      "apply your changes to the latest version and try again");
  EXPECT_EQ(cluster.get(kMaps + "/a").text({"data", "k"}), "2");
}

TEST(Update, KeepsIdentityAndWritesNothingWhenNothingChanges) {
  TestCluster cluster;
  const auto created = cluster.post(kMaps, config_map("a"));

  const auto same = cluster.put(kMaps + "/a", config_map("a"));

  EXPECT_EQ(same.code, 200);
  EXPECT_EQ(same.body, created.body);
}

TEST(Update, RefusesAnotherNameUidOrObject) {
  struct Case {
    std::string name, target, body;
    int code;
    std::string message;
  };
  const Case cases[] = {
      {"name", kMaps + "/a", config_map("b"), 400,
       "the name of the object (b) does not match the name on the URL (a)"},
      {"missing", kMaps + "/z", config_map("z"), 404, "configmaps \"z\" not found"},
  };
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto answer = cluster.put(c.target, c.body);
    EXPECT_EQ(answer.code, c.code);
    EXPECT_EQ(answer.text({"message"}), c.message);
  }
}

TEST(Patch, AppliesEachKind) {
  struct Case {
    std::string type, patch, expected;
  };
  const Case cases[] = {
      {"merge-patch", R"({"data":{"k":"merged"}})", "merged"},
      {"json-patch", R"([{"op":"replace","path":"/data/k","value":"json"}])", "json"},
      {"strategic-merge-patch", R"({"data":{"k":"strategic"}})", "strategic"},
  };
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.type);
    const auto answer = cluster.patch(kMaps + "/a", c.patch, c.type);
    EXPECT_EQ(answer.code, 200) << answer.body;
    EXPECT_EQ(answer.text({"data", "k"}), c.expected);
  }
  const auto unknown = cluster.patch(kMaps + "/a", "{}", "strange");
  EXPECT_EQ(unknown.code, 415);
  EXPECT_EQ(unknown.text({"reason"}), "UnsupportedMediaType");
}

TEST(Delete, AnswersWithWhatIsGone) {
  TestCluster cluster;
  const auto created = cluster.post(kMaps, config_map("a"));

  const auto answer = cluster.remove(kMaps + "/a");

  EXPECT_EQ(answer.code, 200);
  EXPECT_EQ(answer.text({"status"}), "Success");
  EXPECT_EQ(answer.text({"details", "kind"}), "configmaps");
  EXPECT_EQ(answer.text({"details", "uid"}), created.text({"metadata", "uid"}));
  EXPECT_EQ(cluster.get(kMaps + "/a").code, 404);
}

TEST(Delete, HoldsToPreconditions) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);

  const auto answer = cluster.remove(kMaps + "/a", R"({"preconditions":{"uid":"other"}})");

  EXPECT_EQ(answer.code, 409);
  EXPECT_EQ(cluster.get(kMaps + "/a").code, 200);
}

TEST(Delete, WaitsForFinalizers) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a", "", ",\"finalizers\":[\"example.com/x\"]")).code,
            201);

  const auto first = cluster.remove(kMaps + "/a");
  EXPECT_EQ(first.code, 200);
  EXPECT_EQ(first.text({"metadata", "deletionTimestamp"}), "2023-11-14T22:13:20Z");
  EXPECT_EQ(cluster.get(kMaps + "/a").code, 200);

  const auto added = cluster.patch(
      kMaps + "/a", R"({"metadata":{"finalizers":["example.com/x","example.com/y"]}})");
  EXPECT_EQ(added.code, 422);
  const auto released = cluster.patch(kMaps + "/a", R"({"metadata":{"finalizers":null}})");
  EXPECT_EQ(released.code, 200) << released.body;
  EXPECT_EQ(cluster.get(kMaps + "/a").code, 404);
}

TEST(Delete, LeavesDependentsToTheGarbageCollectorAsAsked) {
  struct Case {
    std::string policy, finalizer;
  };
  const Case cases[] = {{"Foreground", "foregroundDeletion"}, {"Orphan", "orphan"}};
  TestCluster cluster;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.policy);
    std::string name = c.policy == "Orphan" ? "orphan" : "foreground";
    ASSERT_EQ(cluster.post(kMaps, config_map(name)).code, 201);

    const auto answer =
        cluster.remove(kMaps + "/" + name, "{\"propagationPolicy\":\"" + c.policy + "\"}");

    EXPECT_EQ(answer.code, 200);
    EXPECT_EQ(answer.json.at("metadata").at("finalizers").at(0).as_string(), c.finalizer);
    EXPECT_EQ(cluster.get(kMaps + "/" + name).code, 200);
  }
}

TEST(DeleteCollection, RemovesWhatIsSelected) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a", "", ",\"labels\":{\"x\":\"1\"}")).code, 201);
  ASSERT_EQ(cluster.post(kMaps, config_map("b")).code, 201);

  const auto answer = cluster.remove(kMaps + "?labelSelector=x%3D1");

  EXPECT_EQ(answer.code, 200);
  EXPECT_EQ(answer.text({"kind"}), "ConfigMapList");
  EXPECT_EQ(cluster.get(kMaps + "/a").code, 404);
  EXPECT_EQ(cluster.get(kMaps + "/b").code, 200);
}

}  // namespace
}  // namespace keelson::apiserver
