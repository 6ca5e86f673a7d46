// SPDX-License-Identifier: Apache-2.0
// ConfigMaps and Secrets: what their keys may be, what secrets of each type must hold, and that
// immutable ones stay as they are. Source: upstream, pkg/apis/core/validation, ValidateSecret and
// ValidateConfigMap; pkg/registry/core/secret.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class ConfigMapStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
};

// `stringData` is written into `data`.
class SecretStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  bool prepare_for_update(api::Document& now, const api::Document& before,
                          const CallContext& call) const override;
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
};

}  // namespace keelson::apiserver
