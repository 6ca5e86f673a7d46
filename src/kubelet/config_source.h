// SPDX-License-Identifier: Apache-2.0
// ConfigMaps and Secrets that pods of this node use.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "api/core/v1.h"
#include "client/client.h"

namespace keelson::kubelet {

class ConfigSource {
 public:
  virtual ~ConfigSource() = default;
  // Errors: NotFound, and those of the client.
  virtual Task<Result<std::shared_ptr<const core::v1::ConfigMap>>> config_map(
      client::ObjectKey key) = 0;
  virtual Task<Result<std::shared_ptr<const core::v1::Secret>>> secret(client::ObjectKey key) = 0;

  // From now on the pod is one of the node's: what it refers to is asked for anew, so that it
  // starts with what there is now.
  virtual void add_pod(const core::v1::Pod& pod) = 0;
  // The pod is gone, and with it what no other pod refers to.
  virtual void forget_pod(const std::string& uid) = 0;
};

// From the API server; an answer counts for `fresh_for`, or as long as a pod refers to the object
// if that is immutable. Used on one executor. Source: upstream kubelet/util/manager, cache-based.
std::unique_ptr<ConfigSource> make_config_source(client::Client& client, Executor& executor,
                                                 Duration fresh_for);

}  // namespace keelson::kubelet
