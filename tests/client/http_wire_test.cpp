// SPDX-License-Identifier: Apache-2.0
#include "client/http_wire.h"

#include <gtest/gtest.h>

#include "api/apps/v1.h"
#include "api/core/v1.h"

namespace keelson::client {
namespace {

TEST(HttpWire, PathsAreThoseOfTheApi) {
  const Resource& pods = api::resource_of<core::v1::Pod>();
  const Resource& nodes = api::resource_of<core::v1::Node>();
  const Resource& deployments = api::resource_of<apps::v1::Deployment>();

  EXPECT_EQ(resource_path(pods, "default", "web", "log"),
            "/api/v1/namespaces/default/pods/web/log");
  EXPECT_EQ(resource_path(pods, "", "", ""), "/api/v1/pods");
  EXPECT_EQ(resource_path(nodes, "ignored", "node-1", "status"), "/api/v1/nodes/node-1/status");
  EXPECT_EQ(resource_path(deployments, "default", "web", "scale"),
            "/apis/apps/v1/namespaces/default/deployments/web/scale");
  EXPECT_EQ(resource_path(pods, "default", "../nodes/x", ""),
            "/api/v1/namespaces/default/pods/..%2Fnodes%2Fx");
}

TEST(HttpWire, QueriesLeaveOutWhatIsNotSet) {
  EXPECT_EQ(query_of(ListOptions{}).text(), "");
  EXPECT_EQ(query_of(ListOptions{.label_selector = "app in (a,b)", .limit = 500}).text(),
            "?labelSelector=app%20in%20%28a%2Cb%29&limit=500");
  EXPECT_EQ(query_of(WatchOptions{.send_initial_events = true}).text(),
            "?watch=true&allowWatchBookmarks=true&sendInitialEvents=true"
            "&resourceVersionMatch=NotOlderThan");
  EXPECT_EQ(query_of(WriteOptions{.field_manager = "kubelet", .dry_run = true}).text(),
            "?dryRun=All&fieldManager=kubelet");
}

TEST(HttpWire, DeleteOptionsCarryWhatIsAskedFor) {
  DeleteOptions options;
  options.grace_period_seconds = 0;
  options.propagation = Propagation::Foreground;
  options.precondition_uid = "u-1";

  EXPECT_EQ(body_of(options), R"({"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0,)"
                              R"("propagationPolicy":"Foreground","preconditions":{"uid":"u-1"}})");
}

TEST(HttpWire, ErrorsKeepReasonCodeAndCauses) {
  const Status status = status_of_response(
      422, R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":"bad pod",)"
           R"("reason":"Invalid","code":422,"details":{"name":"web","kind":"Pod","causes":)"
           R"([{"reason":"FieldValueRequired","message":"needed","field":"spec.x"}]}})");

  EXPECT_TRUE(status.is(Reason::Invalid));
  EXPECT_EQ(status.code(), 422);
  EXPECT_EQ(status.message(), "bad pod");
  EXPECT_EQ(status.details().name, "web");
  ASSERT_EQ(status.details().causes.size(), 1u);
  EXPECT_EQ(status.details().causes[0].field, "spec.x");
}

TEST(HttpWire, AnswersThatAreNoStatusGoByTheirCode) {
  struct Case {
    int code;
    std::string_view body;
    Reason expected;
  };
  const Case cases[] = {
      {404, "404 page not found", Reason::NotFound},
      {401, "", Reason::Unauthorized},
      {503, "<html>bad gateway</html>", Reason::ServiceUnavailable},
      {429, "{}", Reason::TooManyRequests},
      {418, "[1]", Reason::Unknown},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.code);
    const Status status = status_of_response(c.code, c.body);
    EXPECT_EQ(status.reason(), c.expected);
    EXPECT_EQ(status.code(), c.code);
  }
}

TEST(HttpWire, ListItemsGetTheKindOfTheirResource) {
  const auto list = parse_list(
      api::resource_of<core::v1::Pod>(),
      R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"c"},)"
      R"( "items": [ {"metadata":{"name":"a","namespace":"default","resourceVersion":"3"}} ,)"
      R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"b"}}] })");

  ASSERT_TRUE(list);
  EXPECT_EQ(list->resource_version, "7");
  EXPECT_EQ(list->continue_, "c");
  ASSERT_EQ(list->items.size(), 2u);
  EXPECT_EQ(list->items[0]->kind(), "Pod");
  EXPECT_EQ(list->items[0]->api_version(), "v1");
  EXPECT_EQ(list->items[0]->key(), (ObjectKey{"default", "a"}));
  EXPECT_EQ(list->items[0]->resource_version(), 3);
  EXPECT_EQ(list->items[1]->json(), R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"b"}})");
}

TEST(HttpWire, EmptyListsAreLists) {
  const Resource& pods = api::resource_of<core::v1::Pod>();
  for (const auto text : {R"({"metadata":{"resourceVersion":"7"},"items":[]})",
                          R"({"metadata":{"resourceVersion":"7"},"items":null})",
                          R"({"metadata":{"resourceVersion":"7"}})"}) {
    const auto list = parse_list(pods, text);
    ASSERT_TRUE(list) << text;
    EXPECT_TRUE(list->items.empty());
    EXPECT_EQ(list->resource_version, "7");
  }
}

TEST(HttpWire, RefusesWhatIsNoList) {
  const Resource& pods = api::resource_of<core::v1::Pod>();
  for (const auto text :
       {"", "[]", "garbage", R"({"items":{}})", R"({"items":[1]})", R"({"items":[{}]})",
        R"({"items":[{"metadata":{}} {}]})", R"({"items":[{"metadata":{}})"}) {
    EXPECT_FALSE(parse_list(pods, text)) << text;
  }
}

TEST(HttpWire, WatchFramesAreEvents) {
  struct Case {
    std::string_view type;
    WatchEvent::Type expected;
  };
  const Case cases[] = {{"ADDED", WatchEvent::Type::Added},
                        {"MODIFIED", WatchEvent::Type::Modified},
                        {"DELETED", WatchEvent::Type::Deleted},
                        {"BOOKMARK", WatchEvent::Type::Bookmark}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.type);
    const auto event = parse_watch_frame(
        R"({"type":")" + std::string(c.type) +
        R"(","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"9"}}})");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->type, c.expected);
    EXPECT_FALSE(event->initial_events_end);
    EXPECT_EQ(event->object->resource_version(), 9);
  }
}

TEST(HttpWire, TheBookmarkAfterInitialEventsIsMarked) {
  const auto event = parse_watch_frame(
      R"({"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":)"
      R"({"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}})");

  ASSERT_TRUE(event);
  EXPECT_TRUE(event->initial_events_end);
}

TEST(HttpWire, ErrorFramesAreErrors) {
  const auto expired = parse_watch_frame(
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}})");
  ASSERT_FALSE(expired);
  EXPECT_TRUE(expired.error().is(Reason::Expired));

  // Old servers say Gone by the code alone.
  const auto gone = parse_watch_frame(
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})");
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().is(Reason::Gone));

  for (const auto text :
       {"", "{}", "nonsense", R"({"type":"ADDED"})", R"({"type":"OTHER","object":{"kind":"Pod"}})",
        R"({"type":"ERROR","object":{}})"}) {
    const auto broken = parse_watch_frame(text);
    ASSERT_FALSE(broken) << text;
    EXPECT_TRUE(broken.error().is(Reason::InternalError)) << text;
  }
}

TEST(HttpWire, ServerAddresses) {
  struct Case {
    std::string_view url, host;
    int port;
    bool tls;
    std::string_view prefix, authority;
  };
  const Case cases[] = {
      {"https://127.0.0.1:6443", "127.0.0.1", 6443, true, "", "127.0.0.1:6443"},
      {"https://api.example.com/", "api.example.com", 443, true, "", "api.example.com:443"},
      {"http://localhost:8080", "localhost", 8080, false, "", "localhost:8080"},
      {"https://[fd00::1]:6443/k8s/c/", "fd00::1", 6443, true, "/k8s/c", "[fd00::1]:6443"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.url);
    const auto address = parse_server_address(c.url);
    ASSERT_TRUE(address);
    EXPECT_EQ(address->host, c.host);
    EXPECT_EQ(address->port, c.port);
    EXPECT_EQ(address->tls, c.tls);
    EXPECT_EQ(address->path_prefix, c.prefix);
    EXPECT_EQ(address->authority(), c.authority);
  }
  for (const auto bad : {"", "https://", "ftp://a", "https://a:b", "https://a:99999",
                         "https://[fd00::1", "https://fd00::1:6443"}) {
    EXPECT_FALSE(parse_server_address(bad)) << bad;
  }
}

}  // namespace
}  // namespace keelson::client
