// SPDX-License-Identifier: Apache-2.0
#include "pki/certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "pki/openssl.h"

namespace keelson::pki {
namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>>;
using BigPtr = std::unique_ptr<BIGNUM, Freer<BN_free>>;

Status openssl_failed(std::string_view what) {
  return Status::internal(std::string(what) + ": " + openssl_error());
}

struct Extensions {
  STACK_OF(X509_EXTENSION) * list;
  Extensions() : list(sk_X509_EXTENSION_new_null()) {}
  ~Extensions() { sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free); }
  Extensions(const Extensions&) = delete;
  Extensions& operator=(const Extensions&) = delete;
};

Result<PkeyPtr> generate_key() {
  PkeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return fail(openssl_failed("generate key"));
  return key;
}

bool add_name_entry(X509_NAME* name, int nid, const std::string& value) {
  return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

Result<void> fill_subject(X509_NAME* name, std::string_view common_name,
                          const std::vector<std::string>& organizations) {
  // Each in a relative name of its own, which keeps their order: within one they would be sorted.
  for (const auto& organization : organizations) {
    if (!add_name_entry(name, NID_organizationName, organization))
      return fail(Status::bad_request("organization " + organization + " is no valid name"));
  }
  if (!common_name.empty() && !add_name_entry(name, NID_commonName, std::string(common_name)))
    return fail(
        Status::bad_request("common name " + std::string(common_name) + " is no valid name"));
  return {};
}

Result<void> add_alternative(GENERAL_NAMES* names, int type, std::string_view bytes) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_STRING* value = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
  if (!name || !value ||
      ASN1_STRING_set(value, bytes.data(), static_cast<int>(bytes.size())) != 1) {
    GENERAL_NAME_free(name);
    ASN1_STRING_free(value);
    return fail(openssl_failed("alternative name"));
  }
  GENERAL_NAME_set0_value(name, type, value);
  sk_GENERAL_NAME_push(names, name);
  return {};
}

Result<NamesPtr> alternatives(const std::vector<std::string>& dns_names,
                              const std::vector<std::string>& ip_addresses) {
  NamesPtr names(GENERAL_NAMES_new());
  for (const auto& dns : dns_names) {
    const bool ascii = std::ranges::all_of(dns, [](char c) { return c > ' ' && c < 127; });
    if (dns.empty() || !ascii) return fail(Status::bad_request("invalid DNS name \"" + dns + "\""));
    TRY_OK(add_alternative(names.get(), GEN_DNS, dns));
  }
  for (const auto& ip : ip_addresses) {
    std::array<char, 16> bytes;
    std::size_t size = 0;
    if (inet_pton(AF_INET, ip.c_str(), bytes.data()) == 1)
      size = 4;
    else if (inet_pton(AF_INET6, ip.c_str(), bytes.data()) == 1)
      size = 16;
    if (size == 0) return fail(Status::bad_request("invalid IP address \"" + ip + "\""));
    TRY_OK(add_alternative(names.get(), GEN_IPADD, {bytes.data(), size}));
  }
  return names;
}

bool push_extension(STACK_OF(X509_EXTENSION) * list, int nid, bool critical, void* value) {
  X509_EXTENSION* extension = X509V3_EXT_i2d(nid, critical ? 1 : 0, value);
  return extension && sk_X509_EXTENSION_push(list, extension) > 0;
}

bool add_extension(X509* certificate, int nid, bool critical, void* value) {
  return X509_add1_ext_i2d(certificate, nid, value, critical ? 1 : 0, X509V3_ADD_REPLACE) == 1;
}

bool add_key_usage(X509* certificate, std::initializer_list<int> bits) {
  std::unique_ptr<ASN1_BIT_STRING, Freer<ASN1_BIT_STRING_free>> usage(ASN1_BIT_STRING_new());
  for (const int bit : bits) ASN1_BIT_STRING_set_bit(usage.get(), bit, 1);
  return add_extension(certificate, NID_key_usage, true, usage.get());
}

bool add_purposes(X509* certificate, bool server, bool client) {
  if (!server && !client) return true;
  struct FreePurposes {
    void operator()(EXTENDED_KEY_USAGE* usage) const { EXTENDED_KEY_USAGE_free(usage); }
  };
  std::unique_ptr<EXTENDED_KEY_USAGE, FreePurposes> purposes(EXTENDED_KEY_USAGE_new());
  if (server) sk_ASN1_OBJECT_push(purposes.get(), OBJ_nid2obj(NID_server_auth));
  if (client) sk_ASN1_OBJECT_push(purposes.get(), OBJ_nid2obj(NID_client_auth));
  return add_extension(certificate, NID_ext_key_usage, false, purposes.get());
}

bool add_basic_constraints(X509* certificate, bool is_ca) {
  std::unique_ptr<BASIC_CONSTRAINTS, Freer<BASIC_CONSTRAINTS_free>> constraints(
      BASIC_CONSTRAINTS_new());
  constraints->ca = is_ca ? 0xff : 0;
  return add_extension(certificate, NID_basic_constraints, true, constraints.get());
}

std::string key_identifier(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  X509_pubkey_digest(certificate, EVP_sha1(), digest.data(), &size);  // RFC 5280, 4.2.1.2 (1)
  return std::string(reinterpret_cast<char*>(digest.data()), size);
}

using OctetsPtr = std::unique_ptr<ASN1_OCTET_STRING, Freer<ASN1_OCTET_STRING_free>>;

OctetsPtr octets(std::string_view bytes) {
  OctetsPtr string(ASN1_OCTET_STRING_new());
  ASN1_OCTET_STRING_set(string.get(), reinterpret_cast<const unsigned char*>(bytes.data()),
                        static_cast<int>(bytes.size()));
  return string;
}

bool add_key_identifiers(X509* certificate, X509* issuer, bool is_ca) {
  if (is_ca && !add_extension(certificate, NID_subject_key_identifier, false,
                              octets(key_identifier(certificate)).get()))
    return false;
  std::unique_ptr<AUTHORITY_KEYID, Freer<AUTHORITY_KEYID_free>> authority(AUTHORITY_KEYID_new());
  authority->keyid = octets(key_identifier(issuer)).release();
  return add_extension(certificate, NID_authority_key_identifier, false, authority.get());
}

bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // Positive, and never short.
  const BigPtr number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

std::time_t seconds(Wall time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

// Version, serial number, times and the public key of a new certificate.
Result<X509Ptr> blank_certificate(EVP_PKEY* key, Wall not_before, Wall not_after) {
  X509Ptr certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !set_serial(certificate.get()) ||
      !ASN1_TIME_set(X509_getm_notBefore(certificate.get()), seconds(not_before)) ||
      !ASN1_TIME_set(X509_getm_notAfter(certificate.get()), seconds(not_after)) ||
      X509_set_pubkey(certificate.get(), key) != 1)
    return fail(openssl_failed("make certificate"));
  return certificate;
}

Wall wall_of(const ASN1_TIME* time) {
  const TimePtr epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0, rest = 0;
  ASN1_TIME_diff(&days, &rest, epoch.get(), time);
  return Wall(std::chrono::hours(24) * days + std::chrono::seconds(rest));
}

struct Signer {
  X509Ptr certificate;
  PkeyPtr key;
};

Result<Signer> read_signer(const KeyPair& ca) {
  TRY(auto certificates, read_certificates(ca.certificate_pem));
  TRY(auto key, read_private_key(ca.key_pem));
  if (X509_check_private_key(certificates[0].get(), key.get()) != 1) {
    ERR_clear_error();
    return fail(Status::bad_request("private key does not match the certificate of the authority"));
  }
  return Signer{std::move(certificates[0]), std::move(key)};
}

const EVP_MD* digest_for(EVP_PKEY* key) {
  const int id = EVP_PKEY_get_base_id(key);
  return id == EVP_PKEY_ED25519 || id == EVP_PKEY_ED448 ? nullptr : EVP_sha256();
}

struct Leaf {
  bool server, client;
  Wall not_before, not_after;
};

Result<std::string> sign_leaf(const Signer& signer, EVP_PKEY* key, const X509_NAME* subject,
                              GENERAL_NAMES* names, const Leaf& leaf) {
  const Wall not_after =
      std::min(leaf.not_after, wall_of(X509_get0_notAfter(signer.certificate.get())));
  TRY(auto certificate, blank_certificate(key, leaf.not_before, not_after));
  X509* const made = certificate.get();
  const bool has_names = names && sk_GENERAL_NAME_num(names) > 0;
  // RFC 5280, 4.2.1.6: critical where the subject is empty.
  const bool critical = X509_NAME_entry_count(subject) == 0;
  if (X509_set_subject_name(made, subject) != 1 ||
      X509_set_issuer_name(made, X509_get_subject_name(signer.certificate.get())) != 1 ||
      !add_key_usage(made, {0, 2}) || !add_purposes(made, leaf.server, leaf.client) ||
      !add_basic_constraints(made, false) ||
      !add_key_identifiers(made, signer.certificate.get(), false) ||
      (has_names && !add_extension(made, NID_subject_alt_name, critical, names)) ||
      X509_sign(made, signer.key.get(), digest_for(signer.key.get())) == 0)
    return fail(openssl_failed("sign certificate"));
  return write_certificate(made);
}

std::string text_of(const ASN1_STRING* string) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                     static_cast<std::size_t>(ASN1_STRING_length(string)));
}

template <class Info>
void read_alternatives(const GENERAL_NAMES* names, Info& info) {
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    int type = 0;
    const auto* value = static_cast<const ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type));
    if (type == GEN_DNS) info.dns_names.push_back(text_of(value));
    if (type == GEN_URI) info.uris.push_back(text_of(value));
    if (type == GEN_EMAIL) info.emails.push_back(text_of(value));
    if (type == GEN_IPADD) {
      const std::string bytes = text_of(value);
      std::array<char, INET6_ADDRSTRLEN> text{};
      if (bytes.size() == 4) inet_ntop(AF_INET, bytes.data(), text.data(), text.size());
      if (bytes.size() == 16) inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
      info.ip_addresses.emplace_back(text.data());
    }
  }
}

Result<X509ReqPtr> read_request(std::string_view pem) {
  const BioPtr reader(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509ReqPtr request(PEM_read_bio_X509_REQ(reader.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!request) return fail(Status::bad_request("PEM block type must be CERTIFICATE REQUEST"));
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  const bool sound = key && X509_REQ_verify(request.get(), key) == 1;
  ERR_clear_error();
  if (!sound) return fail(Status::bad_request("the signature of the certificate request is wrong"));
  return request;
}

NamesPtr request_alternatives(X509_REQ* request) {
  STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(request);
  NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr)));
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  ERR_clear_error();
  return names;
}

std::string first_or_empty(std::vector<std::string> values) {
  return values.empty() ? std::string() : std::move(values.front());
}

}  // namespace

Result<KeyPair> make_ca(std::string_view common_name, Wall now, Duration validity) {
  TRY(auto key, generate_key());
  TRY(auto certificate, blank_certificate(key.get(), now, now + validity));
  X509* const made = certificate.get();
  TRY_OK(fill_subject(X509_get_subject_name(made), common_name, {}));
  // Upstream's authorities carry their own name as a DNS name; some verifiers warn without any.
  TRY(auto names, alternatives({std::string(common_name)}, {}));
  if (X509_set_issuer_name(made, X509_get_subject_name(made)) != 1 ||
      !add_key_usage(made, {0, 2, 5}) || !add_basic_constraints(made, true) ||
      !add_key_identifiers(made, made, true) ||
      !add_extension(made, NID_subject_alt_name, false, names.get()) ||
      X509_sign(made, key.get(), EVP_sha256()) == 0)
    return fail(openssl_failed("sign certificate"));
  return KeyPair{write_certificate(made), write_private_key(key.get())};
}

Result<KeyPair> issue(const KeyPair& ca, const CertificateOptions& options, Wall now) {
  TRY(auto signer, read_signer(ca));
  TRY(auto key, generate_key());
  std::unique_ptr<X509_NAME, Freer<X509_NAME_free>> subject(X509_NAME_new());
  TRY_OK(fill_subject(subject.get(), options.common_name, options.organizations));
  TRY(auto names, alternatives(options.dns_names, options.ip_addresses));
  TRY(auto pem, sign_leaf(signer, key.get(), subject.get(), names.get(),
                          {.server = options.server,
                           .client = options.client,
                           .not_before = now,
                           .not_after = now + options.validity}));
  return KeyPair{std::move(pem), write_private_key(key.get())};
}

Result<std::string> make_key() {
  TRY(auto key, generate_key());
  return write_private_key(key.get());
}

Result<std::string> public_key_pem(std::string_view key_pem) {
  TRY(auto key, read_public_key(key_pem));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1) return fail(openssl_failed("write key"));
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<std::string> make_request(std::string_view key_pem, const CertificateOptions& options) {
  TRY(auto key, read_private_key(key_pem));
  X509ReqPtr request(X509_REQ_new());
  TRY_OK(fill_subject(X509_REQ_get_subject_name(request.get()), options.common_name,
                      options.organizations));
  TRY(auto names, alternatives(options.dns_names, options.ip_addresses));
  Extensions extensions;
  if (sk_GENERAL_NAME_num(names.get()) > 0 &&
      (!push_extension(extensions.list, NID_subject_alt_name, false, names.get()) ||
       X509_REQ_add_extensions(request.get(), extensions.list) != 1))
    return fail(openssl_failed("make request"));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), digest_for(key.get())) == 0 ||
      PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1)
    return fail(openssl_failed("make request"));
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<RequestInfo> parse_request(std::string_view request_pem) {
  TRY(auto request, read_request(request_pem));
  const X509_NAME* subject = X509_REQ_get_subject_name(request.get());
  RequestInfo info;
  info.common_name = first_or_empty(name_values(subject, NID_commonName));
  info.organizations = name_values(subject, NID_organizationName);
  if (const auto names = request_alternatives(request.get())) read_alternatives(names.get(), info);
  return info;
}

Result<CertificateInfo> parse_certificate(std::string_view pem) {
  TRY(auto certificates, read_certificates(pem));
  X509* const certificate = certificates[0].get();
  const X509_NAME* subject = X509_get_subject_name(certificate);
  CertificateInfo info;
  info.common_name = first_or_empty(name_values(subject, NID_commonName));
  info.organizations = name_values(subject, NID_organizationName);
  info.issuer_common_name =
      first_or_empty(name_values(X509_get_issuer_name(certificate), NID_commonName));
  const BigPtr serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  char* digits = BN_bn2hex(serial.get());
  info.serial = digits;
  OPENSSL_free(digits);
  info.not_before = wall_of(X509_get0_notBefore(certificate));
  info.not_after = wall_of(X509_get0_notAfter(certificate));
  info.is_ca = (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
  if (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) {
    const auto usage = X509_get_extended_key_usage(certificate);
    info.server = (usage & XKU_SSL_SERVER) != 0;
    info.client = (usage & XKU_SSL_CLIENT) != 0;
  }
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names) read_alternatives(names.get(), info);
  ERR_clear_error();
  return info;
}

bool matches(const KeyPair& pair) {
  const auto certificates = read_certificates(pair.certificate_pem);
  const auto key = read_private_key(pair.key_pem);
  const bool fits =
      certificates && key && X509_check_private_key((*certificates)[0].get(), key->get()) == 1;
  ERR_clear_error();
  return fits;
}

}  // namespace keelson::pki
