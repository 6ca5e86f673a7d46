// SPDX-License-Identifier: Apache-2.0
// What becomes of a request and its answer on the way through this server.
// Source: upstream, apimachinery util/proxy (UpgradeAwareHandler, Transport); Go's httputil
// ReverseProxy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "apiserver/context/request.h"
#include "base/task.h"
#include "net/http.h"

namespace keelson::apiserver {

// A client of one backend.
using HttpDial = std::function<std::unique_ptr<net::HttpClient>(net::Origin)>;

// The address of a proxied request, as it came on the wire: what is escaped stays so.
struct ProxyTarget {
  std::string prefix;  // "/api/v1/namespaces/default/pods/web/proxy"
  std::string path;    // What follows, with its slash; may be empty.
  std::string query;   // With its question mark.
};
// `target` is the one that `info` was read from.
ProxyTarget split_proxy_target(std::string_view target, const RequestInfo& info);

// What a backend is to see: all but what belongs to the connection, and the caller's credentials,
// which are for this server alone; and where the request comes from.
net::Headers forwarded_headers(const net::HttpRequest& request, const net::Peer& peer);
// What the client is to see of a backend's headers; the transfer is framed anew.
net::Headers returned_headers(const net::Headers& answer);

// A redirect within the backend, as one through the proxy at `prefix`; others as they are.
// `backend` and `asked` are the hosts, with ports, by which the backend may know itself.
std::string proxied_location(std::string location, std::string_view prefix,
                             std::string_view backend, std::string_view asked);

// Whether a proxy may connect to it: not to this machine's own services, nor to a whole link.
bool is_proxyable(std::string_view ip);

// Answers with a Status.
Task<void> refuse(net::HttpExchange& exchange, Status status);
// Passes a body on as it comes. What ends it early, the client sees too.
Task<void> pass_on(net::HttpExchange& exchange, net::HttpResponse head, net::HttpBody& body);

}  // namespace keelson::apiserver
