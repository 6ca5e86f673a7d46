// SPDX-License-Identifier: Apache-2.0
// All that tells clients about the API: discovery and OpenAPI. Each document is made when it is
// first asked for, and kept compressed. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/schema.h"
#include "apiserver/context/routes.h"
#include "apiserver/discovery/served.h"
#include "base/result.h"
#include "net/http.h"

namespace keelson::apiserver {

struct ApiDocumentOptions {
  std::string version;         // "v1.36.2", as /version tells it.
  std::string server_address;  // "host:port" where clients reach the server.
  ServesResource serves = serves_by_default;
};

class ApiDocuments {
 public:
  explicit ApiDocuments(ApiDocumentOptions options);
  ~ApiDocuments();

  // The groups and versions made at run time, in place of those given before; they are kept as long
  // as they are shown. Documents made before are forgotten.
  void set_custom(std::vector<std::shared_ptr<const api::GroupVersion>> versions);

  // Answers GET and HEAD of /api, /apis, /openapi/v2, /openapi/v3 and what is below them.
  // Errors: NotFound for other paths, NotAcceptable.
  Result<net::HttpResponse> answer(const net::HttpRequest& request, const net::Target& target);

  // Adds routes to all of it. This must outlive them.
  void serve(Routes& routes);

 private:
  struct Snapshot;

  const ApiDocumentOptions options_;
  std::atomic<std::shared_ptr<Snapshot>> snapshot_;
};

}  // namespace keelson::apiserver
