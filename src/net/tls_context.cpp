// SPDX-License-Identifier: Apache-2.0
#include "net/tls_context.h"

#include <arpa/inet.h>
#include <openssl/err.h>

#include "pki/certificate.h"

namespace keelson::net {
namespace {

using StorePtr = std::unique_ptr<X509_STORE, pki::Freer<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, pki::Freer<X509_STORE_CTX_free>>;

// The protocols of a server, in wire form, live as long as its SSL_CTX.
std::string wire_form(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const auto& protocol : protocols) {
    wire.push_back(static_cast<char>(protocol.size()));
    wire += protocol;
  }
  return wire;
}

int server_data_index() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::string*>(data);
      });
  return index;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned int offered_size, void* own) {
  const auto& wire = *static_cast<const std::string*>(own);
  unsigned char* chosen = nullptr;
  const int outcome =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned int>(wire.size()), offered, offered_size);
  *out = chosen;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// Client certificates are judged after the handshake, by describe_client().
int accept_any_certificate(X509_STORE_CTX*, void*) { return 1; }

int refused_names_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::string*>(data);
      });
  return index;
}

// Keeps the names of a certificate that is for somebody else: nobody can ask for it later.
int note_refused_names(int verified, X509_STORE_CTX* verification) {
  const int error = X509_STORE_CTX_get_error(verification);
  if (verified == 1 ||
      (error != X509_V_ERR_HOSTNAME_MISMATCH && error != X509_V_ERR_IP_ADDRESS_MISMATCH))
    return verified;
  auto* const ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto info =
      pki::parse_certificate(pki::write_certificate(X509_STORE_CTX_get0_cert(verification)));
  if (!info || SSL_get_ex_data(ssl, refused_names_index())) return verified;
  auto* names = new std::string;
  for (const auto& name :
       error == X509_V_ERR_HOSTNAME_MISMATCH ? info->dns_names : info->ip_addresses)
    *names += (names->empty() ? "" : ", ") + name;
  SSL_set_ex_data(ssl, refused_names_index(), names);
  return verified;
}

Status bad_pem(std::string_view what, const Status& cause) {
  return Status::bad_request(std::string(what) + ": " + cause.message());
}

Result<SslCtxPtr> make_context(const SSL_METHOD* method) {
  SslCtxPtr context(SSL_CTX_new(method), SSL_CTX_free);
  if (!context) return fail(Status::internal("TLS: " + pki::openssl_error()));
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  CHECK(SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                               SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Sessions are not resumed: elliptic curves make a full handshake cheap, and every one then shows
  // the whole certificate chain to be judged anew.
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  return context;
}

Result<void> use_pair(SSL_CTX* context, const std::string& certificate_pem,
                      const std::string& key_pem) {
  auto chain = pki::read_certificates(certificate_pem);
  if (!chain) return fail(bad_pem("certificate", chain.error()));
  auto key = pki::read_private_key(key_pem);
  if (!key) return fail(bad_pem("private key", key.error()));
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key->get()) != 1)
    return fail(
        Status::bad_request("private key does not match public key: " + pki::openssl_error()));
  for (std::size_t i = 1; i < chain->size(); ++i)
    SSL_CTX_add1_chain_cert(context, (*chain)[i].get());
  return {};
}

Result<void> trust(SSL_CTX* context, const std::string& ca_pem, bool tell_clients) {
  auto authorities = pki::read_certificates(ca_pem);
  if (!authorities) return fail(bad_pem("certificate authority", authorities.error()));
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const auto& authority : *authorities) {
    X509_STORE_add_cert(store, authority.get());
    if (tell_clients) SSL_CTX_add_client_CA(context, authority.get());
  }
  // Whatever is listed is trusted by itself, as with Go, be it a root or not.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  ERR_clear_error();
  return {};
}

std::string go_text(long error) {
  switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return "x509: certificate signed by unknown authority";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "x509: certificate has expired or is not yet valid";
    case X509_V_ERR_INVALID_PURPOSE:
      return "x509: certificate specifies an incompatible key usage";
    default:
      return std::string("x509: ") + X509_verify_cert_error_string(error);
  }
}

Result<SslCtxPtr> make_server_context(const TlsServerOptions& options) {
  TRY(auto context, make_context(TLS_server_method()));
  TRY_OK(use_pair(context.get(), options.certificate_pem, options.key_pem));
  if (!options.client_ca_pem.empty()) {
    TRY_OK(trust(context.get(), options.client_ca_pem, true));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context.get(), accept_any_certificate, nullptr);
  }
  auto* wire = new std::string(wire_form(options.alpn));
  SSL_CTX_set_ex_data(context.get(), server_data_index(), wire);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, wire);
  return context;
}

}  // namespace

Result<std::shared_ptr<TlsServerContext>> make_tls_server(const TlsServerOptions& options) {
  TRY(auto context, make_server_context(options));
  return std::make_shared<TlsServerContext>(std::move(context));
}

Result<void> replace_tls_server(TlsServerContext& context, const TlsServerOptions& options) {
  TRY(auto made, make_server_context(options));
  context.set(std::move(made));
  return {};
}

Result<std::shared_ptr<TlsClientContext>> make_tls_client(const TlsClientOptions& options) {
  TRY(auto context, make_context(TLS_client_method()));
  if (!options.certificate_pem.empty())
    TRY_OK(use_pair(context.get(), options.certificate_pem, options.key_pem));
  if (!options.insecure) {
    if (options.ca_pem.empty())
      SSL_CTX_set_default_verify_paths(context.get());
    else
      TRY_OK(trust(context.get(), options.ca_pem, false));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, note_refused_names);
  }
  const std::string wire = wire_form(options.alpn);
  if (!wire.empty())
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned int>(wire.size()));
  auto made = std::make_shared<TlsClientContext>();
  made->context = std::move(context);
  made->server_name = options.server_name;
  made->insecure = options.insecure;
  return made;
}

void describe_client(SSL* ssl, Peer& peer) {
  X509* const certificate = SSL_get0_peer_certificate(ssl);
  if (!certificate) return;
  peer.has_certificate = true;
  const StoreContextPtr verification(X509_STORE_CTX_new());
  X509_STORE_CTX_init(verification.get(), SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), certificate,
                      SSL_get_peer_cert_chain(ssl));
  X509_STORE_CTX_set_default(verification.get(), "ssl_client");
  if (X509_verify_cert(verification.get()) != 1) {
    peer.certificate_error = go_text(X509_STORE_CTX_get_error(verification.get()));
  } else {
    const X509_NAME* subject = X509_get_subject_name(certificate);
    auto names = pki::name_values(subject, NID_commonName);
    if (!names.empty()) peer.common_name = std::move(names.front());
    peer.organizations = pki::name_values(subject, NID_organizationName);
  }
  ERR_clear_error();
}

void expect_host(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* const expected = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(
      expected, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) != 1) {
    ERR_clear_error();
    X509_VERIFY_PARAM_set1_host(expected, host.data(), host.size());
    SSL_set_tlsext_host_name(ssl, host.c_str());
  }
}

void offer_protocols(SSL* ssl, const std::vector<std::string>& protocols) {
  const std::string wire = wire_form(protocols);
  SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(wire.data()),
                      static_cast<unsigned int>(wire.size()));
}

std::string certificate_refusal(SSL* ssl, const std::string& host) {
  const long error = SSL_get_verify_result(ssl);
  if (error == X509_V_OK) return "";
  if (error != X509_V_ERR_HOSTNAME_MISMATCH && error != X509_V_ERR_IP_ADDRESS_MISMATCH)
    return go_text(error);
  const auto* names = static_cast<std::string*>(SSL_get_ex_data(ssl, refused_names_index()));
  const std::string valid_for = names ? *names : "";
  return "x509: certificate is valid for " + valid_for + ", not " + host;
}

}  // namespace keelson::net
