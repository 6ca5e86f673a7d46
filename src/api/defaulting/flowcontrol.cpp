// SPDX-License-Identifier: Apache-2.0
// Defaults of flowcontrol.apiserver.k8s.io/v1.
#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"flowcontrol/v1.FlowSchemaSpec", "matchingPrecedence", When::Zero, "1000"},
    {"flowcontrol/v1.ExemptPriorityLevelConfiguration", "nominalConcurrencyShares", When::Nil, "0"},
    {"flowcontrol/v1.ExemptPriorityLevelConfiguration", "lendablePercent", When::Nil, "0"},
    {"flowcontrol/v1.LimitedPriorityLevelConfiguration", "nominalConcurrencyShares", When::Nil,
     "30"},
    {"flowcontrol/v1.LimitedPriorityLevelConfiguration", "lendablePercent", When::Nil, "0"},
    {"flowcontrol/v1.QueuingConfiguration", "handSize", When::Zero, "8"},
    {"flowcontrol/v1.QueuingConfiguration", "queues", When::Zero, "64"},
    {"flowcontrol/v1.QueuingConfiguration", "queueLengthLimit", When::Zero, "50"},
};

}  // namespace

const Rules kFlowControlRules = {kLiterals, {}};

}  // namespace keelson::api::defaulting
