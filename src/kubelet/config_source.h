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
};

// From the API server; an answer counts for `fresh_for`, or for ever if the object is immutable and
// still in use. Used on one executor.
std::unique_ptr<ConfigSource> make_config_source(client::Client& client, Executor& executor,
                                                 Duration fresh_for);

}  // namespace keelson::kubelet
