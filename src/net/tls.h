// SPDX-License-Identifier: Apache-2.0
// TLS 1.2 and 1.3 over a Stream, with OpenSSL behind it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/stream.h"

namespace keelson::net {

struct TlsServerOptions {
  std::string certificate_pem, key_pem;
  // Clients may offer a certificate of these authorities; one that does not verify is reported in
  // Peer, and refused by authentication, not by the handshake.
  std::string client_ca_pem;
  std::vector<std::string> alpn = {"h2", "http/1.1"};
};

struct TlsClientOptions {
  std::string ca_pem;                    // Empty: the system's authorities.
  std::string certificate_pem, key_pem;  // Empty: no client certificate.
  std::string server_name;               // For SNI and verification; empty: the host connected to.
  bool insecure = false;                 // Verifies nothing.
  std::vector<std::string> alpn = {"h2", "http/1.1"};
};

class TlsServerContext;
class TlsClientContext;

// Errors: BadRequest for unusable PEM.
Result<std::shared_ptr<TlsServerContext>> make_tls_server(const TlsServerOptions& options);
Result<std::shared_ptr<TlsClientContext>> make_tls_client(const TlsClientOptions& options);

// Connections accepted from now on use `options` instead: for certificates that are renewed. Errors
// leave everything as it was. Thread-safe.
Result<void> replace_tls_server(TlsServerContext& context, const TlsServerOptions& options);

// The handshake is bounded by `timeout`. Errors: BadRequest (not TLS, no common version),
// Unavailable ("x509: ...").
Task<Result<std::unique_ptr<Stream>>> accept_tls(std::unique_ptr<Stream> stream,
                                                 std::shared_ptr<TlsServerContext> context,
                                                 Duration timeout);
// `alpn`, unless empty, is offered instead of the context's.
Task<Result<std::unique_ptr<Stream>>> connect_tls(std::unique_ptr<Stream> stream,
                                                  std::shared_ptr<TlsClientContext> context,
                                                  std::string host, Duration timeout,
                                                  std::vector<std::string> alpn = {});

}  // namespace keelson::net
