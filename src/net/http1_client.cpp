// SPDX-License-Identifier: Apache-2.0
#include "net/http1_client.h"

#include "net/prefixed_stream.h"
#include "net/read_buffer.h"

namespace keelson::net {
namespace {

constexpr std::size_t kHeaderMax = 10 << 20;  // Go's default for clients.

// What could smuggle a second request into the first.
bool is_sendable(const HttpRequest& request) {
  const auto printable = [](std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
  };
  return is_token(request.method) && printable(request.target) && printable(request.authority);
}

}  // namespace

Task<Result<HttpResponse>> Http1Client::exchange(HttpRequest request) {
  if (!is_sendable(request)) co_return fail(Status::bad_request("malformed HTTP request"));
  nothing_came_ = true;
  parser_ = Http1Parser::make(
      request.method == "HEAD" ? Http1Parser::Kind::ResponseToHead : Http1Parser::Kind::Response,
      kHeaderMax);
  const bool may_have_body =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  request.headers.remove("Transfer-Encoding");
  request.headers.remove("Host");
  if (!request.body.empty() || may_have_body)
    request.headers.set("Content-Length", std::to_string(request.body.size()));
  const std::string head = write_head(request);
  const std::string_view pieces[] = {head, request.body};
  CO_TRY_OK(co_await stream_->write_all(pieces));
  while (true) {
    std::string no_body;
    CO_TRY(const std::size_t taken, parser_->feed(input_, no_body));
    input_.erase(0, taken);
    if (parser_->head_done()) {
      const int status = parser_->response.status;
      if (status / 100 != 1 || status == 101) co_return std::move(parser_->response);
      parser_ = Http1Parser::make(Http1Parser::Kind::Response, kHeaderMax);
      continue;
    }
    CO_TRY(const bool more, co_await read_more());
    if (!more) co_return fail(Status::unavailable("unexpected EOF"));
  }
}

Task<Result<std::string>> Http1Client::read() {
  std::string body;
  while (!parser_->done()) {
    CO_TRY(const std::size_t taken, parser_->feed(input_, body));
    input_.erase(0, taken);
    if (!body.empty() || parser_->done()) break;
    if (taken > 0 && !input_.empty()) continue;
    CO_TRY(const bool more, co_await read_more());
    if (more) continue;
    CO_TRY_OK(parser_->end());
    break;
  }
  co_return body;
}

std::unique_ptr<Stream> Http1Client::take_stream() {
  if (input_.empty()) return std::move(stream_);
  return std::make_unique<PrefixedStream>(std::exchange(input_, {}), std::move(stream_));
}

Task<Result<bool>> Http1Client::read_more() {
  CO_TRY_OK(co_await stream_->readable());
  const ReadBuffer buffer = ReadBuffer::take();
  auto size = co_await stream_->read(buffer.span());
  if (!size) co_return fail(std::move(size).error());
  if (*size > 0) nothing_came_ = false;
  input_.append(buffer.data(), *size);
  co_return *size > 0;
}

}  // namespace keelson::net
