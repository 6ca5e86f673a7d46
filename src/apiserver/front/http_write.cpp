// SPDX-License-Identifier: Apache-2.0
// POST, PUT and PATCH: the body, and the time that it may take.
#include "api/codec/json.h"
#include "apiserver/front/http_front.h"

namespace keelson::apiserver {
namespace {

constexpr std::size_t kSummaryMax = 30;

Status too_large() {
  return Status(Reason::RequestEntityTooLarge,
                "Request entity too large: limit is " + std::to_string(kBodyMax));
}

// The start of a body that could not be read, as upstream shows it: as text if it looks like JSON.
std::string summary(std::string_view bytes) {
  if (bytes.empty()) return "<empty>";
  const std::string_view start = bytes.substr(0, kSummaryMax);
  std::string out;
  if (bytes.front() == '{') {
    out = start;
  } else {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const char c : start) {
      out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
      out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
    }
  }
  if (bytes.size() > kSummaryMax) out.append(" ...");
  return out;
}

Result<PatchKind> patch_kind(std::string_view content_type) {
  const MediaType type = parse_media_type(content_type);
  if (type.type == "application/json-patch+json") return PatchKind::Json;
  if (type.type == "application/merge-patch+json") return PatchKind::Merge;
  if (type.type == "application/strategic-merge-patch+json") return PatchKind::Strategic;
  return fail(Reason::UnsupportedMediaType,
              "the body of the request was in an unknown format - accepted media types include: "
              "application/json-patch+json, application/merge-patch+json, "
              "application/strategic-merge-patch+json");
}

}  // namespace

Task<Result<Body>> HttpFront::read_document(Request& request, std::string kind) {
  const std::string_view content_type = request.exchange.request().headers.get("Content-Type");
  const Serializer* serializer = &serializers().front();
  if (!content_type.empty()) serializer = find_serializer(parse_media_type(content_type).type);
  auto bytes = co_await request.exchange.read_body(kBodyMax);
  if (!bytes) {
    co_return fail(bytes.error().is(Reason::RequestEntityTooLarge) ? too_large()
                                                                   : std::move(bytes).error());
  }
  if (bytes->empty() && kind == "DeleteOptions") co_return Body{};
  if (serializer == nullptr) {
    co_return fail(Reason::UnsupportedMediaType,
                   "the body of the request was in an unknown format - accepted media types "
                   "include: " +
                       supported_media_types());
  }
  auto body = serializer->decode(*bytes);
  if (!body) {
    const std::string_view cause = serializer->form == WireForm::Protobuf
                                       ? ""
                                       : "couldn't get version/kind; json parse error: ";
    co_return fail(Status::bad_request("the object provided is unrecognized (must be of type " +
                                       kind + "): " + std::string(cause) + body.error().message() +
                                       " (" + summary(*bytes) + ")"));
  }
  co_return body;
}

Task<Result<void>> HttpFront::serve_write(Request& request, const api::Resource& resource) {
  CO_TRY(Output output, negotiate_for(request, resource));
  CO_TRY_OK(parse_write_query(request.target.query, request.call));
  auto written = co_await with_timeout(request.time_allowed, write(request, resource));
  if (!written) {
    if (written.error().is(Reason::Timeout)) {
      co_return fail(Reason::Timeout,
                     "Timeout: request did not complete within the allotted timeout");
    }
    co_return fail(std::move(written).error());
  }
  co_return co_await answer_object(request, resource, std::move(written->object),
                                   written->created ? 201 : 200, output);
}

Task<Result<Written>> HttpFront::write(Request& request, const api::Resource& resource) {
  CallContext& call = request.call;
  const RequestInfo& info = call.info;
  const api::ObjectKey key{resource.namespaced ? info.namespace_ : std::string(), info.name};
  if (info.verb == "patch") {
    CO_TRY(const PatchKind kind,
           patch_kind(request.exchange.request().headers.get("Content-Type")));
    auto bytes = co_await request.exchange.read_body(kBodyMax);
    if (!bytes) {
      co_return fail(bytes.error().is(Reason::RequestEntityTooLarge) ? too_large()
                                                                     : std::move(bytes).error());
    }
    co_return co_await parts_.api.patch(call, resource, key, info.subresource, kind,
                                        *std::move(bytes));
  }
  std::string kind(resource.kind);
  if (!info.subresource.empty()) {
    const auto* entry = resource.find_subresource(info.subresource);
    if (entry != nullptr && !entry->kind.empty()) kind = entry->kind;
  }
  CO_TRY(Body body, co_await read_document(request, std::move(kind)));
  if (info.verb == "create") {
    co_return co_await parts_.api.create(call, resource, key, info.subresource, std::move(body));
  }
  co_return co_await parts_.api.update(call, resource, key, info.subresource, std::move(body));
}

}  // namespace keelson::apiserver
