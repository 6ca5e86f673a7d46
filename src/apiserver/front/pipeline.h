// SPDX-License-Identifier: Apache-2.0
// The stages between knowing who asks and doing it, for HTTP and in-process calls alike.
#pragma once

#include "apiserver/authz/authorizer.h"
#include "apiserver/context/request.h"
#include "apiserver/flowcontrol/limiter.h"

namespace keelson::net {
class Headers;
}

namespace keelson::apiserver {

class Pipeline {
 public:
  Pipeline(const Authorizer& authorizer, FlowLimiter& limiter)
      : authorizer_(authorizer), limiter_(limiter) {}

  // Flow control, then authorization. `call` outlives the task. Errors: TooManyRequests, Forbidden.
  Task<Result<FlowLimiter::Permit>> enter(const CallContext& call) const;

  // Who `user` wants to act as, by the Impersonate- headers. Errors: Forbidden, BadRequest.
  Result<User> impersonate(User user, const net::Headers& headers) const;

  const Authorizer& authorizer() const { return authorizer_; }

 private:
  const Authorizer& authorizer_;
  FlowLimiter& limiter_;
};

}  // namespace keelson::apiserver
