// SPDX-License-Identifier: Apache-2.0
// Makes sure that a container's image is on the node, as its pull policy says. One pull at a time.
// Source: upstream pkg/kubelet/images, image_manager.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/sync.h"
#include "kubelet/backoff.h"
#include "kubelet/config_source.h"
#include "kubelet/cri/runtime.h"
#include "kubelet/pod_status.h"

namespace keelson::kubelet {

class ImagePuller final {
 public:
  struct Limits {
    Duration backoff = std::chrono::seconds(10);
    Duration backoff_limit = std::chrono::minutes(5);
  };

  ImagePuller(cri::Runtime& runtime, Executor& executor, ConfigSource& configs,
              client::EventRecorder& events, Limits limits);

  // `error`: a waiting state such as ErrImagePull or ImagePullBackOff; `retry_after` says when it
  // makes sense to try again.
  struct Failure {
    WaitingReason why;
    Duration retry_after{};
  };
  // `container` is of `pod`.
  Task<std::expected<cri::v1::Image, Failure>> ensure(PodPtr pod, const v1::Container* container,
                                                      cri::v1::PodSandboxConfig sandbox);
  void forget_pod(const std::string& uid) { backoff_.forget_prefix(uid); }

 private:
  Task<std::expected<cri::v1::Image, Failure>> pull(PodPtr pod, const v1::Container* container,
                                                    cri::v1::PodSandboxConfig sandbox);
  Task<Result<std::string>> pull_with_credentials(PodPtr pod, std::string image,
                                                  cri::v1::PodSandboxConfig sandbox);

  cri::Runtime& runtime_;
  Executor& executor_;
  ConfigSource& configs_;
  client::EventRecorder& events_;
  Backoff backoff_;
  AsyncMutex one_at_a_time_;
};

// Always for the tag "latest" (or none), else IfNotPresent, unless the container says.
std::string_view pull_policy(const v1::Container& container);

}  // namespace keelson::kubelet
