// SPDX-License-Identifier: Apache-2.0
// One look at a container: is it well? Also the HTTP request of life cycle hooks.
// Source: API reference, Probe, LifecycleHandler; upstream pkg/probe.
#pragma once

#include <string>

#include "kubelet/node_context.h"

namespace keelson::kubelet {

enum class ProbeKind : std::uint8_t { Startup, Liveness, Readiness };
std::string_view probe_name(ProbeKind kind);  // "Startup", as events say it.

// Where a container can be asked.
struct ProbeTarget {
  std::string container_id;
  std::string pod_ip;
};

struct ProbeOutcome {
  bool success = false;
  std::string output;   // Why not.
  std::string warning;  // Of a success that is worth a second look.
};

// `container` is of `pod`. Fails only when stopped (Canceled): a probe that cannot be made is one
// that did not succeed.
Task<Result<ProbeOutcome>> run_probe(NodeContext& node, PodPtr pod, const v1::Container* container,
                                     const v1::Probe* probe, ProbeTarget target);

// What a redirect of `from` to `location` asks for; on another host, perhaps. Errors: BadRequest
// for a location that is none, or not of HTTP. Source: RFC 3986, 5.2; Go's net/http.
Result<HttpProbe> redirected(const HttpProbe& from, std::string_view location);

// Runs a postStart or preStop handler. Errors: what upstream's events tell, Timeout, Canceled.
Task<Result<void>> run_hook(NodeContext& node, PodPtr pod, const v1::Container* container,
                            const v1::LifecycleHandler* handler, ProbeTarget target,
                            std::chrono::seconds timeout);

}  // namespace keelson::kubelet
