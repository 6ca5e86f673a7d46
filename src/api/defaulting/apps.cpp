// SPDX-License-Identifier: Apache-2.0
// Defaults of apps/v1.
#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"apps/v1.Deployment", "spec.replicas", When::Nil, "1"},
    {"apps/v1.Deployment", "spec.strategy.type", When::Empty, R"("RollingUpdate")"},
    {"apps/v1.Deployment", "spec.revisionHistoryLimit", When::Nil, "10"},
    {"apps/v1.Deployment", "spec.progressDeadlineSeconds", When::Nil, "600"},
    {"apps/v1.DaemonSet", "spec.updateStrategy.type", When::Empty, R"("RollingUpdate")"},
    {"apps/v1.DaemonSet", "spec.revisionHistoryLimit", When::Nil, "10"},
    {"apps/v1.StatefulSet", "spec.podManagementPolicy", When::Empty, R"("OrderedReady")"},
    {"apps/v1.StatefulSet", "spec.persistentVolumeClaimRetentionPolicy.whenDeleted", When::Empty,
     R"("Retain")"},
    {"apps/v1.StatefulSet", "spec.persistentVolumeClaimRetentionPolicy.whenScaled", When::Empty,
     R"("Retain")"},
    {"apps/v1.StatefulSet", "spec.replicas", When::Nil, "1"},
    {"apps/v1.StatefulSet", "spec.revisionHistoryLimit", When::Nil, "10"},
    {"apps/v1.ReplicaSet", "spec.replicas", When::Nil, "1"},
};

// The settings of a rolling update, where that is how the kind is updated.
void rolling_update(object& value, std::string_view strategy_name, Document max_unavailable,
                    Document max_surge) {
  object* spec = find_object(value, "spec");
  object* strategy = spec ? find_object(*spec, strategy_name) : nullptr;
  if (!strategy || text_of(*strategy, "type") != "RollingUpdate") return;
  if (object* update = make_object(*strategy, "rollingUpdate")) {
    fill(*update, "maxUnavailable", When::Nil, std::move(max_unavailable));
    fill(*update, "maxSurge", When::Nil, std::move(max_surge));
  }
}

void deployment(object& value, const Context&) { rolling_update(value, "strategy", "25%", "25%"); }

void daemon_set(object& value, const Context&) { rolling_update(value, "updateStrategy", 1, 0); }

void stateful_set(object& value, const Context&) {
  object* spec = find_object(value, "spec");
  object* strategy = spec ? make_object(*spec, "updateStrategy") : nullptr;
  if (!strategy) return;
  if (is_left_out(*strategy, "type", When::Empty)) {
    strategy->insert_or_assign("type", "RollingUpdate");
    make_object(*strategy, "rollingUpdate");
  }
  if (text_of(*strategy, "type") != "RollingUpdate") return;
  if (object* update = find_object(*strategy, "rollingUpdate")) {
    fill(*update, "partition", When::Nil, 0);
  }
}

constexpr Function kFunctions[] = {
    {"apps/v1.Deployment", deployment},
    {"apps/v1.DaemonSet", daemon_set},
    {"apps/v1.StatefulSet", stateful_set},
};

}  // namespace

const Rules kAppsRules = {kLiterals, kFunctions};

}  // namespace keelson::api::defaulting
