// SPDX-License-Identifier: Apache-2.0
// Answers: objects, lists, tables, errors; compressed where that pays.
#include <set>

#include "api/codec/json.h"
#include "apiserver/front/content_coding.h"
#include "apiserver/front/http_front.h"
#include "apiserver/front/json_text.h"
#include "apiserver/front/status_json.h"

namespace keelson::apiserver {
namespace {

// Upstream's defaultGzipThresholdBytes.
constexpr std::size_t kCompressMin = std::size_t{128} * 1024;
constexpr int kGzipLevel = 1;  // The network is rarely worth more time.

bool is_to_be_compressed(std::size_t size, const net::Headers& headers) {
  return size > kCompressMin && accepts_gzip(headers);
}

const std::shared_ptr<const std::string>& line_feed() {
  static const auto kLineFeed = std::make_shared<const std::string>("\n");
  return kLineFeed;
}

// RFC 7234, section 5.5.
std::string warning_header(std::string_view text) {
  std::string out = "299 - \"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c == '\n' || c == '\r' ? ' ' : c);
  }
  return out.append("\"");
}

}  // namespace

Result<Output> HttpFront::negotiate_for(const Request& request, const api::Resource& resource) {
  const bool builtin =
      api::find_builtin(resource.group, resource.version, resource.plural) == &resource;
  return negotiate(request.exchange.request().headers.get("Accept"),
                   {.alternate = true, .protobuf = builtin});
}

net::HttpResponse HttpFront::head(const Request& request, int code, const Output& output) const {
  net::HttpResponse response;
  response.status = code;
  response.headers.add("Audit-Id", request.audit_id);
  response.headers.add("Cache-Control", "no-cache, private");
  response.headers.add("Content-Type", std::string(output.serializer->media_type));
  std::set<std::string_view> seen;
  for (const auto& warning : request.call.warnings) {
    if (seen.insert(warning).second) response.headers.add("Warning", warning_header(warning));
  }
  return response;
}

Task<void> HttpFront::answer_status(Request& request, Status status, std::string continue_) {
  if (status.is(Reason::Canceled)) {
    status = Status(Reason::ServiceUnavailable, "the server is shutting down");
  }
  request.code = status.code();
  Output output;
  output.serializer = &serializers().front();
  std::string body = status_json(status, continue_);
  // An error has no other form than its own, and is told in JSON to those who accept nothing.
  if (const auto wanted = negotiate(request.exchange.request().headers.get("Accept"),
                                    {.alternate = false, .protobuf = true});
      wanted && wanted->serializer->encode != nullptr) {
    if (auto encoded = wanted->serializer->encode(body)) {
      body = *std::move(encoded);
      output = *wanted;
    }
  }
  net::HttpResponse response = head(request, status.code(), output);
  if (status.details().retry_after_seconds > 0) {
    response.headers.add("Retry-After", std::to_string(status.details().retry_after_seconds));
  }
  response.body = std::move(body);
  // A peer that has gone needs no answer.
  [[maybe_unused]] const auto sent = co_await request.exchange.respond(std::move(response));
}

Task<Result<void>> HttpFront::answer_json(Request& request, std::string json, int code,
                                          Output output) {
  if (output.serializer->encode != nullptr) {
    CO_TRY(json, output.serializer->encode(json));
  } else {
    if (output.pretty) json = pretty_json(json);
    json.push_back('\n');
  }
  request.code = code;
  net::HttpResponse response = head(request, code, output);
  if (is_to_be_compressed(json.size(), request.exchange.request().headers)) {
    if (auto compressed = gzip(json, kGzipLevel)) {
      json = *std::move(compressed);
      response.headers.add("Content-Encoding", "gzip");
      response.headers.add("Vary", "Accept-Encoding");
    }
  }
  response.body = std::move(json);
  co_return co_await request.exchange.respond(std::move(response));
}

Task<Result<void>> HttpFront::answer_object(Request& request, const api::Resource& resource,
                                            api::ObjectPtr object, int code, Output output) {
  if (output.form == OutputForm::Table) {
    ListResult list;
    list.revision = object->resource_version();
    list.items.push_back(std::move(object));
    co_return co_await answer_json(request,
                                   table_json(resource, list, row_object(request.target),
                                              request.call.now, output.table_version),
                                   code, output);
  }
  if (output.form == OutputForm::Partial) {
    co_return co_await answer_json(request, partial_json(*object, output.table_version), code,
                                   output);
  }
  if (output.serializer->encode == nullptr && !output.pretty) {
    // The bytes themselves, shared with everybody else who reads this version.
    request.code = code;
    const std::string* json = &object->json();
    SharedText body;
    body.emplace_back(std::move(object), json);
    body.push_back(line_feed());
    co_return co_await request.exchange.respond_shared(head(request, code, output),
                                                       std::move(body));
  }
  co_return co_await answer_json(request, object->json(), code, output);
}

Task<Result<void>> HttpFront::answer_list(Request& request, const api::Resource& resource,
                                          ListResult list, Output output) {
  std::string json;
  switch (output.form) {
    case OutputForm::Object: {
      SharedText text = list_text(resource, list);
      if (output.serializer->encode == nullptr && !output.pretty &&
          !is_to_be_compressed(size_of(text), request.exchange.request().headers)) {
        request.code = 200;
        text.push_back(line_feed());
        co_return co_await request.exchange.respond_shared(head(request, 200, output),
                                                           std::move(text));
      }
      json = joined(text);
      break;
    }
    case OutputForm::Partial:
      json = partial_list_json(list, output.table_version);
      break;
    case OutputForm::Table:
      json = table_json(resource, list, row_object(request.target), request.call.now,
                        output.table_version);
      break;
  }
  co_return co_await answer_json(request, std::move(json), 200, output);
}

}  // namespace keelson::apiserver
