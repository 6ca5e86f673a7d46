// SPDX-License-Identifier: Apache-2.0
// The runtime behind a CRI v1 endpoint (a unix socket).
#pragma once

#include <memory>
#include <string>

#include "kubelet/cri/runtime.h"
#include "net/grpc.h"

namespace keelson::cri {

struct GrpcRuntimeOptions {
  Duration request_timeout = std::chrono::minutes(2);  // Upstream's --runtime-request-timeout.
  Duration pull_timeout = std::chrono::minutes(30);
};

std::unique_ptr<Runtime> make_grpc_runtime(std::unique_ptr<net::GrpcChannel> channel,
                                           GrpcRuntimeOptions options = {});

// `endpoint` is "unix:///run/containerd/containerd.sock" or a plain path. Errors: BadRequest.
Result<std::string> socket_path_of_endpoint(std::string_view endpoint);

}  // namespace keelson::cri
