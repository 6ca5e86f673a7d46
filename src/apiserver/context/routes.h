// SPDX-License-Identifier: Apache-2.0
// What is served apart from resources: health, version, metrics, discovery, OpenAPI; and the
// subresources that take over the connection.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/context/request.h"
#include "base/task.h"
#include "net/http.h"

namespace keelson::apiserver {

struct RouteRequest {
  const net::HttpRequest& http;
  const net::Target& target;
  const CallContext& call;
};
// Errors become a Status. The request outlives the task.
using RouteHandler = std::function<Task<Result<net::HttpResponse>>(const RouteRequest& request)>;

// Takes over a whole exchange that has been authorized: exec, attach, portforward, log, proxy.
// It answers errors itself; an exchange left unanswered gets a 500.
using ConnectHandler = std::function<Task<void>(net::HttpExchange& exchange, CallContext& call)>;

// Set up before the server starts.
class Routes {
 public:
  // A path that ends in a slash serves all below it too; the longest match wins.
  void add(std::string path, RouteHandler handler);
  const RouteHandler* find(std::string_view path) const;
  // Sorted, without those that end in a slash.
  std::vector<std::string> paths() const;

  // `group_resource` is "pods", "services", "nodes".
  void add_connect(std::string group_resource, std::string subresource, ConnectHandler handler);
  const ConnectHandler* find_connect(std::string_view group_resource,
                                     std::string_view subresource) const;

 private:
  std::map<std::string, RouteHandler, std::less<>> routes_;
  std::map<std::pair<std::string, std::string>, ConnectHandler> connect_;
};

// A plain or JSON answer.
net::HttpResponse text_response(int status, std::string body);
net::HttpResponse json_response(int status, std::string body);

}  // namespace keelson::apiserver
