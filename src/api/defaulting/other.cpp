// SPDX-License-Identifier: Apache-2.0
// Defaults of groups that have one rule each.
#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"scheduling/v1.PriorityClass", "preemptionPolicy", When::Nil, R"("PreemptLowerPriority")"},
    {"authentication/v1.TokenRequestSpec", "expirationSeconds", When::Nil, "3600"},
};

}  // namespace

const Rules kOtherRules = {kLiterals, {}};

}  // namespace keelson::api::defaulting
