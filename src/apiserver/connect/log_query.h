// SPDX-License-Identifier: Apache-2.0
// What is asked of pods/log. Source: core/v1 PodLogOptions; upstream, ValidatePodLogOptions.
#pragma once

#include <string>

#include "base/result.h"
#include "net/http.h"

namespace keelson::apiserver {

// The query of pods/log as the kubelet's, with its question mark, without the container. `pod` is
// for the message. Errors: BadRequest for what is no number or time, Invalid.
Result<std::string> kubelet_log_query(const net::Target& target, const std::string& pod);

}  // namespace keelson::apiserver
