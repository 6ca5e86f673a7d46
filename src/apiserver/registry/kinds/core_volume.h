// SPDX-License-Identifier: Apache-2.0
// Volumes and claims begin as Pending; a claim's two names for its source are one.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class PersistentVolumeStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  api::FieldErrors validate(const api::Document& object) const override;
};

class PersistentVolumeClaimStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  bool prepare_for_update(api::Document& now, const api::Document& before,
                          const CallContext& call) const override;
  api::FieldErrors validate(const api::Document& object) const override;
  // What was claimed has been counted, and perhaps given.
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
};

}  // namespace keelson::apiserver
