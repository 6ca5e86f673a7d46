// SPDX-License-Identifier: Apache-2.0
#include "apiserver/api_server.h"

#include <boost/json/value_from.hpp>

#include "api/codec/json.h"
#include "apiserver/bootstrap.h"
#include "apiserver/front/http_front.h"
#include "apiserver/front/pipeline.h"
#include "apiserver/in_process.h"
#include "apiserver/registry/conversion/convert.h"
#include "apiserver/reviews/access_review.h"
#include "apiserver/reviews/identity_review.h"

namespace keelson::apiserver {

struct ApiServer::Impl {
  explicit Impl(ApiServerOptions given)
      : options(std::move(given)),
        caches(*options.store, *options.executor, options.shared_store),
        storage(*options.store, caches, *options.executor, metrics),
        registry({storage, *options.executor, *options.random, admission}),
        api(registry),
        limiter(options.limits, *options.executor, metrics),
        base_authorizer(make_base_authorizer()),
        loopback_pipeline(*base_authorizer, limiter) {}

  ServerContext context() {
    return {*options.executor, *options.random, caches, api, metrics, options.settings, *loopback};
  }
  InProcessParts in_process() {
    return {*pipeline, api, *options.executor, *options.random, options.audit};
  }

  void add_caches();
  void add_metrics();
  void add_routes();

  ApiServerOptions options;
  Metrics metrics;
  CacheSet caches;
  Storage storage;
  AdmissionChain admission{{}};
  Registry registry;
  ResourceApi api;
  FlowLimiter limiter;
  Routes routes;
  HealthChecks health;
  // The server's own client is there before the authorizer, which may be built with it; its
  // identity may do everything anyhow.
  std::unique_ptr<Authorizer> base_authorizer;
  Pipeline loopback_pipeline;
  std::unique_ptr<Authorizer> authorizer;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<client::Client> loopback;
  std::unique_ptr<Authenticator> authenticator;
  std::unique_ptr<HttpFront> front;
  std::atomic<bool> ready{false}, stopping{false};
};

void ApiServer::Impl::add_caches() {
  for (const api::GroupVersion* version : api::builtin_group_versions()) {
    for (const api::Resource& resource : version->resources) {
      if (find_served(resource.group, resource.version, resource.plural) != &resource) continue;
      // What can be listed is stored; the rest is asked for and forgotten.
      if (resource.has_verb("list") && resource.has_verb("create")) {
        caches.add(stored_form(resource));
      }
    }
  }
}

void ApiServer::Impl::add_metrics() {
  caches.each([&](WatchCache& cache) {
    const api::Resource& resource = cache.resource();
    const std::string name = resource.group_resource();
    metrics.gauge_from("apiserver_storage_objects",
                       "Number of stored objects at the time of last check split by kind.",
                       {{"resource", name}},
                       [&cache] { return static_cast<double>(cache.size()); });
    metrics.gauge_from("apiserver_longrunning_requests",
                       "Gauge of all active long-running apiserver requests broken out by verb, "
                       "group, version, resource, scope and component.",
                       {{"group", std::string(resource.group)},
                        {"resource", std::string(resource.plural)},
                        {"verb", "WATCH"}},
                       [&cache] { return static_cast<double>(cache.watchers()); });
  });
}

void ApiServer::Impl::add_routes() {
  health.add("ping", HealthChecks::Scope::All, [] { return Result<void>{}; });
  health.add("etcd", HealthChecks::Scope::All, [this]() -> Result<void> {
    if (caches.applied() == 0) return fail(Status::unavailable("the store was not read yet"));
    return {};
  });
  health.add("informer-sync", HealthChecks::Scope::ReadyOnly, [this]() -> Result<void> {
    if (!ready) return fail(Status::unavailable("starting"));
    return {};
  });
  health.add("shutdown", HealthChecks::Scope::ReadyOnly, [this]() -> Result<void> {
    if (stopping) return fail(Status::unavailable("process is shutting down"));
    return {};
  });
  health.serve(routes);
  routes.add("/metrics", [this](const RouteRequest&) -> Task<Result<net::HttpResponse>> {
    net::HttpResponse response;
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    response.body = metrics.text();
    co_return response;
  });
  routes.add("/", [this](const RouteRequest&) -> Task<Result<net::HttpResponse>> {
    const boost::json::object answer{{"paths", boost::json::value_from(routes.paths())}};
    co_return json_response(200, boost::json::serialize(answer));
  });
  // Client libraries generated from the OpenAPI document ask with the slash, kubectl without.
  for (const char* path : {"/version", "/version/"}) {
    routes.add(path, [this](const RouteRequest&) -> Task<Result<net::HttpResponse>> {
      co_return json_response(200, version_json(options.settings));
    });
  }
}

ApiServer::ApiServer(ApiServerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  Impl& impl = *impl_;
  impl.add_caches();
  impl.add_metrics();
  impl.loopback = make_in_process_client(
      {impl.loopback_pipeline, impl.api, *impl.options.executor, *impl.options.random, {}},
      User::system_masters("system:apiserver"));

  const ServerContext context = impl.context();
  std::vector<std::unique_ptr<Authenticator>> authenticators;
  if (impl.options.authenticators) {
    authenticators = impl.options.authenticators(context);
  } else {
    authenticators.push_back(make_certificate_authenticator());
  }
  impl.authenticator = make_authenticator_chain(std::move(authenticators));
  std::vector<std::unique_ptr<Authorizer>> authorizers;
  authorizers.push_back(make_base_authorizer());
  if (impl.options.authorizer) authorizers.push_back(impl.options.authorizer(context));
  impl.authorizer = make_authorizer_chain(std::move(authorizers));
  impl.registry.set_authorizer(*impl.authorizer);
  impl.pipeline = std::make_unique<Pipeline>(*impl.authorizer, impl.limiter);
  if (impl.options.admission) impl.admission = AdmissionChain(impl.options.admission(context));

  add_access_reviews(impl.api, *impl.authorizer);
  add_identity_reviews(impl.api, *impl.authenticator);
  impl.add_routes();
  impl.front = std::make_unique<HttpFront>(HttpFront::Parts{
      *impl.authenticator, *impl.pipeline, impl.api, impl.routes, *impl.options.executor,
      *impl.options.random, impl.metrics, impl.options.audit});
  if (impl.options.extend) impl.options.extend(context, *this);
}

ApiServer::~ApiServer() = default;

Task<Result<void>> ApiServer::start() {
  CO_TRY_OK(co_await impl_->caches.start());
  CO_TRY_OK(co_await make_system_objects(*impl_->loopback, impl_->options.settings));
  if (impl_->options.bootstrap) CO_TRY_OK(co_await impl_->options.bootstrap(impl_->context()));
  impl_->ready = true;
  co_return Result<void>{};
}

Task<void> ApiServer::stop() {
  impl_->stopping = true;
  co_await impl_->caches.stop();
}

Task<void> ApiServer::handle(net::HttpExchange& exchange) { return impl_->front->handle(exchange); }

std::unique_ptr<client::Client> ApiServer::make_client(User user) {
  return make_in_process_client(impl_->in_process(), std::move(user));
}

Routes& ApiServer::routes() { return impl_->routes; }
HealthChecks& ApiServer::health() { return impl_->health; }
ResourceApi& ApiServer::api() { return impl_->api; }
Metrics& ApiServer::metrics() { return impl_->metrics; }
CacheSet& ApiServer::caches() { return impl_->caches; }
const Authorizer& ApiServer::authorizer() const { return *impl_->authorizer; }

}  // namespace keelson::apiserver
