// SPDX-License-Identifier: Apache-2.0
// Header fields in nghttp2's form.
#pragma once

#include <nghttp2/nghttp2.h>

#include "net/http.h"

namespace keelson::net {

// Points into what it was made of; nghttp2 copies when it is submitted.
class Http2Fields {
 public:
  explicit Http2Fields(const HttpRequest& head, bool secure);
  explicit Http2Fields(const HttpResponse& head);
  explicit Http2Fields(const Headers& trailers);

  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  void add(std::string_view name, std::string_view value);
  void add_all(const Headers& headers);

  std::string status_;
  std::deque<std::string> names_;  // Those that had to be put into lower case.
  std::vector<nghttp2_nv> fields_;
};

}  // namespace keelson::net
