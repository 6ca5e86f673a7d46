// SPDX-License-Identifier: Apache-2.0
#include "apiserver/front/health.h"

#include <algorithm>

#include "base/log.h"

namespace keelson::apiserver {

void HealthChecks::add(std::string name, Scope scope, Check check) {
  std::lock_guard lock(mutex_);
  checks_.push_back({std::move(name), scope, std::move(check)});
}

void HealthChecks::serve(Routes& routes) {
  for (const std::string endpoint : {"healthz", "livez", "readyz"}) {
    const RouteHandler handler = [this, endpoint](const RouteRequest& request) {
      return answer(endpoint, request);
    };
    routes.add("/" + endpoint, handler);
    routes.add("/" + endpoint + "/", handler);
  }
}

Task<Result<net::HttpResponse>> HealthChecks::answer(std::string endpoint,
                                                     const RouteRequest& request) {
  std::vector<Entry> checks;
  {
    std::lock_guard lock(mutex_);
    for (const auto& entry : checks_) {
      if (entry.scope == Scope::All || endpoint == "readyz") checks.push_back(entry);
    }
  }
  std::string_view single;
  if (request.target.path.size() > endpoint.size() + 2) {
    single = std::string_view(request.target.path).substr(endpoint.size() + 2);
  }
  const auto excluded = request.target.all("exclude");
  std::string lines;
  bool failed = false;
  bool found = single.empty();
  for (const auto& entry : checks) {
    if (!single.empty() && entry.name != single) continue;
    found = true;
    if (std::ranges::find(excluded, entry.name) != excluded.end()) {
      lines.append("[+]").append(entry.name).append(" excluded: ok\n");
      continue;
    }
    if (const auto result = entry.check(); result) {
      lines.append("[+]").append(entry.name).append(" ok\n");
    } else {
      failed = true;
      log_warning("Health check failed",
                  {{"check", entry.name}, {"err", result.error().message()}});
      lines.append("[-]").append(entry.name).append(" failed: reason withheld\n");
    }
  }
  if (!found) co_return text_response(404, "404 page not found\n");
  if (failed) {
    if (!single.empty()) co_return text_response(500, "internal server error: " + lines);
    co_return text_response(500, lines + endpoint + " check failed\n");
  }
  if (!request.target.has("verbose") || !single.empty()) co_return text_response(200, "ok");
  co_return text_response(200, lines + endpoint + " check passed\n");
}

}  // namespace keelson::apiserver
