// SPDX-License-Identifier: Apache-2.0
// Storage classes: volumes have been made by what they say, so most of it stays.
// Source: upstream, pkg/apis/storage/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class StorageClassStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
};

}  // namespace keelson::apiserver
