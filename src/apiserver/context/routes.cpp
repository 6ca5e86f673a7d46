// SPDX-License-Identifier: Apache-2.0
#include "apiserver/context/routes.h"

namespace keelson::apiserver {

void Routes::add(std::string path, RouteHandler handler) {
  routes_[std::move(path)] = std::move(handler);
}

const RouteHandler* Routes::find(std::string_view path) const {
  if (const auto exact = routes_.find(path); exact != routes_.end()) return &exact->second;
  // Shorter and shorter, each time up to a slash.
  std::string_view folder = path;
  while (true) {
    const auto slash = folder.rfind('/');
    if (slash == std::string_view::npos) return nullptr;
    const auto found = routes_.find(folder.substr(0, slash + 1));
    // The root alone is no prefix of everything.
    if (found != routes_.end() && slash > 0) return &found->second;
    folder = folder.substr(0, slash);
  }
}

std::vector<std::string> Routes::paths() const {
  std::vector<std::string> out;
  for (const auto& [path, handler] : routes_) {
    if (!path.ends_with('/')) out.push_back(path);
  }
  return out;
}

void Routes::add_connect(std::string group_resource, std::string subresource,
                         ConnectHandler handler) {
  connect_[{std::move(group_resource), std::move(subresource)}] = std::move(handler);
}

const ConnectHandler* Routes::find_connect(std::string_view group_resource,
                                           std::string_view subresource) const {
  const auto found =
      connect_.find(std::pair(std::string(group_resource), std::string(subresource)));
  return found == connect_.end() ? nullptr : &found->second;
}

net::HttpResponse text_response(int status, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.body = std::move(body);
  return response;
}

net::HttpResponse json_response(int status, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

}  // namespace keelson::apiserver
