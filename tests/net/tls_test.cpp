// SPDX-License-Identifier: Apache-2.0
#include "net/tls.h"

#include "pki_fixture.h"
#include "run.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

using Connected = Result<std::unique_ptr<Stream>>;

struct Ends {
  std::optional<Connected> server, client;
};

// Both handshakes over a pipe.
Task<Ends> shake_hands(std::shared_ptr<TlsServerContext> server,
                       std::shared_ptr<TlsClientContext> client, std::string host) {
  auto [near, far] = make_pipe();
  Ends ends;
  TaskGroup group(*(co_await this_context()).executor);
  group.start([](std::unique_ptr<Stream> stream, auto context, Ends* out) -> Task<void> {
    out->server.emplace(co_await accept_tls(std::move(stream), context, 10s));
  }(std::move(near), server, &ends));
  ends.client.emplace(co_await connect_tls(std::move(far), client, host, 10s));
  co_await group.join();
  co_return ends;
}

Task<std::string> read_size(Stream* stream, std::size_t size) {
  std::string all;
  std::vector<char> buffer(32 << 10);
  while (all.size() < size) {
    const auto part = co_await stream->read(buffer);
    if (!part || *part == 0) break;
    all.append(buffer.data(), *part);
  }
  co_return all;
}

TEST(Tls, ShowsWhoTheClientIsAndChoosesTheProtocol) {
  run_test([](Runtime&) -> Task<void> {
    const auto& pki = TestPki::get();
    const auto ends =
        co_await shake_hands(pki.server_context(), pki.client_context(), "server.test");
    EXPECT_TRUE(*ends.server && *ends.client);
    if (!*ends.server || !*ends.client) co_return;
    const Peer& peer = (**ends.server)->peer();
    EXPECT_TRUE(peer.tls && peer.has_certificate);
    EXPECT_EQ(peer.common_name, "jane");
    EXPECT_EQ(peer.organizations, (std::vector<std::string>{"system:masters", "dev"}));
    EXPECT_EQ(peer.certificate_error, "");
    EXPECT_EQ(peer.alpn, "h2");
    EXPECT_EQ((**ends.client)->peer().alpn, "h2");
  });
}

TEST(Tls, CarriesMuchBothWaysAtOnce) {
  run_test(
      [](Runtime& runtime) -> Task<void> {
        const auto& pki = TestPki::get();
        auto ends = co_await shake_hands(pki.server_context(), pki.client_context(), "localhost");
        Stream *server = (*ends.server)->get(), *client = (*ends.client)->get();
        std::string sent;
        for (int i = 0; i < 1'500'000; ++i) sent.push_back(static_cast<char>(i * 13));
        TaskGroup group(runtime);
        const auto send = [](Stream* to, const std::string* bytes) -> Task<void> {
          const std::string_view all = *bytes;
          const std::string_view pieces[] = {all.substr(0, 5), all.substr(5, 300'000),
                                             all.substr(300'005)};
          EXPECT_TRUE(co_await to->write_all(pieces));
          EXPECT_TRUE(co_await to->shutdown_write());
        };
        group.start(send(server, &sent));
        group.start(send(client, &sent));
        std::string at_server;
        group.start([](Stream* from, std::size_t size, std::string* out) -> Task<void> {
          *out = co_await read_size(from, size + 1);  // To the end.
        }(server, sent.size(), &at_server));

        const std::string at_client = co_await read_size(client, sent.size() + 1);
        co_await group.join();

        EXPECT_TRUE(at_client == sent);
        EXPECT_TRUE(at_server == sent);
      },
      2);
}

TEST(Tls, CarriesSmallAndLargePiecesInOrder) {
  run_test([](Runtime& runtime) -> Task<void> {
    const auto& pki = TestPki::get();
    auto ends = co_await shake_hands(pki.server_context(), pki.client_context(), "localhost");
    // Around the sizes up to which pieces are gathered, and of what they are gathered into.
    std::string sent;
    for (int i = 0; i < 400'000; ++i) sent.push_back(static_cast<char>(i * 13));
    std::vector<std::string_view> pieces;
    const std::size_t sizes[] = {1, 0, 4096, 4095, 4097, 1, 20'000, 3, 4096, 4096, 4096, 4096, 2};
    for (std::size_t at = 0, i = 0; at < sent.size(); ++i) {
      pieces.push_back(std::string_view(sent).substr(at, sizes[i % std::size(sizes)]));
      at += pieces.back().size();
    }
    TaskGroup group(runtime);
    group.start([](Stream* to, const std::vector<std::string_view>* all) -> Task<void> {
      EXPECT_TRUE(co_await to->write_all(*all));
    }((*ends.server)->get(), &pieces));

    const std::string came = co_await read_size((*ends.client)->get(), sent.size());
    co_await group.join();

    EXPECT_TRUE(came == sent);
  });
}

TEST(Tls, ReportsAClientCertificateOfAStrangerWithoutRefusingIt) {
  run_test([](Runtime&) -> Task<void> {
    const auto& pki = TestPki::get();
    const Wall now = std::chrono::system_clock::now();
    const auto stranger = *pki::make_ca("test-ca", now);  // The same name, another key.
    const auto pair = *pki::issue(stranger, {.common_name = "mallory", .client = true}, now);
    auto context = *make_tls_client({.ca_pem = pki.ca.certificate_pem,
                                     .certificate_pem = pair.certificate_pem,
                                     .key_pem = pair.key_pem});
    const auto ends = co_await shake_hands(pki.server_context(), context, "localhost");
    EXPECT_TRUE(*ends.server);
    if (!*ends.server) co_return;
    const Peer& peer = (**ends.server)->peer();
    EXPECT_TRUE(peer.has_certificate);
    EXPECT_EQ(peer.common_name, "");
    EXPECT_EQ(peer.certificate_error, "x509: certificate signed by unknown authority");
  });
}

TEST(Tls, ServerCertificateIsNoClientCertificate) {
  run_test([](Runtime&) -> Task<void> {
    const auto& pki = TestPki::get();
    auto context = *make_tls_client({.ca_pem = pki.ca.certificate_pem,
                                     .certificate_pem = pki.server.certificate_pem,
                                     .key_pem = pki.server.key_pem});
    const auto ends = co_await shake_hands(pki.server_context(), context, "localhost");
    EXPECT_TRUE(*ends.server);
    if (!*ends.server) co_return;
    EXPECT_EQ((**ends.server)->peer().common_name, "");
    EXPECT_EQ((**ends.server)->peer().certificate_error,
              "x509: certificate specifies an incompatible key usage");
  });
}

TEST(Tls, ClientRefusesAServerItCannotVerify) {
  run_test([](Runtime&) -> Task<void> {
    const auto& pki = TestPki::get();
    const Wall now = std::chrono::system_clock::now();
    const auto other = *pki::make_ca("other", now);
    const auto old = *pki::issue(
        pki.ca, {.common_name = "old", .dns_names = {"localhost"}, .server = true, .validity = 1s},
        now - 1h);
    auto expired =
        *make_tls_server({.certificate_pem = old.certificate_pem, .key_pem = old.key_pem});
    struct Case {
      std::shared_ptr<TlsServerContext> server;
      std::string ca, host, error;
    };
    const Case cases[] = {
        {pki.server_context(), other.certificate_pem, "localhost",
         "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
        {pki.server_context(), pki.ca.certificate_pem, "elsewhere.test",
         "tls: failed to verify certificate: x509: certificate is valid for localhost, "
         "server.test, not elsewhere.test"},
        {pki.server_context(), pki.ca.certificate_pem, "10.1.2.3",
         "tls: failed to verify certificate: x509: certificate is valid for 127.0.0.1, not "
         "10.1.2.3"},
        {expired, pki.ca.certificate_pem, "localhost",
         "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"},
    };
    for (const auto& c : cases) {
      SCOPED_TRACE(c.error);
      const auto ends = co_await shake_hands(c.server, *make_tls_client({.ca_pem = c.ca}), c.host);
      EXPECT_FALSE(*ends.client);
      EXPECT_FALSE(*ends.server);
      if (!*ends.client) EXPECT_EQ(ends.client->error().message(), c.error);
    }
    const auto unverified =
        co_await shake_hands(expired, *make_tls_client({.insecure = true}), "elsewhere.test");
    EXPECT_TRUE(*unverified.client);
  });
}

TEST(Tls, RenewedCertificatesServeNewConnections) {
  run_test([](Runtime&) -> Task<void> {
    const auto& pki = TestPki::get();
    const Wall now = std::chrono::system_clock::now();
    auto server = pki.server_context();
    const auto renewed = *pki::issue(
        pki.ca, {.common_name = "renewed", .dns_names = {"renewed.test"}, .server = true}, now);
    EXPECT_FALSE(replace_tls_server(*server, {.certificate_pem = "", .key_pem = ""}));
    EXPECT_TRUE(*(co_await shake_hands(server, pki.client_context(), "localhost")).client);

    EXPECT_TRUE(replace_tls_server(
        *server, {.certificate_pem = renewed.certificate_pem, .key_pem = renewed.key_pem}));

    EXPECT_TRUE(*(co_await shake_hands(server, pki.client_context(), "renewed.test")).client);
  });
}

TEST(Tls, RefusesUnusablePem) {
  const auto& pki = TestPki::get();
  EXPECT_FALSE(make_tls_server({.certificate_pem = "x", .key_pem = pki.server.key_pem}));
  EXPECT_FALSE(make_tls_server(
      {.certificate_pem = pki.server.certificate_pem, .key_pem = pki.client.key_pem}));
  EXPECT_FALSE(make_tls_client({.ca_pem = "-----BEGIN CERTIFICATE-----"}));
}

// What a server says to bytes that are no TLS.
Task<std::pair<std::string, Connected>> answer_to(std::string bytes) {
  auto [near, far] = make_pipe();
  std::optional<Connected> outcome;
  TaskGroup group(*(co_await this_context()).executor);
  group.start([](std::unique_ptr<Stream> stream, auto* out) -> Task<void> {
    out->emplace(co_await accept_tls(std::move(stream), TestPki::get().server_context(), 50ms));
  }(std::move(near), &outcome));
  EXPECT_TRUE(co_await far->write(bytes));
  std::string answer = co_await read_size(far.get(), 1 << 20);
  co_await group.join();
  co_return std::pair(std::move(answer), std::move(*outcome));
}

TEST(Tls, SaysWhatIsWrongWithWhatIsNoHandshake) {
  run_test([](Runtime&) -> Task<void> {
    const auto [http, http_error] = co_await answer_to("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(http,
              "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    EXPECT_TRUE(http_error.error().is(Reason::BadRequest));

    const auto [garbage, garbage_error] = co_await answer_to(std::string(100, '\x7f'));
    EXPECT_TRUE(garbage_error.error().is(Reason::BadRequest));

    const auto [silence, silence_error] = co_await answer_to("\x16\x03\x01");
    EXPECT_TRUE(silence_error.error().is(Reason::Timeout));
    EXPECT_EQ(silence_error.error().message(), "TLS handshake timeout");
  });
}

}  // namespace
}  // namespace keelson::net
