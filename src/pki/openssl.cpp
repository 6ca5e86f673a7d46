// SPDX-License-Identifier: Apache-2.0
#include "pki/openssl.h"

#include <openssl/err.h>

namespace keelson::pki {
namespace {

BioPtr reader_of(std::string_view pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

std::string contents_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

// A key file with a password is refused, not asked for on the terminal.
int no_password(char*, int, int, void*) { return -1; }

}  // namespace

std::string openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

Result<PkeyPtr> read_private_key(std::string_view pem) {
  PkeyPtr key(PEM_read_bio_PrivateKey(reader_of(pem).get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!key) return fail(Status::bad_request("data does not contain a valid private key"));
  return key;
}

Result<PkeyPtr> read_public_key(std::string_view pem) {
  PkeyPtr key(PEM_read_bio_PUBKEY(reader_of(pem).get(), nullptr, no_password, nullptr));
  if (!key) {
    if (const X509Ptr certificate{
            PEM_read_bio_X509(reader_of(pem).get(), nullptr, no_password, nullptr)})
      key.reset(X509_get_pubkey(certificate.get()));
  }
  if (!key) key.reset(PEM_read_bio_PrivateKey(reader_of(pem).get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!key) return fail(Status::bad_request("data does not contain a valid public key"));
  return key;
}

Result<std::vector<X509Ptr>> read_certificates(std::string_view pem) {
  std::vector<X509Ptr> certificates;
  const BioPtr reader = reader_of(pem);
  while (X509* one = PEM_read_bio_X509(reader.get(), nullptr, no_password, nullptr))
    certificates.emplace_back(one);
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const bool at_end = ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  if (certificates.empty() || !at_end)
    return fail(Status::bad_request("data does not contain any valid certificates"));
  return certificates;
}

std::string write_private_key(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return contents_of(bio.get());
}

std::string write_certificate(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return contents_of(bio.get());
}

std::vector<std::string> name_values(const X509_NAME* name, int nid) {
  std::vector<std::string> values;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0;) {
    unsigned char* text = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size < 0) continue;
    values.emplace_back(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
  }
  ERR_clear_error();
  return values;
}

}  // namespace keelson::pki
