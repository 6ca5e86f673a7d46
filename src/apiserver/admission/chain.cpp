// SPDX-License-Identifier: Apache-2.0
#include "apiserver/admission/admission.h"

namespace keelson::apiserver {

Task<Result<void>> AdmissionPlugin::admit(AdmissionRequest&) { co_return Result<void>{}; }

Task<Result<void>> AdmissionPlugin::validate(const AdmissionRequest&) { co_return Result<void>{}; }

AdmissionChain::AdmissionChain(std::vector<std::unique_ptr<AdmissionPlugin>> plugins)
    : plugins_(std::move(plugins)) {}

Task<Result<void>> AdmissionChain::admit(AdmissionRequest& request) const {
  for (const auto& plugin : plugins_) CO_TRY_OK(co_await plugin->admit(request));
  co_return Result<void>{};
}

Task<Result<void>> AdmissionChain::validate(const AdmissionRequest& request) const {
  for (const auto& plugin : plugins_) CO_TRY_OK(co_await plugin->validate(request));
  co_return Result<void>{};
}

}  // namespace keelson::apiserver
