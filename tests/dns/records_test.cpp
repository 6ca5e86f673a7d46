// SPDX-License-Identifier: Apache-2.0
#include "dns/records.h"

#include <gtest/gtest.h>

#include "base/virtual_executor.h"
#include "client/fake_api.h"

namespace keelson::dns {
namespace {

using core::v1::Service;
using discovery::v1::EndpointSlice;

// The cluster's zone over a fake API server.
class RecordsTest : public testing::Test {
 protected:
  RecordsTest() {
    core::v1::Namespace space;
    space.metadata.name = "default";
    api_.add(space);

    Service web;
    web.metadata.namespace_ = "default";
    web.metadata.name = "web";
    web.spec.clusterIP = "10.43.0.7";
    web.spec.clusterIPs = {"10.43.0.7"};
    web.spec.ports = {{.name = "http", .protocol = "TCP", .port = 80}};
    api_.add(web);

    Service database;
    database.metadata.namespace_ = "default";
    database.metadata.name = "db";
    database.spec.clusterIP = "None";
    database.spec.clusterIPs = {"None"};
    database.spec.ports = {{.name = "sql", .protocol = "TCP", .port = 5432}};
    api_.add(database);

    EndpointSlice slice;
    slice.metadata.namespace_ = "default";
    slice.metadata.name = "db-1";
    slice.metadata.labels = {{"kubernetes.io/service-name", "db"}};
    slice.addressType = "IPv4";
    slice.ports = {{.name = "sql", .protocol = "TCP", .port = 5432}};
    slice.endpoints = {
        {.addresses = {"10.42.0.5"}, .conditions = {.ready = true}, .hostname = "db-0"},
        {.addresses = {"10.42.0.6"}, .conditions = {.ready = true}},
        {.addresses = {"10.42.0.9"}, .conditions = {.ready = false}}};
    api_.add(slice);

    // Nobody of it is ready.
    Service idle = database;
    idle.metadata.name = "idle";
    api_.add(idle);
    EndpointSlice unready = slice;
    unready.metadata.name = "idle-1";
    unready.metadata.labels = {{"kubernetes.io/service-name", "idle"}};
    unready.endpoints = {
        {.addresses = {"10.42.0.8"}, .conditions = {.ready = false}, .hostname = "i"}};
    api_.add(unready);

    Service dual = web;
    dual.metadata.name = "dual";
    dual.spec.clusterIP = "10.43.0.8";
    dual.spec.clusterIPs = {"10.43.0.8", "fd00::8"};
    api_.add(dual);

    Service dns = web;
    dns.metadata.namespace_ = "kube-system";
    dns.metadata.name = "kube-dns";
    dns.spec.clusterIP = "10.43.0.10";
    dns.spec.clusterIPs = {"10.43.0.10"};
    api_.add(dns);

    Service bare;
    bare.metadata.namespace_ = "default";
    bare.metadata.name = "bare";
    bare.spec.type = "ExternalName";
    bare.spec.externalName = "192.0.2.9";
    api_.add(bare);

    Service outside;
    outside.metadata.namespace_ = "default";
    outside.metadata.name = "far";
    outside.spec.type = "ExternalName";
    outside.spec.externalName = "example.com";
    api_.add(outside);

    informers_.start();
    executor_.run_ready();
  }
  ~RecordsTest() override {
    spawn(executor_, informers_.stop());
    executor_.run_ready();
  }

  std::optional<Answer> ask(std::string name, Type type) {
    Query query;
    query.name = std::move(name);
    query.type = static_cast<std::uint16_t>(type);
    return records_.answer(query);
  }
  // The answer's code and how many records it has.
  void expect(const std::string& name, Type type, Code code, std::size_t answers) {
    SCOPED_TRACE(name);
    const auto answer = ask(name, type);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->code, code);
    EXPECT_EQ(answer->answers.size(), answers);
  }

  VirtualExecutor executor_;
  client::FakeApi api_{executor_};
  client::InformerSet informers_{api_, executor_};
  Records records_{informers_, "cluster.local"};
};

TEST_F(RecordsTest, AnswersByTheSpecification) {
  struct Case {
    std::string name;
    Type type;
    Code code;
    std::size_t answers;
  };
  const Case cases[] = {
      {"web.default.svc.cluster.local", Type::A, Code::NoError, 1},
      {"web.default.svc.cluster.local", Type::Aaaa, Code::NoError, 0},
      {"_http._tcp.web.default.svc.cluster.local", Type::Srv, Code::NoError, 1},
      {"_http._udp.web.default.svc.cluster.local", Type::Srv, Code::NxDomain, 0},
      {"db.default.svc.cluster.local", Type::A, Code::NoError, 2},
      {"db-0.db.default.svc.cluster.local", Type::A, Code::NoError, 1},
      {"10-42-0-6.db.default.svc.cluster.local", Type::A, Code::NoError, 1},
      {"db-7.db.default.svc.cluster.local", Type::A, Code::NxDomain, 0},
      {"_sql._tcp.db.default.svc.cluster.local", Type::Srv, Code::NoError, 2},
      {"far.default.svc.cluster.local", Type::A, Code::NoError, 1},
      {"10-42-0-5.default.pod.cluster.local", Type::A, Code::NoError, 1},
      {"nobody.default.svc.cluster.local", Type::A, Code::NxDomain, 0},
      {"web.nowhere.svc.cluster.local", Type::A, Code::NxDomain, 0},
      {"default.svc.cluster.local", Type::A, Code::NoError, 0},
      {"svc.cluster.local", Type::A, Code::NoError, 0},
      {"dns-version.cluster.local", Type::Txt, Code::NoError, 1},
      {"cluster.local", Type::Soa, Code::NoError, 1},
      {"else.cluster.local", Type::A, Code::NxDomain, 0},
      {"idle.default.svc.cluster.local", Type::A, Code::NxDomain, 0},
      {"i.idle.default.svc.cluster.local", Type::A, Code::NxDomain, 0},
      {"db.default.svc.cluster.local", Type::Aaaa, Code::NoError, 0},
      {"db.default.svc.cluster.local", Type::Srv, Code::NoError, 2},
      {"_sql._udp.db.default.svc.cluster.local", Type::Srv, Code::NxDomain, 0},
      {"_http.tcp.web.default.svc.cluster.local", Type::Srv, Code::NxDomain, 0},
      {"_http._tcp.web.default.svc.cluster.local", Type::A, Code::NoError, 0},
      {"_tcp.web.default.svc.cluster.local", Type::Srv, Code::NxDomain, 0},
      {"web.default.svc.cluster.local", Type::Srv, Code::NoError, 1},
      {"web.default.svc.cluster.local", Type::Txt, Code::NoError, 0},
      {"dual.default.svc.cluster.local", Type::A, Code::NoError, 1},
      {"dual.default.svc.cluster.local", Type::Aaaa, Code::NoError, 1},
      {"far.default.svc.cluster.local", Type::Cname, Code::NoError, 1},
      {"x.far.default.svc.cluster.local", Type::A, Code::NxDomain, 0},
      {"bare.default.svc.cluster.local", Type::A, Code::NoError, 1},
      {"bare.default.svc.cluster.local", Type::Aaaa, Code::NoError, 0},
      {"nowhere.svc.cluster.local", Type::A, Code::NxDomain, 0},
      {"pod.cluster.local", Type::A, Code::NoError, 0},
      {"fd00--8.default.pod.cluster.local", Type::Aaaa, Code::NoError, 1},
      {"x.default.pod.cluster.local", Type::A, Code::NxDomain, 0},
      {"10-42-0-5.nowhere.pod.cluster.local", Type::A, Code::NxDomain, 0},
      {"cluster.local", Type::Ns, Code::NoError, 1},
      {"cluster.local", Type::A, Code::NoError, 0},
      {"ns.dns.cluster.local", Type::A, Code::NoError, 1},
      {"ns.dns.cluster.local", Type::Aaaa, Code::NoError, 0},
      {"dns.cluster.local", Type::A, Code::NoError, 0},
      {"x.dns.cluster.local", Type::A, Code::NxDomain, 0},
      {"8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", Type::Ptr,
       Code::NoError, 1},
      {"7.0.43.10.in-addr.arpa", Type::A, Code::NoError, 0},
      {"7.0.43.10.in-addr.arpa", Type::Ptr, Code::NoError, 1},
      {"5.0.42.10.in-addr.arpa", Type::Ptr, Code::NoError, 1},
  };
  for (const auto& c : cases) expect(c.name, c.type, c.code, c.answers);
}

TEST_F(RecordsTest, LeavesOtherNamesToOthers) {
  for (const char* name : {"example.com", "xcluster.local", "1.2.0.192.in-addr.arpa",
                           "8.0.42.10.in-addr.arpa", "1.ip6.arpa", "7.0.43.in-addr.arpa"})
    EXPECT_FALSE(ask(name, Type::A)) << name;
}

TEST_F(RecordsTest, GivesTheAddressesThemselves) {
  const auto answer = ask("web.default.svc.cluster.local", Type::A);

  ASSERT_EQ(answer->answers.size(), 1u);
  EXPECT_EQ(answer->answers[0].data, *address_data("10.43.0.7"));
}

TEST_F(RecordsTest, NegativeAnswersCarryTheZone) {
  const auto answer = ask("nobody.default.svc.cluster.local", Type::A);

  ASSERT_EQ(answer->authority.size(), 1u);
  EXPECT_EQ(answer->authority[0].type, Type::Soa);
  EXPECT_EQ(answer->authority[0].name, "cluster.local");
  Query query;
  query.question = question_of("nobody.default.svc.cluster.local", 1);
  EXPECT_EQ(response_ttl(write_answer(query, *answer, 512)), 5u)
      << "forgotten as soon as answers are";
}

TEST_F(RecordsTest, ServicesNameTheirPortsAndEndpoints) {
  const auto web = ask("_http._tcp.web.default.svc.cluster.local", Type::Srv);
  ASSERT_EQ(web->answers.size(), 1u);
  EXPECT_EQ(web->answers[0].data, srv_data(0, 100, 80, "web.default.svc.cluster.local"));
  ASSERT_EQ(web->additional.size(), 1u);
  EXPECT_EQ(web->additional[0].data, *address_data("10.43.0.7"));

  const auto database = ask("_sql._tcp.db.default.svc.cluster.local", Type::Srv);
  ASSERT_EQ(database->answers.size(), 2u);
  EXPECT_EQ(database->answers[0].data, srv_data(0, 100, 5432, "db-0.db.default.svc.cluster.local"));
  EXPECT_EQ(database->answers[1].data,
            srv_data(0, 100, 5432, "10-42-0-6.db.default.svc.cluster.local"));
  EXPECT_EQ(database->additional.size(), 2u);
}

TEST_F(RecordsTest, AddressesNameTheirServices) {
  EXPECT_EQ(ask("7.0.43.10.in-addr.arpa", Type::Ptr)->answers[0].data,
            name_data("web.default.svc.cluster.local"));
  EXPECT_EQ(ask("5.0.42.10.in-addr.arpa", Type::Ptr)->answers[0].data,
            name_data("db-0.db.default.svc.cluster.local"));
}

TEST_F(RecordsTest, FollowTheirServices) {
  api_.erase<Service>({"default", "web"});
  executor_.run_ready();

  expect("web.default.svc.cluster.local", Type::A, Code::NxDomain, 0);
}

}  // namespace
}  // namespace keelson::dns
