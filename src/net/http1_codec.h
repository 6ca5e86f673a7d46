// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 messages from and to bytes; no waiting, no sockets. Boost.Beast parses, and the rules
// that keep two parsers from reading one stream differently are checked here.
// Source: RFC 9110, RFC 9112.
#pragma once

#include "net/http.h"

namespace keelson::net {

// One message. Feed it until done(), then make a new one for the next.
class Http1Parser {
 public:
  enum class Kind { Request, Response, ResponseToHead };

  static std::unique_ptr<Http1Parser> make(Kind kind, std::size_t header_limit);
  virtual ~Http1Parser() = default;

  // Takes what it can from the front of `bytes` and appends the body in it to `body`. Returns how
  // much was taken; what was not, comes first the next time, with more behind it. Stops behind the
  // head, and at the end of the message.
  // Errors: BadRequest; code 431 for a head beyond the limit; NotImplemented for a foreign coding.
  virtual Result<std::size_t> feed(std::string_view bytes, std::string& body) = 0;
  // The stream has ended: fine for a response whose body lasts until then. Errors: Unavailable.
  virtual Result<void> end() = 0;

  virtual bool started() const = 0;
  virtual bool head_done() const = 0;
  virtual bool done() const = 0;
  // Once the head is done:
  virtual bool keep_alive() const = 0;
  // The body's length where it is known beforehand.
  virtual std::optional<std::uint64_t> content_length() const = 0;

  HttpRequest request;    // Of Kind::Request
  HttpResponse response;  // Of the others; without body
};

std::string_view reason_phrase(int status);

// "HTTP/1.1 200 OK\r\n..." with the blank line. Fields that would break the framing (line breaks,
// names that are no tokens) are left out.
std::string write_head(const HttpResponse& head);
std::string write_head(const HttpRequest& head);

// "1a\r\n": precedes a chunk; "\r\n" follows it, and kLastChunk ends them.
std::string chunk_head(std::size_t size);
constexpr std::string_view kLastChunk = "0\r\n\r\n";

// "Sat, 21 Nov 2026 06:38:54 GMT"
std::string http_date(Wall now);

// Whether a message with these fields may carry them in HTTP/2, where they mean nothing.
bool is_connection_field(std::string_view name);
bool is_token(std::string_view text);
bool is_field_value(std::string_view text);

}  // namespace keelson::net
