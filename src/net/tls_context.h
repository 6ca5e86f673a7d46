// SPDX-License-Identifier: Apache-2.0
// OpenSSL's shared half of TLS: keys, authorities and settings of many connections.
#pragma once

#include <openssl/ssl.h>

#include "net/tls.h"
#include "pki/openssl.h"

namespace keelson::net {

using SslCtxPtr = std::shared_ptr<SSL_CTX>;
using SslPtr = std::unique_ptr<SSL, pki::Freer<SSL_free>>;

class TlsServerContext {
 public:
  explicit TlsServerContext(SslCtxPtr context) : context_(std::move(context)) {}
  SslCtxPtr get() const {
    std::lock_guard lock(mutex_);
    return context_;
  }
  void set(SslCtxPtr context) {
    std::lock_guard lock(mutex_);
    context_ = std::move(context);
  }

 private:
  mutable std::mutex mutex_;
  SslCtxPtr context_;
};

class TlsClientContext {
 public:
  SslCtxPtr context;
  std::string server_name;
  bool insecure = false;
};

// Fills the certificate part of `peer` from a finished handshake.
void describe_client(SSL* ssl, Peer& peer);
// Has `ssl` accept only a certificate for `host`, a name or an address.
void expect_host(SSL* ssl, const std::string& host);
void offer_protocols(SSL* ssl, const std::vector<std::string>& protocols);
// Why the server's certificate was refused, in the words of Go's crypto/x509; empty if it was not.
std::string certificate_refusal(SSL* ssl, const std::string& host);

}  // namespace keelson::net
