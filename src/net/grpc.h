// SPDX-License-Identifier: Apache-2.0
// A gRPC client on HTTP/2: unary calls and streams of serialised messages. Used for CRI and etcd.
// Source: grpc "PROTOCOL-HTTP2".
#pragma once

#include <memory>
#include <string>

#include "net/http.h"

namespace keelson::net {

// Messages both ways; destroying it cancels the call.
class GrpcStream {
 public:
  virtual ~GrpcStream() = default;
  virtual Task<Result<void>> send(std::string message) = 0;
  virtual Task<Result<void>> done_sending() = 0;
  // Nothing at the end of a call that succeeded.
  virtual Task<Result<std::optional<std::string>>> receive() = 0;
};

// One connection, made when first needed and made again after it breaks. Thread-safe.
// Errors carry the peer's grpc-message; codes map: NotFound, AlreadyExists, InvalidArgument ->
// BadRequest, DeadlineExceeded -> Timeout, Unavailable -> ServiceUnavailable, Unimplemented ->
// NotImplemented, PermissionDenied -> Forbidden, Unauthenticated -> Unauthorized, ResourceExhausted
// -> TooManyRequests, others -> InternalError.
class GrpcChannel {
 public:
  virtual ~GrpcChannel() = default;
  // `method` is "/runtime.v1.RuntimeService/Version".
  virtual Task<Result<std::string>> call(std::string method, std::string message,
                                         Duration timeout) = 0;
  virtual Task<Result<std::unique_ptr<GrpcStream>>> open(std::string method) = 0;
};

std::unique_ptr<GrpcChannel> make_grpc_channel(Runtime& runtime, Origin origin);

}  // namespace keelson::net
