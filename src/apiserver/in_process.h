// SPDX-License-Identifier: Apache-2.0
// The client without a wire: calls into the API of this process as one identity, through the same
// flow control, authorization and admission as requests by HTTP. Objects are shared, not copied.
#pragma once

#include <memory>

#include "apiserver/audit/audit.h"
#include "apiserver/front/pipeline.h"
#include "apiserver/registry/resource_api.h"
#include "client/client.h"

namespace keelson::apiserver {

struct InProcessParts {
  Pipeline& pipeline;
  ResourceApi& api;
  Executor& executor;
  Random& random;
  AuditSink audit;
};
// All of `parts` outlive the client and its watches.
std::unique_ptr<client::Client> make_in_process_client(InProcessParts parts, User user);

}  // namespace keelson::apiserver
