// SPDX-License-Identifier: Apache-2.0
// An authority with a server and a client of its own, made once per test program.
#pragma once

#include "net/tls.h"
#include "pki/certificate.h"

namespace keelson::net {

struct TestPki {
  pki::KeyPair ca, server, client;

  static const TestPki& get() {
    static const TestPki made = [] {
      const Wall now = std::chrono::system_clock::now();
      TestPki pki;
      pki.ca = *pki::make_ca("test-ca", now);
      pki.server = *pki::issue(pki.ca,
                               {.common_name = "server",
                                .dns_names = {"localhost", "server.test"},
                                .ip_addresses = {"127.0.0.1"},
                                .server = true},
                               now);
      pki.client = *pki::issue(
          pki.ca,
          {.common_name = "jane", .organizations = {"system:masters", "dev"}, .client = true}, now);
      return pki;
    }();
    return made;
  }

  TlsServerOptions server_options() const {
    return {.certificate_pem = server.certificate_pem,
            .key_pem = server.key_pem,
            .client_ca_pem = ca.certificate_pem};
  }
  std::shared_ptr<TlsServerContext> server_context() const {
    return *make_tls_server(server_options());
  }
  std::shared_ptr<TlsClientContext> client_context(std::vector<std::string> alpn = {
                                                       "h2", "http/1.1"}) const {
    return *make_tls_client({.ca_pem = ca.certificate_pem,
                             .certificate_pem = client.certificate_pem,
                             .key_pem = client.key_pem,
                             .alpn = std::move(alpn)});
  }
};

}  // namespace keelson::net
