// SPDX-License-Identifier: Apache-2.0
// The header blocks of SPDY/3: name-value pairs, deflated with a dictionary, one zlib stream a
// direction for the life of the connection. Source: SPDY Protocol Draft 3.1, section 2.6.10.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"

namespace keelson::net {

// What both sides prime zlib with; its Adler-32 is 0xe3c6a7c2.
const std::string& spdy_dictionary();

class SpdyDeflater final {
 public:
  SpdyDeflater();
  ~SpdyDeflater();
  // Names go out in lower case; values of one name are joined by NUL, as the protocol asks.
  std::string deflate(const Headers& headers);

 private:
  struct Zlib;
  std::unique_ptr<Zlib> zlib_;
};

class SpdyInflater final {
 public:
  SpdyInflater();
  ~SpdyInflater();
  // Errors: BadRequest for bytes that are not a header block or inflate to more than `limit_bytes`.
  Result<Headers> inflate(std::string_view block, std::size_t limit_bytes);

 private:
  struct Zlib;
  std::unique_ptr<Zlib> zlib_;
};

}  // namespace keelson::net
