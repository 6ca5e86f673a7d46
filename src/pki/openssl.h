// SPDX-License-Identifier: Apache-2.0
// OpenSSL's objects with owners. For the .cpp files of pki and net only.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace keelson::pki {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using X509ReqPtr = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;

// Empties the thread's error queue and returns the text of its last entry.
std::string openssl_error();

// Errors: BadRequest.
Result<PkeyPtr> read_private_key(std::string_view pem);
// A PUBLIC KEY, the public half of a private key, or the key of a CERTIFICATE.
Result<PkeyPtr> read_public_key(std::string_view pem);
// All certificates of a file; at least one.
Result<std::vector<X509Ptr>> read_certificates(std::string_view pem);

std::string write_private_key(EVP_PKEY* key);  // PKCS #8
std::string write_certificate(X509* certificate);

// All values of one kind (NID_commonName...) in order, as UTF-8.
std::vector<std::string> name_values(const X509_NAME* name, int nid);

}  // namespace keelson::pki
