// SPDX-License-Identifier: Apache-2.0
#include "apiserver/openapi/api_documents.h"

#include <gtest/gtest.h>

#include <string>

#include "api/codec/json.h"

namespace keelson::apiserver {
namespace {

constexpr std::string_view kProtobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

class ApiDocumentsTest : public ::testing::Test {
 protected:
  Result<net::HttpResponse> get(std::string target, net::Headers headers = {}) {
    net::HttpRequest request;
    request.target = target;
    request.headers = std::move(headers);
    return documents_.answer(request, net::parse_target(target).value());
  }
  std::string body(std::string target, net::Headers headers = {}) {
    auto response = get(std::move(target), std::move(headers));
    EXPECT_TRUE(response.has_value());
    return response ? response->body : std::string();
  }

  ApiDocuments documents_{{.version = "v1.36.2", .server_address = "10.0.0.1:6443"}};
};

TEST_F(ApiDocumentsTest, AnswersDiscoveryInTheFormAskedFor) {
  struct Case {
    std::string_view target, accept, type, begin;
  };
  const Case cases[] = {
      {"/api", "", "application/json", R"({"kind":"APIVersions")"},
      {"/api/", "*/*", "application/json", R"({"kind":"APIVersions")"},
      {"/apis", "application/json", "application/json", R"({"kind":"APIGroupList")"},
      {"/apis",
       "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
       "application/json",
       "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
       R"({"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2")"},
      {"/api",
       "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
       "application/json",
       "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
       R"({"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2beta1")"},
      {"/apis",
       "application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,"
       "application/json",
       "application/json", R"({"kind":"APIGroupList")"},
      {"/apis/apps", "", "application/json", R"({"kind":"APIGroup","apiVersion":"v1")"},
      {"/api/v1", "", "application/json", R"({"kind":"APIResourceList","groupVersion":"v1")"},
      {"/apis/apps/v1", "", "application/json", R"({"kind":"APIResourceList")"},
      {"/apis/apps/v1", "application/yaml", "application/yaml", "apiVersion: v1\n"},
      {"/apis/apps/v1", "application/cbor,application/json", "application/json",
       R"({"kind":"APIResourceList")"},
      {"/apis/apps/v1", "application/vnd.kubernetes.protobuf,application/json",
       "application/vnd.kubernetes.protobuf", std::string_view("k8s\0\n", 5)},
      {"/api/v1", "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf",
       std::string_view("k8s\0\n", 5)},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.target) + " " + std::string(c.accept));
    const auto response = get(std::string(c.target), {{"Accept", std::string(c.accept)}});
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(response->headers.get("Content-Type"), c.type);
    EXPECT_TRUE(response->body.starts_with(c.begin)) << response->body.substr(0, 100);
  }
}

TEST_F(ApiDocumentsTest, RefusesWhatItDoesNotHave) {
  for (const std::string_view target :
       {"/apis/none", "/apis/apps/v2", "/api/v2", "/openapi/v3/apis/none", "/apis/apps/v1/x"}) {
    const auto response = get(std::string(target));
    ASSERT_FALSE(response.has_value()) << target;
    EXPECT_TRUE(response.error().is(Reason::NotFound));
  }
  for (const std::string_view target : {"/apis", "/apis/apps", "/openapi/v2", "/openapi/v3"}) {
    const auto response = get(std::string(target), {{"Accept", "text/html"}});
    ASSERT_FALSE(response.has_value()) << target;
    EXPECT_TRUE(response.error().is(Reason::NotAcceptable));
  }
}

TEST_F(ApiDocumentsTest, SendsTheSameBytesOnceOnly) {
  const auto first = get("/apis/apps/v1");
  ASSERT_TRUE(first.has_value());
  const std::string tag(first->headers.get("ETag"));

  const auto second = get("/apis/apps/v1", {{"If-None-Match", tag}});
  const auto other = get("/apis/batch/v1", {{"If-None-Match", tag}});

  EXPECT_EQ(second->status, 304);
  EXPECT_TRUE(second->body.empty());
  EXPECT_EQ(other->status, 200);
}

TEST_F(ApiDocumentsTest, CompressesForThoseWhoTakeIt) {
  const auto plain = get("/api/v1");
  const auto packed = get("/api/v1", {{"Accept-Encoding", "gzip"}});

  EXPECT_FALSE(plain->headers.has("Content-Encoding"));
  EXPECT_TRUE(api::parse_json(plain->body).has_value());
  EXPECT_EQ(packed->headers.get("Content-Encoding"), "gzip");
  EXPECT_TRUE(packed->body.starts_with("\x1f\x8b"));
  EXPECT_LT(packed->body.size(), plain->body.size());
  EXPECT_EQ(packed->headers.get("ETag"), plain->headers.get("ETag"));
}

TEST_F(ApiDocumentsTest, GivesVersion2AsJsonOrProtobuf) {
  const auto json = get("/openapi/v2", {{"Accept", "application/json"}});
  const auto protobuf = get("/openapi/v2", {{"Accept", std::string(kProtobuf)}});

  EXPECT_EQ(json->headers.get("Content-Type"), "application/json");
  EXPECT_TRUE(json->body.starts_with(R"({"swagger":"2.0")"));
  EXPECT_EQ(protobuf->headers.get("Content-Type"),
            "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
  EXPECT_TRUE(
      protobuf->body.starts_with("\x0a\x03"
                                 "2.0"));
}

TEST_F(ApiDocumentsTest, IndexLeadsToDocumentsThatMayBeKeptForGood) {
  const api::Document index = api::parse_json(body("/openapi/v3")).value();
  const std::string url(api::string_at(index, {"paths", "apis/apps/v1", "serverRelativeURL"}));
  ASSERT_TRUE(url.starts_with("/openapi/v3/apis/apps/v1?hash=")) << url;

  const auto found = get(url);
  const auto outdated = get("/openapi/v3/apis/apps/v1?hash=00");

  EXPECT_EQ(found->status, 200);
  EXPECT_TRUE(found->headers.get("Cache-Control").starts_with("public, immutable"));
  EXPECT_EQ(outdated->status, 301);
  EXPECT_EQ(outdated->headers.get("Location"), url);
}

TEST_F(ApiDocumentsTest, ShowsCustomResourcesAsLongAsTheyAreThere) {
  // A version made at run time, whose tables live as long as it is shown.
  struct Custom {
    api::Field spec{.json = "size", .value = {.shape = api::Shape::Int32}, .omitempty = true};
    api::Type type{.name = "Widget",
                   .package = "example.com/v1",
                   .api_version = "example.com/v1",
                   .openapi_name = "com.example.v1.Widget",
                   .fields = {&spec, 1},
                   .root = true};
    api::Type list{.name = "WidgetList",
                   .package = "example.com/v1",
                   .api_version = "example.com/v1",
                   .openapi_name = "com.example.v1.WidgetList",
                   .root = true};
    const api::Type* types[2] = {&type, &list};
    std::string_view verbs[2] = {"get", "list"};
    api::Resource resource{.group = "example.com",
                           .version = "v1",
                           .kind = "Widget",
                           .list_kind = "WidgetList",
                           .plural = "widgets",
                           .singular = "widget",
                           .verbs = verbs,
                           .namespaced = true,
                           .type = &type};
    api::GroupVersion version{.ref = "example.com/v1",
                              .group = "example.com",
                              .version = "v1",
                              .group_priority = 1000,
                              .version_priority = 100,
                              .resources = {&resource, 1},
                              .types = types};
  };
  const auto custom = std::make_shared<Custom>();
  const std::string before = body("/apis");

  documents_.set_custom({std::shared_ptr<const api::GroupVersion>(custom, &custom->version)});

  EXPECT_NE(body("/apis").find(R"("name":"example.com")"), std::string::npos);
  EXPECT_NE(body("/apis/example.com/v1").find(R"("name":"widgets")"), std::string::npos);
  const api::Document spec = api::parse_json(body("/openapi/v3/apis/example.com/v1")).value();
  EXPECT_NE(
      api::find_at(spec, {"components", "schemas", "com.example.v1.Widget", "properties", "size"}),
      nullptr);
  EXPECT_NE(
      api::find_at(spec, {"paths", "/apis/example.com/v1/namespaces/{namespace}/widgets", "get"}),
      nullptr);
  documents_.set_custom({});
  EXPECT_EQ(body("/apis"), before);
}

}  // namespace
}  // namespace keelson::apiserver
