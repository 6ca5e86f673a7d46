// SPDX-License-Identifier: Apache-2.0
// The API server put together: store, caches, registry, pipeline, front. Sockets are the caller's:
// it serves HttpExchanges and in-process clients. Thread-safe once started; deterministic on a
// serial executor with the memory store.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/admission/admission.h"
#include "apiserver/audit/audit.h"
#include "apiserver/authn/authenticator.h"
#include "apiserver/authz/authorizer.h"
#include "apiserver/context/cluster_settings.h"
#include "apiserver/context/routes.h"
#include "apiserver/flowcontrol/limiter.h"
#include "apiserver/front/health.h"
#include "apiserver/registry/resource_api.h"
#include "base/metrics.h"
#include "client/client.h"
#include "net/http.h"
#include "store/store.h"

namespace keelson::apiserver {

// What stages are built from; all of it outlives them.
struct ServerContext {
  Executor& executor;
  Random& random;
  CacheSet& caches;
  ResourceApi& api;
  Metrics& metrics;
  const ClusterSettings& settings;
  // A client with full power, for what plugins create themselves.
  client::Client& client;
};

struct ApiServerOptions {
  // All three outlive the server.
  store::Store* store = nullptr;
  Executor* executor = nullptr;
  Random* random = nullptr;
  bool shared_store = false;  // Other servers write to the store too.

  ClusterSettings settings;
  FlowLimits limits;
  AuditSink audit;

  // Stages, built once the caches exist. Empty: client certificates; system:masters only; no
  // admission; nothing.
  std::function<std::vector<std::unique_ptr<Authenticator>>(const ServerContext&)> authenticators;
  std::function<std::unique_ptr<Authorizer>(const ServerContext&)> authorizer;
  std::function<std::vector<std::unique_ptr<AdmissionPlugin>>(const ServerContext&)> admission;
  // Adds allocations, create handlers, routes, connect handlers and health checks.
  std::function<void(const ServerContext&, class ApiServer&)> extend;
  // Objects to make when they are missing, after the server's own.
  std::function<Task<Result<void>>(const ServerContext&)> bootstrap;
};

class ApiServer {
 public:
  explicit ApiServer(ApiServerOptions options);
  ~ApiServer();

  // Fills the caches and makes the objects that every cluster has. Errors: those of the store.
  Task<Result<void>> start();
  // Ends watches; requests under way may finish. The store is left open.
  Task<void> stop();

  Task<void> handle(net::HttpExchange& exchange);
  // Must not outlive the server.
  std::unique_ptr<client::Client> make_client(User user);

  // Before start().
  Routes& routes();
  HealthChecks& health();
  ResourceApi& api();

  Metrics& metrics();
  CacheSet& caches();
  const Authorizer& authorizer() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson::apiserver
