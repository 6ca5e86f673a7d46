// SPDX-License-Identifier: Apache-2.0
#include "apiserver/openapi/published.h"

#include "apiserver/front/content_coding.h"
#include "pki/digest.h"

namespace keelson::apiserver {
namespace {

constexpr std::size_t kCompressMin = std::size_t{4} * 1024;
constexpr int kGzipLevel = 6;  // Made once, sent often.

}  // namespace

PublishedPtr publish(std::string content_type, std::string bytes) {
  auto document = std::make_shared<Published>();
  document->content_type = std::move(content_type);
  document->hash = pki::hex(pki::sha256(bytes));
  if (bytes.size() >= kCompressMin) {
    if (auto compressed = gzip(bytes, kGzipLevel)) {
      compressed->shrink_to_fit();
      document->bytes = *std::move(compressed);
      document->gzipped = true;
      return document;
    }
  }
  document->bytes = std::move(bytes);
  return document;
}

std::string plain_bytes(const Published& document) {
  return document.gzipped ? gunzip(document.bytes) : document.bytes;
}

net::HttpResponse respond_published(const net::HttpRequest& request, const Published& document) {
  net::HttpResponse response;
  const std::string tag = "\"" + document.hash + "\"";
  response.headers.set("ETag", tag);
  response.headers.set("Vary", "Accept, Accept-Encoding");
  if (request.headers.get("If-None-Match").find(tag) != std::string_view::npos) {
    response.status = 304;
    return response;
  }
  response.headers.set("Content-Type", document.content_type);
  if (document.gzipped && accepts_gzip(request.headers)) {
    response.headers.set("Content-Encoding", "gzip");
    response.body = document.bytes;
  } else {
    response.body = plain_bytes(document);
  }
  return response;
}

}  // namespace keelson::apiserver
