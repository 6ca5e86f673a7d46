// SPDX-License-Identifier: Apache-2.0
// The server on loopback, in front of name servers of the test's own.
#include "dns/server.h"

#include <gtest/gtest.h>

#include "base/virtual_executor.h"
#include "client/fake_api.h"
#include "dns/framing.h"
#include "dns/sockets.h"

namespace keelson::dns {
namespace {

using namespace std::chrono_literals;
constexpr char kLoopback[] = "127.0.0.1";

Query make_query(std::string name, Type type, std::uint16_t udp_size = 1232) {
  Query query;
  query.name = std::move(name);
  query.type = static_cast<std::uint16_t>(type);
  query.question = question_of(query.name, query.type);
  query.udp_size = udp_size;
  return query;
}

// A name server that answers by `answer`; nothing: not at all.
class Upstream {
 public:
  using Script = std::function<std::optional<Answer>(const Query& query, bool udp)>;

  Upstream(net::Runtime& runtime, Script script) : script_(std::move(script)), tasks_(runtime) {
    auto sockets = listen(runtime, kLoopback, 0);
    CHECK(sockets.has_value());
    udp_ = std::move(sockets->udp);
    tcp_ = std::move(sockets->tcp);
    tasks_.start(serve_udp(this));
    tasks_.start(serve_tcp(this));
  }

  NameServer address() const { return {kLoopback, udp_->port()}; }
  int asked() const { return asked_; }
  Task<void> stop() { return tasks_.stop(); }

 private:
  std::string respond(const std::string& message, bool udp) {
    const auto query = parse_query(message);
    EXPECT_TRUE(query);
    ++asked_;
    const auto answer = script_(*query, udp);
    return answer ? write_answer(*query, *answer, udp ? query->udp_size : kTcpMessageMax) : "";
  }
  static Task<void> serve_udp(Upstream* self) {
    while (auto datagrams = co_await self->udp_->receive()) {
      for (auto& datagram : *datagrams) {
        std::string response = self->respond(datagram.bytes, true);
        if (!response.empty()) self->udp_->send({{datagram.peer, std::move(response)}});
      }
    }
  }
  static Task<void> serve_tcp(Upstream* self) {
    while (auto stream = co_await self->tcp_->accept()) {
      auto message = co_await read_framed(**stream);
      if (message && *message)
        (void)co_await write_framed(**stream, self->respond(**message, false));
    }
  }

  const Script script_;
  std::unique_ptr<net::DatagramSocket> udp_;
  std::unique_ptr<net::Listener> tcp_;
  int asked_ = 0;
  TaskGroup tasks_;
};

Answer address(const std::string& name, const std::string& ip, std::uint32_t ttl = 60) {
  return {.authoritative = false, .answers = {{name, Type::A, ttl, *address_data(ip)}}};
}

class ServerTest : public testing::Test {
 public:  // For the tests' coroutines, which are no members.
  ServerTest() {
    core::v1::Service far;
    far.metadata.namespace_ = "default";
    far.metadata.name = "far";
    far.spec.type = "ExternalName";
    far.spec.externalName = "WWW.example.com";
    api_.add(far);
    far.metadata.name = "circle";
    far.spec.externalName = "circle.default.svc.cluster.local";
    api_.add(far);
    far.metadata.name = "near";
    far.spec.externalName = "web.default.svc.cluster.local";
    api_.add(far);
    core::v1::Service web;
    web.metadata.namespace_ = "default";
    web.metadata.name = "web";
    web.spec.clusterIP = "10.43.0.7";
    web.spec.clusterIPs = {"10.43.0.7"};
    api_.add(web);
  }

  // Runs `body` with a server in front of `scripts`, the first one preferred.
  void run(std::vector<Upstream::Script> scripts, std::function<Task<void>(ServerTest*)> body) {
    spawn(
        *loop_,
        [](ServerTest* self, std::vector<Upstream::Script> scripts_of,
           std::function<Task<void>(ServerTest*)> test) -> Task<void> {
          ServerOptions options{.listen_address = kLoopback, .port = 0, .resolv_conf = "/dev/null"};
          for (auto& script : scripts_of) {
            self->upstreams_.push_back(std::make_unique<Upstream>(*self->loop_, std::move(script)));
            options.upstreams.push_back(self->upstreams_.back()->address());
          }
          self->server_ = std::make_unique<Server>(self->api_, *self->loop_, *self->loop_, options);
          TaskGroup tasks(*self->loop_);
          tasks.start(self->server_->run());
          while (self->server_->port() == 0) (void)co_await sleep_for(1ms);
          self->client_ =
              std::move(*net::connect_udp(*self->loop_, kLoopback, self->server_->port()));
          co_await test(self);
          co_await tasks.stop();
          for (auto& upstream : self->upstreams_) co_await upstream->stop();
          self->client_.reset();
          self->loop_->stop();
        }(this, std::move(scripts), std::move(body)));
    loop_->run(1);
  }

  void send(const Query& query) {
    std::string message = write_query(query, 7);
    if (query.udp_size == 512) {
      message.resize(message.size() - 11);
      message[11] = 0;
    }
    client_->send({{{}, message}});
  }
  Task<std::string> receive() {
    auto datagrams = co_await with_timeout(20s, client_->receive());
    EXPECT_TRUE(datagrams);
    co_return datagrams ? datagrams->front().bytes : std::string(12, '\0');
  }
  Task<std::string> ask(Query query) {
    send(query);
    std::string response = co_await receive();
    EXPECT_TRUE(is_response_to(response, 7, query.question));
    co_return response;
  }
  Task<std::string> ask_tcp(Query query) {
    auto stream = co_await net::connect_tcp(*loop_, kLoopback, server_->port(), 5s);
    EXPECT_TRUE(stream);
    (void)co_await write_framed(**stream, write_query(query, 7));
    auto response = co_await read_framed(**stream);
    EXPECT_TRUE(response && *response);
    co_return response && *response ? **response : std::string(12, '\0');
  }

  std::unique_ptr<net::Runtime> loop_ = net::make_runtime();
  client::FakeApi api_{*loop_};
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<net::DatagramSocket> client_;
};

TEST_F(ServerTest, ForwardsWhatIsNotOursAndRemembersIt) {
  run({[](const Query& query, bool) { return address(query.name, "192.0.2.1"); }},
      [](ServerTest* self) -> Task<void> {
        for (int i = 0; i < 3; ++i) {
          const std::string response = co_await self->ask(make_query("a.example.com", Type::A));
          EXPECT_EQ(address_records(response).size(), 1u);
        }
        EXPECT_EQ(self->upstreams_[0]->asked(), 1);
      });
}

TEST_F(ServerTest, AsksOnceForManyWhoAskTheSame) {
  run({[](const Query& query, bool) { return address(query.name, "192.0.2.1", 0); }},
      [](ServerTest* self) -> Task<void> {
        for (int i = 0; i < 20; ++i) self->send(make_query("a.example.com", Type::A));
        for (std::size_t answers = 0; answers < 20;) {
          auto datagrams = co_await with_timeout(20s, self->client_->receive());
          if (!datagrams) break;
          answers += datagrams->size();
        }
        EXPECT_LT(self->upstreams_[0]->asked(), 20);
      });
}

TEST_F(ServerTest, TurnsToAnotherServerWhenOneFails) {
  run({[](const Query&, bool) { return std::optional(Answer{.code = Code::ServFail}); },
       [](const Query& query, bool) { return address(query.name, "192.0.2.1"); }},
      [](ServerTest* self) -> Task<void> {
        EXPECT_EQ(code_of(co_await self->ask(make_query("a.example.com", Type::A))), Code::NoError);
        EXPECT_EQ(code_of(co_await self->ask(make_query("b.example.com", Type::A))), Code::NoError);
        EXPECT_EQ(self->upstreams_[0]->asked(), 1) << "the one that answered is asked first";
      });
}

TEST_F(ServerTest, TurnsToAnotherServerWhenOneIsSilent) {
  run({[](const Query&, bool) { return std::optional<Answer>(); },
       [](const Query& query, bool) { return address(query.name, "192.0.2.1"); }},
      [](ServerTest* self) -> Task<void> {
        EXPECT_EQ(code_of(co_await self->ask(make_query("a.example.com", Type::A))), Code::NoError);
      });
}

TEST_F(ServerTest, SaysThatItFailedWhenNobodyAnswers) {
  run({[](const Query&, bool) { return std::optional(Answer{.code = Code::Refused}); }},
      [](ServerTest* self) -> Task<void> {
        EXPECT_EQ(code_of(co_await self->ask(make_query("a.example.com", Type::A))), Code::Refused);
        EXPECT_EQ(self->upstreams_[0]->asked(), 2) << "one more attempt";
      });
  EXPECT_EQ(server_->counts().forwarded, 1u);
}

TEST_F(ServerTest, FetchesLongAnswersByTcpAndCutsThemForUdp) {
  run({[](const Query& query, bool) {
        Answer answer{.authoritative = false};
        for (int i = 0; i < 200; ++i)
          answer.answers.push_back({query.name, Type::A, 60, *address_data("192.0.2.1")});
        return std::optional(std::move(answer));
      }},
      [](ServerTest* self) -> Task<void> {
        const auto query = make_query("many.example.com", Type::A);
        const std::string cut = co_await self->ask(query);
        EXPECT_TRUE(is_truncated(cut));
        EXPECT_LE(cut.size(), 1232u);
        EXPECT_EQ(address_records(co_await self->ask_tcp(query)).size(), 200u);
      });
}

TEST_F(ServerTest, FollowsAliasesInsideAndOutside) {
  run({[](const Query& query, bool) -> std::optional<Answer> {
        if (query.name != "www.example.com") return Answer{.code = Code::NxDomain};
        return Answer{.authoritative = false,
                      .answers = {{query.name, Type::Cname, 60, name_data("x.example.net")},
                                  {"x.example.net", Type::A, 60, *address_data("192.0.2.1")}}};
      }},
      [](ServerTest* self) -> Task<void> {
        auto records = address_records(
            co_await self->ask(make_query("far.default.svc.cluster.local", Type::A)));
        EXPECT_EQ(records.size(), 3u);
        EXPECT_EQ(name_of_data(records.at(0).data), "www.example.com");
        EXPECT_EQ(records.at(2).data, *address_data("192.0.2.1"));

        records = address_records(
            co_await self->ask(make_query("near.default.svc.cluster.local", Type::A)));
        EXPECT_EQ(records.size(), 2u);
        EXPECT_EQ(records.at(1).data, *address_data("10.43.0.7"));

        EXPECT_EQ(
            code_of(co_await self->ask(make_query("circle.default.svc.cluster.local", Type::A))),
            Code::ServFail);
        const std::string alias =
            co_await self->ask(make_query("far.default.svc.cluster.local", Type::Cname));
        EXPECT_EQ(address_records(alias).size(), 1u);
      });
}

TEST_F(ServerTest, RefusesWhatNobodyNeeds) {
  run({}, [](ServerTest* self) -> Task<void> {
    auto foreign = make_query("a.example.com", Type::A);
    foreign.class_ = 3;
    foreign.question[foreign.question.size() - 1] = 3;
    struct Case {
      Query query;
      Code code;
    };
    const Case cases[] = {
        {make_query("web.default.svc.cluster.local", Type::Any), Code::Refused},
        {make_query("cluster.local", Type::Axfr), Code::Refused},
        {foreign, Code::Refused},
        {make_query("a.example.com", Type::A), Code::ServFail},
    };
    for (const auto& c : cases) EXPECT_EQ(code_of(co_await self->ask(c.query)), c.code);

    self->client_->send({{{}, std::string("\x12\x34\1\0\0\1\0\0\0\0\0\0", 12)}});
    EXPECT_EQ(code_of(co_await self->receive()), Code::FormErr);
  });
}

TEST(ResponseCache, ForgetsInTimeAndKeepsToItsSize) {
  VirtualExecutor executor;
  // Three of these entries have room.
  ResponseCache cache(executor, 800);
  const auto response_of = [](std::uint32_t ttl) {
    return write_answer(make_query("a.b", Type::A), address("a.b", "10.0.0.1", ttl), 512);
  };
  cache.put("a", response_of(30));
  executor.advance(10s);
  ASSERT_TRUE(cache.find("a"));
  EXPECT_EQ(response_ttl(*cache.find("a")), 20u);
  executor.advance(20s);
  EXPECT_FALSE(cache.find("a"));

  cache.put("no time", response_of(0));
  EXPECT_FALSE(cache.find("no time"));
  cache.put("failure", write_answer(make_query("a.b", Type::A), {.code = Code::ServFail}, 512));
  EXPECT_FALSE(cache.find("failure"));

  for (const char* key : {"1", "2", "3", "4"}) {
    cache.put(key, response_of(30));
    EXPECT_TRUE(cache.find("1")) << "the one in use stays";
  }
  EXPECT_FALSE(cache.find("2"));
  EXPECT_TRUE(cache.find("4"));
}

TEST(ResponseCache, KeepsNegativeAnswersForTheTimeOfTheZone) {
  VirtualExecutor executor;
  ResponseCache cache(executor, 1000);
  const Record soa{"b", Type::Soa, 600, soa_data("ns.b", "h.b", 1, 4)};
  cache.put("a", write_answer(make_query("a.b", Type::A),
                              {.code = Code::NxDomain, .authority = {soa}}, 512));

  executor.advance(3s);
  EXPECT_TRUE(cache.find("a"));
  executor.advance(1s);
  EXPECT_FALSE(cache.find("a"));
}

}  // namespace
}  // namespace keelson::dns
