// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1, the client's side: one connection, one request at a time.
#pragma once

#include "net/http1_codec.h"

namespace keelson::net {

class Http1Client {
 public:
  explicit Http1Client(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}

  // Sends the request and waits for the head of its response. Errors: BadRequest for a request that
  // cannot be written; Unavailable, after which nothing_came() says whether it may be sent again.
  Task<Result<HttpResponse>> exchange(HttpRequest request);
  bool nothing_came() const { return nothing_came_; }
  // Some of the body; empty at its end.
  Task<Result<std::string>> read();
  // The response is at its end, and another request can follow.
  bool reusable() const {
    return parser_ && parser_->done() && parser_->keep_alive() && input_.empty();
  }
  // After a 101: the connection itself.
  std::unique_ptr<Stream> take_stream();

 private:
  Task<Result<bool>> read_more();

  std::unique_ptr<Stream> stream_;
  std::string input_;  // Read, not yet parsed.
  std::unique_ptr<Http1Parser> parser_;
  bool nothing_came_ = true;
};

}  // namespace keelson::net
