// SPDX-License-Identifier: Apache-2.0
// The API's HTTP forms as text, without a network: paths, queries, Status bodies, lists, watch
// frames. Source: Kubernetes API concepts; API conventions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"

namespace keelson::client {

// "/apis/apps/v1/namespaces/default/deployments/web/scale"; parts that are empty are left out.
std::string resource_path(const Resource& resource, std::string_view namespace_,
                          std::string_view name, std::string_view subresource);

// Pairs that have a value, percent-encoded: "?a=b&c=d", or "".
class Query {
 public:
  Query& add(std::string_view name, std::string_view value);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Query query_of(const ListOptions& options);
Query query_of(const WatchOptions& options);
Query query_of(const WriteOptions& options);
std::string body_of(const DeleteOptions& options);
std::string_view content_type_of(PatchType type);

// The error that a response other than 2xx stands for: the Status in its body, or what its code
// says.
Status status_of_response(int code, std::string_view body);
// Of a Status object in JSON; nothing if it is none.
std::optional<Status> parse_status(std::string_view json);

// Items of typed lists carry no apiVersion and kind; they get those of the resource.
// Errors: InternalError for what is no list.
Result<ObjectList> parse_list(const Resource& resource, std::string_view json);

// One frame, {"type":...,"object":...}. Errors: those that an ERROR event carries; InternalError
// for what is no frame.
Result<WatchEvent> parse_watch_frame(std::string_view json);

struct ServerAddress {
  bool tls = true;
  std::string host;  // Without the brackets of IPv6.
  std::uint16_t port = 443;
  std::string path_prefix;  // "" or "/k8s/clusters/a"

  std::string authority() const;
};
// "https://127.0.0.1:6443". Errors: BadRequest.
Result<ServerAddress> parse_server_address(std::string_view url);

}  // namespace keelson::client
