// SPDX-License-Identifier: Apache-2.0
#include "apiserver/front/http_front.h"

#include <algorithm>

#include "api/codec/json.h"
#include "api/selector.h"
#include "api/time.h"
#include "apiserver/front/status_json.h"

namespace keelson::apiserver {
namespace {

// What authorization is to know of a list; one that cannot be read is refused later.
api::FieldSelector field_selector_of(const net::Target& target) {
  auto selector = api::FieldSelector::parse(target.get("fieldSelector"));
  return selector ? *std::move(selector) : api::FieldSelector();
}

// How long a request may take: what it asks for, but never more than the default.
// Source: upstream, WithRequestDeadline and --request-timeout.
Result<Duration> time_allowed(const net::Target& target) {
  constexpr Duration kDefault = std::chrono::seconds(60);
  const std::string_view text = target.get("timeout");
  if (text.empty()) return kDefault;
  const auto asked = api::Duration::parse(text);
  if (!asked) {
    return fail(Status::bad_request("invalid timeout specified in the request URL - " +
                                    asked.error().message()));
  }
  return asked->value <= Duration::zero() ? kDefault : std::min<Duration>(asked->value, kDefault);
}

// A WebSocket request is a GET, but a command that it starts takes the right to create, as by POST.
// Source: upstream, AuthorizePodWebsocketUpgradeCreatePermission.
Result<void> check_command(const Authorizer& authorizer, const CallContext& call) {
  const std::string& asked = call.info.subresource;
  if (call.info.resource != "pods" || call.info.verb == "create" ||
      (asked != "exec" && asked != "attach" && asked != "portforward")) {
    return {};
  }
  RequestInfo creation = call.info;
  creation.verb = "create";
  return require(authorizer, call.user, creation);
}

bool is_true(std::string_view text) { return !text.empty() && text != "0" && text != "false"; }

}  // namespace

HttpFront::HttpFront(Parts parts) : parts_(std::move(parts)), request_metrics_(parts_.metrics) {}

Task<void> HttpFront::handle(net::HttpExchange& exchange) {
  const Duration start = parts_.executor.monotonic();
  Request request{exchange, {}, {}, parts_.random.uuid(), 0};
  request.call.now = parts_.executor.now();
  request.call.user_agent = exchange.request().headers.get("User-Agent");
  if (const auto id = exchange.request().headers.get("Audit-Id"); !id.empty() && id.size() <= 64) {
    request.audit_id = id;
  }
  auto served = co_await serve(request);
  if (!served && request.code == 0) co_await answer_status(request, std::move(served).error());
  const Duration took = parts_.executor.monotonic() - start;
  request_metrics_.observe(request.call, request.code, took);
  if (parts_.audit) {
    parts_.audit({request.audit_id, request.call, exchange.peer().address, request.code, took});
  }
}

Task<Result<void>> HttpFront::serve(Request& request) {
  const net::HttpRequest& http = request.exchange.request();
  CallContext& call = request.call;
  CO_TRY(request.target, net::parse_target(http.target));
  const net::Target& target = request.target;
  const bool watch = target.is_on("watch");
  CO_TRY(call.info, parse_request_info(http.method, target.path, watch, field_selector_of(target)));

  auto identity =
      co_await parts_.authenticator.authenticate({http.headers, request.exchange.peer(), {}});
  if (!identity || !*identity) co_return fail(Reason::Unauthorized, "Unauthorized");
  CO_TRY(call.user, parts_.pipeline.impersonate(std::move((*identity)->user), http.headers));

  CO_TRY([[maybe_unused]] const auto permit, co_await parts_.pipeline.enter(call));
  if (call.info.is_resource) co_return co_await serve_resource(request);

  const RouteHandler* route = parts_.routes.find(target.path);
  net::HttpResponse response;
  if (route == nullptr) {
    response = text_response(404, "404 page not found\n");
  } else {
    const RouteRequest asked{http, target, call};
    CO_TRY(response, co_await (*route)(asked));
  }
  request.code = response.status;
  response.headers.set("Audit-Id", request.audit_id);
  if (!response.headers.has("Cache-Control")) {
    response.headers.set("Cache-Control", "no-cache, private");
  }
  if (http.method == "HEAD") response.body.clear();
  co_return co_await request.exchange.respond(std::move(response));
}

Task<Result<void>> HttpFront::serve_resource(Request& request) {
  const RequestInfo& info = request.call.info;
  const api::Resource* resource = find_served(info.group, info.version, info.resource);
  const api::Subresource* subresource = resource != nullptr && !info.subresource.empty()
                                            ? resource->find_subresource(info.subresource)
                                            : nullptr;
  if (resource == nullptr || (!info.subresource.empty() && subresource == nullptr)) {
    request.code = 404;
    net::HttpResponse response = text_response(404, "404 page not found\n");
    response.headers.set("Audit-Id", request.audit_id);
    co_return co_await request.exchange.respond(std::move(response));
  }
  if (const ConnectHandler* connect =
          parts_.routes.find_connect(resource->group_resource(), info.subresource)) {
    CO_TRY_OK(check_command(parts_.pipeline.authorizer(), request.call));
    request.code = 200;
    co_await (*connect)(request.exchange, request.call);
    co_return Result<void>{};
  }
  const bool allowed = subresource != nullptr ? std::ranges::find(subresource->verbs, info.verb) !=
                                                    subresource->verbs.end()
                                              : resource->has_verb(info.verb);
  // Names, namespaces and verbs must fit together: no list of one object, no object without name.
  const bool collection = info.verb == "list" || info.verb == "watch";
  const bool unnamed_create = info.verb == "create" && info.subresource.empty();
  const bool bad_place =
      (unnamed_create && !info.name.empty()) ||
      ((info.verb == "update" || info.verb == "patch") && info.name.empty()) ||
      (!resource->namespaced && !info.namespace_.empty() && resource->plural != "namespaces") ||
      (resource->namespaced && info.namespace_.empty() && !collection);
  if (!allowed || bad_place) {
    co_return fail(Status::method_not_allowed(info.group, info.resource, info.verb));
  }
  CO_TRY(request.time_allowed, time_allowed(request.target));
  if (info.verb == "get" || info.verb == "list" || info.verb == "watch") {
    co_return co_await serve_read(request, *resource);
  }
  if (info.verb == "delete" || info.verb == "deletecollection") {
    co_return co_await serve_delete(request, *resource);
  }
  co_return co_await serve_write(request, *resource);
}

Task<Result<void>> HttpFront::serve_read(Request& request, const api::Resource& resource) {
  const RequestInfo& info = request.call.info;
  CO_TRY(Output output, negotiate_for(request, resource));
  if (request.target.has("pretty")) output.pretty = is_true(request.target.get("pretty"));
  // A namespace is not in the namespace that its path names.
  const std::string namespace_ = resource.namespaced ? info.namespace_ : std::string();
  if (info.verb == "get") {
    CO_TRY(auto object,
           co_await parts_.api.get(resource, {namespace_, info.name}, info.subresource,
                                   std::string(request.target.get("resourceVersion"))));
    co_return co_await answer_object(request, resource, std::move(object), 200, output);
  }
  CO_TRY(ListQuery query, parse_list_query(request.target.query));
  if (info.verb == "watch") {
    // The old way of watching one object: its name in the path, which authorization was by.
    if (!info.name.empty()) {
      if (query.field_selector.empty()) query.field_selector = "metadata.name=" + info.name;
      const auto selected = api::FieldSelector::parse(query.field_selector);
      if (!selected || selected->find_exact("metadata.name") != info.name) {
        co_return fail(
            Status::bad_request("fieldSelector metadata.name doesn't match requested name"));
      }
    }
    query.watch = true;
    co_return co_await serve_watch(request, resource, std::move(query), output);
  }
  std::string inconsistent;
  auto list =
      co_await parts_.api.registry().list(resource, namespace_, std::move(query), &inconsistent);
  if (!list) {
    co_await answer_status(request, std::move(list).error(), std::move(inconsistent));
    co_return Result<void>{};
  }
  co_return co_await answer_list(request, resource, *std::move(list), output);
}

Task<Result<void>> HttpFront::serve_delete(Request& request, const api::Resource& resource) {
  const RequestInfo& info = request.call.info;
  CO_TRY(Output output, negotiate_for(request, resource));
  CO_TRY(Body body, co_await read_document(request, "DeleteOptions"));
  if (!body.document.is_null()) {
    const api::Type* type = api::find_type("meta/v1.DeleteOptions");
    CHECK(type != nullptr);
    auto findings = api::normalize(body.document, *type);
    if (!findings) co_return fail(std::move(findings).error());
  }
  CO_TRY(DeleteQuery query, parse_delete_query(request.target.query, body.document));
  request.call.dry_run = query.dry_run;
  const std::string namespace_ = resource.namespaced ? info.namespace_ : std::string();
  if (info.verb == "deletecollection") {
    CO_TRY(ListQuery selection, parse_list_query(request.target.query));
    CO_TRY(auto removed,
           co_await parts_.api.registry().remove_collection(
               request.call, resource, namespace_, std::move(selection), std::move(query)));
    co_return co_await answer_list(request, resource, std::move(removed), output);
  }
  const bool asked_background = query.orphan_dependents_false;
  CO_TRY(auto removed, co_await parts_.api.registry().remove(
                           request.call, resource, {namespace_, info.name}, std::move(query)));
  if (removed.gone && !strategy_for(resource).returns_deleted(resource)) {
    co_return co_await answer_json(request, deleted_json(resource, *removed.object), 200, output);
  }
  const int code = !removed.gone && asked_background ? 202 : 200;
  co_return co_await answer_object(request, resource, std::move(removed.object), code, output);
}

}  // namespace keelson::apiserver
