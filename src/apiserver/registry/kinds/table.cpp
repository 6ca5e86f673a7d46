// SPDX-License-Identifier: Apache-2.0
// Which strategy serves which kind.
#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

const Strategy& strategy_for(const api::Resource&) {
  static const Strategy kGeneric;
  return kGeneric;
}

}  // namespace keelson::apiserver
