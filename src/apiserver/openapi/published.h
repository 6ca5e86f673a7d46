// SPDX-License-Identifier: Apache-2.0
// Bytes made once and served as they are to everybody. Kept compressed, as nearly every client
// takes them so and few ask twice.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"

namespace keelson::apiserver {

struct Published {
  std::string content_type;
  std::string bytes;  // As `gzipped` says.
  std::string hash;   // Of the plain bytes: 64 hexadecimal digits.
  bool gzipped = false;
};
using PublishedPtr = std::shared_ptr<const Published>;

// Small documents stay as they are.
PublishedPtr publish(std::string content_type, std::string bytes);

// The bytes as they were given.
std::string plain_bytes(const Published& document);

// Answers a GET or HEAD: 200, or 304 to a client that has the same bytes already.
net::HttpResponse respond_published(const net::HttpRequest& request, const Published& document);

}  // namespace keelson::apiserver
