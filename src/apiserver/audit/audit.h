// SPDX-License-Identifier: Apache-2.0
// What happened, for whoever keeps a record of it. Source: audit.k8s.io/v1 Event.
#pragma once

#include <functional>
#include <string>

#include "apiserver/context/request.h"

namespace keelson::apiserver {

struct AuditEvent {
  std::string id;  // Also sent to the client, as Audit-Id.
  const CallContext& call;
  std::string source_address;
  int code = 0;  // Of the response.
  Duration took{0};
};

// Called once a request, when it has been answered. Must not wait.
using AuditSink = std::function<void(const AuditEvent&)>;

}  // namespace keelson::apiserver
