// SPDX-License-Identifier: Apache-2.0
// Kinds that make pods from a template: their selectors, templates and numbers. The selector
// cannot change. Source: upstream, pkg/apis/apps/validation, pkg/apis/core/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class DeploymentStrategy : public Strategy {
 public:
  // Annotations are copied to the replica sets, so a change of them is one to be observed.
  bool prepare_for_update(api::Document& now, const api::Document& before,
                          const CallContext& call) const override;
  // Labels are not for the status.
  void prepare_for_status_update(api::Document& now, const api::Document& before) const override;
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
};

class ReplicaSetStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
};

class DaemonSetStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
};

class StatefulSetStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
};

}  // namespace keelson::apiserver
