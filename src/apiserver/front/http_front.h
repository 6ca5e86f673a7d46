// SPDX-License-Identifier: Apache-2.0
// HTTP in, HTTP out: who asks, what for, in which form; then the pipeline and the verbs.
#pragma once

#include <memory>
#include <string>

#include "apiserver/audit/audit.h"
#include "apiserver/authn/authenticator.h"
#include "apiserver/context/routes.h"
#include "apiserver/front/media_types.h"
#include "apiserver/front/pipeline.h"
#include "apiserver/front/request_metrics.h"
#include "apiserver/registry/resource_api.h"
#include "net/http.h"

namespace keelson::apiserver {

// Upstream's MaxRequestBodyBytes.
inline constexpr std::size_t kBodyMax = std::size_t{3} * 1024 * 1024;

class HttpFront {
 public:
  struct Parts {
    Authenticator& authenticator;
    Pipeline& pipeline;
    ResourceApi& api;
    const Routes& routes;
    Executor& executor;
    Random& random;
    Metrics& metrics;
    AuditSink audit;
  };
  explicit HttpFront(Parts parts);

  Task<void> handle(net::HttpExchange& exchange);

 private:
  // One request: what is known of it, and how its answer turned out.
  struct Request {
    net::HttpExchange& exchange;
    net::Target target;
    CallContext call;
    std::string audit_id;
    int code = 0;
    Duration time_allowed{};
  };

  Task<Result<void>> serve(Request& request);
  Task<Result<void>> serve_resource(Request& request);
  Task<Result<void>> serve_read(Request& request, const api::Resource& resource);
  Task<Result<void>> serve_write(Request& request, const api::Resource& resource);
  Task<Result<void>> serve_delete(Request& request, const api::Resource& resource);
  Task<Result<void>> serve_watch(Request& request, const api::Resource& resource, ListQuery query,
                                 Output output);
  // The form of an answer about `resource`. Errors: NotAcceptable.
  static Result<Output> negotiate_for(const Request& request, const api::Resource& resource);
  Task<Result<Body>> read_document(Request& request, std::string kind);
  Task<Result<Written>> write(Request& request, const api::Resource& resource);

  // --- Answers
  // ------------------------------------------------------------------------------------
  net::HttpResponse head(const Request& request, int code, const Output& output) const;
  Task<void> answer_status(Request& request, Status status, std::string continue_ = {});
  Task<Result<void>> answer_object(Request& request, const api::Resource& resource,
                                   api::ObjectPtr object, int code, Output output);
  Task<Result<void>> answer_list(Request& request, const api::Resource& resource, ListResult list,
                                 Output output);
  Task<Result<void>> answer_json(Request& request, std::string json, int code, Output output);

  Parts parts_;
  RequestMetrics request_metrics_;
};

}  // namespace keelson::apiserver
