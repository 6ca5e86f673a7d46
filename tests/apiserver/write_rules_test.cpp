// SPDX-License-Identifier: Apache-2.0
// What holds for writes of every kind: metadata, options, preconditions, graceful deletion.
#include <gtest/gtest.h>

#include "cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kMaps = "/api/v1/namespaces/default/configmaps";
const std::string kPods = "/api/v1/namespaces/default/pods";
const std::string kLeases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const std::string kEvents = "/apis/events.k8s.io/v1/namespaces/default/events";

std::string map_with(const std::string& metadata) {
  return config_map("a", "\"k\":\"v\"", "," + metadata);
}

std::string pod(const std::string& name, const std::string& spec = "") {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
         R"("},"spec":{"containers":[{"name":"c","image":"i"}])" + spec + "}}";
}

std::string uid_of(const Answer& answer) { return std::string(answer.text({"metadata", "uid"})); }

TEST(Metadata, OfNewObjectsIsHeldToUpstreamsRules) {
  const std::string owner = R"("apiVersion":"v1","kind":"Pod","name":"p","uid":"u")";
  struct Case {
    std::string metadata, message;
  };
  const Case cases[] = {
      {R"("finalizers":["mine"])",
       "metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name "
       "nor is it fully qualified"},
      {R"("finalizers":["orphan","foregroundDeletion"])",
       "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan "
       "and foregroundDeletion cannot be both set"},
      {R"("ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":""}])",
       "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty"},
      {R"("ownerReferences":[{)" + owner + R"(,"controller":true},{)" + owner +
           R"(,"controller":true}])",
       "metadata.ownerReferences: Invalid value: [{\"apiVersion\":\"v1\",\"controller\":true,"
       "\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"u\"},{\"apiVersion\":\"v1\",\"controller\":true,"
       "\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"u\"}]: Only one reference can have Controller "
       "set "
       "to true. Found \"true\" in references for Pod/p and Pod/p"},
      {R"("ownerReferences":[{"apiVersion":"v1","kind":"Event","name":"p","uid":"u"}])",
       "metadata.ownerReferences: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\","
       "\"name\":\"p\",\"uid\":\"u\"}: /v1, Kind=Event is disallowed from being an owner"},
      {R"("annotations":{"a":")" + std::string(256 * 1024, 'x') + "\"}",
       "metadata.annotations: Too long: may not be more than 262144 bytes"},
      {R"("labels":{"a":"b c"})",
       "metadata.labels: Invalid value: \"b c\": a valid label must be an empty string or consist "
       "of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
       "character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
       "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"},
  };
  TestCluster cluster;
  for (const auto& c : cases) {
    const auto answer = cluster.post(kMaps, map_with(c.metadata));
    EXPECT_EQ(answer.code, 422);
    EXPECT_EQ(answer.text({"message"}), "ConfigMap \"a\" is invalid: " + c.message);
  }
}

TEST(Metadata, ThatOnlyTheServerSetsIsIgnoredOrRefusedInUpdates) {
  TestCluster cluster;
  const auto created = cluster.post(kMaps, config_map("a"));
  struct Case {
    std::string metadata;
    int code;
    std::string message;
  };
  const Case cases[] = {
      {R"("creationTimestamp":"2001-01-01T00:00:00Z","generation":7,"selfLink":"/x",)"
       R"("managedFields":[{"manager":"m","operation":"Update"}])",
       200, ""},
      {R"("deletionTimestamp":"2001-01-01T00:00:00Z")", 422,
       "ConfigMap \"a\" is invalid: metadata.deletionTimestamp: Invalid value: "
       "\"2001-01-01T00:00:00Z\": field is immutable"},
      {R"("deletionGracePeriodSeconds":5)", 422,
       "ConfigMap \"a\" is invalid: metadata.deletionGracePeriodSeconds: Invalid value: 5: field "
       "is immutable"},
      {R"("uid":"other")", 409,
       "Operation cannot be fulfilled on configmaps \"a\": StorageError: invalid object, Code: 4, "
       "Key: /registry/configmaps/default/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition "
       "failed: UID in precondition: other, UID in object meta: " +
           uid_of(created)},
      {R"("namespace":"other")", 400,
       "the namespace of the provided object does not match the namespace sent on the request"},
      {R"("resourceVersion":"x")", 400,
       "Invalid resource version: resourceVersion: Invalid value: \"x\": strconv.ParseUint: "
       "parsing \"x\": invalid syntax"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.metadata);
    const auto answer = cluster.put(kMaps + "/a", map_with(c.metadata));
    EXPECT_EQ(answer.code, c.code) << answer.body;
    EXPECT_EQ(answer.text({"message"}), c.message);
  }
  EXPECT_EQ(cluster.get(kMaps + "/a").body, created.body);
}

TEST(Update, AsksForTheName) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);

  const auto answer =
      cluster.put(kMaps + "/a", R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{}})");

  EXPECT_EQ(answer.code, 400);
  EXPECT_EQ(answer.text({"message"}),
            "the name of the object (a based on URL) was undeterminable: name must be provided");
}

TEST(Update, AsksForTheVersionWhereTheKindNeedsIt) {
  const std::string lease =
      R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l"},"spec":{"leaseDurationSeconds":5}})";
  TestCluster cluster;
  ASSERT_EQ(cluster.put(kLeases + "/l", lease).code, 201);

  const auto answer = cluster.put(kLeases + "/l", lease);

  EXPECT_EQ(answer.code, 422);
  EXPECT_EQ(answer.text({"message"}),
            "leases.coordination.k8s.io \"l\" is invalid: metadata.resourceVersion: Invalid value: "
            "0: must be specified for an update");
  EXPECT_EQ(cluster.put(kMaps + "/none", config_map("none")).code, 404);
}

TEST(Create, SaysThatTheNameIsOfSomethingThatGoes) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, map_with(R"("finalizers":["example.com/x"])")).code, 201);
  ASSERT_EQ(cluster.remove(kMaps + "/a").code, 200);

  const auto answer = cluster.post(kMaps, config_map("a"));

  EXPECT_EQ(answer.code, 409);
  EXPECT_EQ(answer.text({"reason"}), "AlreadyExists");
  EXPECT_EQ(answer.text({"message"}), "object is being deleted: configmaps \"a\" already exists");
}

// Counts up, or stands still: then every generated name is the same.
class StubbornRandom final : public Random {
 public:
  std::uint64_t next() override { return stuck ? 4 : ++count_; }
  bool stuck = false;

 private:
  std::uint64_t count_ = 100;
};

TEST(Create, GivesUpOnNamesThatAreAllTaken) {
  const std::string body =
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"web-"}})";
  StubbornRandom random;
  TestCluster cluster([&](ApiServerOptions& options) { options.random = &random; });
  random.stuck = true;
  const auto first = cluster.post(kMaps, body);
  ASSERT_EQ(first.code, 201) << first.body;

  const auto second = cluster.post(kMaps, body);

  EXPECT_EQ(second.code, 409);
  EXPECT_EQ(second.text({"reason"}), "AlreadyExists");
  EXPECT_EQ(second.text({"message"}),
            "configmaps \"" + std::string(first.text({"metadata", "name"})) +
                "\" already exists, the server was not able to generate a unique name for the "
                "object");
  EXPECT_EQ(second.json.at("details").at("retryAfterSeconds"), api::Document(1));
}

TEST(Create, AcceptsAZeroResourceVersion) {
  TestCluster cluster;
  EXPECT_EQ(cluster.post(kMaps, map_with(R"("resourceVersion":"0")")).code, 201);
}

TEST(Create, KeepsWhatANodeSaysOfItself) {
  TestCluster cluster;

  const auto node = cluster.post(
      "/api/v1/nodes",
      R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n"},"status":{"capacity":{"cpu":"2"}}})");

  ASSERT_EQ(node.code, 201) << node.body;
  EXPECT_EQ(node.text({"status", "capacity", "cpu"}), "2");
}

TEST(Create, IsStricterWithEventsOfTheNewerVersion) {
  const std::string rest =
      R"(,"metadata":{"name":"E.1"},"reason":"R","action":"A","reportingInstance":"i",)"
      R"("eventTime":"2024-01-01T00:00:00.000000Z","type":"Normal",)";
  TestCluster cluster;

  const auto older =
      cluster.post("/api/v1/namespaces/default/events",
                   R"({"apiVersion":"v1","kind":"Event")" + rest +
                       R"("reportingComponent":"c","involvedObject":{"namespace":"default"}})");
  const auto newer = cluster.post(
      kEvents, R"({"apiVersion":"events.k8s.io/v1","kind":"Event")" + rest +
                   R"("reportingController":"c","regarding":{"namespace":"default"}})");

  EXPECT_EQ(older.code, 201) << older.body;
  EXPECT_EQ(newer.code, 422);
  EXPECT_TRUE(newer.text({"message"})
                  .starts_with("Event \"E.1\" is invalid: metadata.name: Invalid value: \"E.1\""))
      << newer.body;
}

TEST(Options, AreRefusedInUpstreamsWords) {
  struct Case {
    std::string method, target, body, message;
  };
  const Case cases[] = {
      {"POST", kMaps + "?dryRun=Some", config_map("a"),
       "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: "
       "supported values: \"All\""},
      {"POST", kMaps + "?fieldValidation=Loose", config_map("a"),
       "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"Loose\": "
       "supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""},
      {"PUT", kMaps + "/a?fieldManager=" + std::string(129, 'm'), config_map("a"),
       "UpdateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than "
       "128 bytes"},
      {"DELETE", kMaps + "/a", R"({"propagationPolicy":"Sideways"})",
       "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: "
       "\"Sideways\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""},
      {"DELETE", kMaps + "/a", R"({"propagationPolicy":"Orphan","orphanDependents":true})",
       "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": "
       "orphanDependents and deletionPropagation cannot be both set"},
  };
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.target + " " + c.body);
    const auto answer = cluster.request(c.method, c.target, c.body);
    EXPECT_EQ(answer.code, 422);
    EXPECT_EQ(answer.text({"message"}), c.message);
  }
}

TEST(Options, OfADeletionAreThoseOfItsBodyAlone) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);

  const auto answer = cluster.remove(kMaps + "/a?propagationPolicy=Orphan",
                                     R"({"propagationPolicy":"Background"})");

  EXPECT_EQ(answer.code, 200);
  EXPECT_EQ(cluster.get(kMaps + "/a").code, 404);
}

TEST(DryRun, WritesNothing) {
  TestCluster cluster;
  const auto created = cluster.post(kMaps, config_map("a"));
  struct Case {
    std::string method, target, body;
  };
  const Case cases[] = {
      {"PUT", kMaps + "/a?dryRun=All", config_map("a", "\"k\":\"2\"")},
      {"PATCH", kMaps + "/a?dryRun=All", R"({"data":{"k":"3"}})"},
      {"DELETE", kMaps + "/a?dryRun=All", ""},
      {"DELETE", kMaps + "/a", R"({"dryRun":["All"]})"},
      {"DELETE", kMaps + "?dryRun=All", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.method + " " + c.target);
    const auto answer = c.method == "PATCH" ? cluster.patch(c.target, c.body)
                                            : cluster.request(c.method, c.target, c.body);
    EXPECT_EQ(answer.code, 200) << answer.body;
    EXPECT_EQ(cluster.get(kMaps + "/a").body, created.body);
  }
  EXPECT_EQ(cluster.post(kMaps + "?dryRun=All", config_map("a")).code, 409);
}

TEST(FieldValidation, IsAsStrictAsAsked) {
  const std::string patch = R"({"data":{"k":"w"},"foo":1})";
  struct Case {
    std::string mode;
    int code;
    std::size_t warnings;
  };
  const Case cases[] = {{"Ignore", 200, 0}, {"Warn", 200, 1}, {"Strict", 422, 0}};
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.mode);
    const auto answer = cluster.patch(kMaps + "/a?fieldValidation=" + c.mode, patch);
    EXPECT_EQ(answer.code, c.code) << answer.body;
    EXPECT_EQ(answer.headers.all("Warning").size(), c.warnings);
  }
  const auto strict =
      cluster.patch(kMaps + "/a?fieldValidation=Strict", patch, "strategic-merge-patch");
  EXPECT_EQ(strict.code, 422);
  EXPECT_EQ(strict.text({"message"}),
            " \"\" is invalid: patch: Invalid value: \"map[data:map[k:w] foo:1]\": strict decoding "
            "error: unknown field \"foo\"");
}

TEST(Preconditions, OfADeletionNameTheObject) {
  TestCluster cluster;
  const auto created = cluster.post(kMaps, config_map("a"));
  const std::string version(created.text({"metadata", "resourceVersion"}));

  const auto other = cluster.remove(kMaps + "/a", R"({"preconditions":{"uid":"other"}})");
  const auto older = cluster.remove(kMaps + "/a", R"({"preconditions":{"resourceVersion":"1"}})");
  const auto right =
      cluster.remove(kMaps + "/a", R"({"preconditions":{"uid":")" + uid_of(created) +
                                       R"(","resourceVersion":")" + version + "\"}}");

  EXPECT_EQ(other.code, 409);
  EXPECT_EQ(other.text({"message"}),
            "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (other) "
            "does not match the UID in record (" +
                uid_of(created) + "). The object might have been deleted and then recreated");
  EXPECT_EQ(older.code, 409);
  EXPECT_EQ(older.text({"message"}),
            "Operation cannot be fulfilled on ConfigMap \"a\": the ResourceVersion in the "
            "precondition (1) does not match the ResourceVersion in record (" +
                version + "). The object might have been modified");
  EXPECT_EQ(right.code, 200) << right.body;
}

class GracefulDeletion : public testing::Test {
 protected:
  GracefulDeletion() { EXPECT_EQ(cluster.post(kPods, pod("p", R"(,"nodeName":"n")")).code, 201); }
  Answer remove(const std::string& options) { return cluster.remove(kPods + "/p", options); }
  std::int64_t number(std::string_view member) {
    const auto answer = cluster.get(kPods + "/p");
    const auto* value = api::find_at(answer.json, {"metadata", member});
    return value == nullptr ? -1 : value->to_number<std::int64_t>();
  }
  std::string deleted_at() {
    return std::string(cluster.get(kPods + "/p").text({"metadata", "deletionTimestamp"}));
  }

  TestCluster cluster;
};

TEST_F(GracefulDeletion, WaitsAsLongAsThePodSays) {
  const auto answer = remove("");

  EXPECT_EQ(answer.code, 200);
  EXPECT_EQ(answer.text({"kind"}), "Pod");
  EXPECT_EQ(number("deletionGracePeriodSeconds"), 30);
  EXPECT_EQ(deleted_at(), "2023-11-14T22:13:50Z");
  EXPECT_EQ(number("generation"), 2);
}

TEST_F(GracefulDeletion, CanBeHastenedButNotDelayed) {
  remove(R"({"gracePeriodSeconds":20})");
  EXPECT_EQ(deleted_at(), "2023-11-14T22:13:40Z");

  remove(R"({"gracePeriodSeconds":25})");
  EXPECT_EQ(number("deletionGracePeriodSeconds"), 20);
  remove("");
  EXPECT_EQ(number("deletionGracePeriodSeconds"), 20);

  remove(R"({"gracePeriodSeconds":5})");
  EXPECT_EQ(number("deletionGracePeriodSeconds"), 5);
  // Counted from the first request.
  EXPECT_EQ(deleted_at(), "2023-11-14T22:13:25Z");
  EXPECT_EQ(number("generation"), 2);

  remove(R"({"gracePeriodSeconds":0})");
  EXPECT_EQ(cluster.get(kPods + "/p").code, 404);
}

TEST_F(GracefulDeletion, TakesNegativePeriodsForTheShortest) {
  remove(R"({"gracePeriodSeconds":-3})");
  EXPECT_EQ(number("deletionGracePeriodSeconds"), 1);
}

TEST(Deletion, OfAPodWithoutANodeIsAtOnce) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kPods, pod("p")).code, 201);
  EXPECT_EQ(cluster.remove(kPods + "/p").code, 200);
  EXPECT_EQ(cluster.get(kPods + "/p").code, 404);
}

TEST(Deletion, ThatWaitsCountsAsOneGeneration) {
  const std::string deployments = "/apis/apps/v1/namespaces/default/deployments";
  TestCluster cluster;
  ASSERT_EQ(
      cluster
          .post(
              deployments,
              R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","finalizers":["example.com/x"]},)"
              R"("spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},)"
              R"("spec":{"containers":[{"name":"c","image":"i"}]}}}})")
          .code,
      201);

  cluster.remove(deployments + "/d");
  const auto again = cluster.remove(deployments + "/d");

  EXPECT_EQ(again.code, 200);
  EXPECT_EQ(again.json.at("metadata").at("generation"), api::Document(2));
  EXPECT_EQ(again.json.at("metadata").at("deletionGracePeriodSeconds"), api::Document(0));
}

TEST(DeleteCollection, TakesFieldsToo) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);
  ASSERT_EQ(cluster.post(kMaps, config_map("b")).code, 201);

  const auto answer = cluster.remove(kMaps + "?fieldSelector=metadata.name%3Da");

  EXPECT_EQ(answer.code, 200);
  EXPECT_EQ(answer.json.at("items").as_array().size(), 1u);
  EXPECT_EQ(cluster.get(kMaps + "/a").code, 404);
  EXPECT_EQ(cluster.get(kMaps + "/b").code, 200);
}

TEST(Binding, IsOfThePodOfThePath) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kPods, pod("p")).code, 201);

  const auto answer = cluster.post(
      kPods + "/p/binding",
      R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":"q"},"target":{"kind":"Node","name":"n"}})");

  EXPECT_EQ(answer.code, 400);
  EXPECT_EQ(answer.text({"message"}), "name in URL does not match name in Binding object");
}

}  // namespace
}  // namespace keelson::apiserver
