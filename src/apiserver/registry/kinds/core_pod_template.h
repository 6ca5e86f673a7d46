// SPDX-License-Identifier: Apache-2.0
// Templates of pods that stand alone. Source: upstream, pkg/apis/core/validation,
// ValidatePodTemplate.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class PodTemplateStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
};

}  // namespace keelson::apiserver
