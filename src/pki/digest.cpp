// SPDX-License-Identifier: Apache-2.0
#include "pki/digest.h"

#include <openssl/evp.h>

#include "base/random.h"

namespace keelson::pki {
namespace {

// Fetched once: looking an algorithm up by name costs more than digesting a short text.
const EVP_MD* sha256_algorithm() {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(algorithm != nullptr);
  return algorithm;
}

}  // namespace

std::string sha256(std::string_view data) {
  std::string digest(32, '\0');
  CHECK(EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(digest.data()),
                   nullptr, sha256_algorithm(), nullptr) == 1);
  return digest;
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    text.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    text.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return text;
}

std::string random_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  secure_bytes({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
  return bytes;
}

}  // namespace keelson::pki
