// SPDX-License-Identifier: Apache-2.0
// Nodes: what identifies one, and its pods' addresses, are set once.
// Source: upstream, pkg/registry/core/node; pkg/apis/core/validation, ValidateNode.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class NodeStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  bool prepare_for_update(api::Document& now, const api::Document& before,
                          const CallContext& call) const override;
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
  // A kubelet registers its node with all that it knows of it.
  bool keeps_status_of_new() const override { return true; }
};

}  // namespace keelson::apiserver
