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
    slice.endpoints = {{.addresses = {"10.42.0.5"}, .conditions = {.ready = true}, .hostname = "db-0"},
                       {.addresses = {"10.42.0.6"}, .conditions = {.ready = true}},
                       {.addresses = {"10.42.0.9"}, .conditions = {.ready = false}}};
    api_.add(slice);

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
      {"7.0.43.10.in-addr.arpa", Type::Ptr, Code::NoError, 1},
      {"5.0.42.10.in-addr.arpa", Type::Ptr, Code::NoError, 1},
  };
  for (const auto& c : cases) expect(c.name, c.type, c.code, c.answers);
}

TEST_F(RecordsTest, LeavesOtherNamesToOthers) {
  for (const char* name : {"example.com", "xcluster.local", "1.2.0.192.in-addr.arpa"})
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
}

}  // namespace
}  // namespace keelson::dns
