// SPDX-License-Identifier: Apache-2.0
#include "controllers/cluster_role_aggregation.h"

#include <algorithm>

#include "api/rbac/v1.h"
#include "api/selector.h"

namespace keelson::controllers {
namespace {

using rbac::v1::ClusterRole;
using rbac::v1::PolicyRule;

// The rules of all roles that `role` selects, in the order of selectors and names, each once.
std::vector<PolicyRule> aggregated_rules(
    const ClusterRole& role, const std::vector<std::shared_ptr<const ClusterRole>>& all) {
  std::vector<PolicyRule> rules;
  for (const auto& labels : role.aggregationRule->clusterRoleSelectors) {
    const auto selector = api::LabelSelector::from(labels);
    if (!selector) continue;  // Validation lets none pass.
    for (const auto& other : all) {
      if (other->metadata.name == role.metadata.name) continue;
      if (!selector->matches(other->metadata.labels)) continue;
      for (const PolicyRule& rule : other->rules) {
        if (std::ranges::find(rules, rule) == rules.end()) rules.push_back(rule);
      }
    }
  }
  return rules;
}

class ClusterRoleAggregation final : public Controller {
 public:
  explicit ClusterRoleAggregation(ControllerContext& context)
      : context_(context), queue_(context.executor), roles_(context.informers.of<ClusterRole>()) {
    // Any role may be part of any aggregated one, which are few.
    roles_.add_handler([this](const ObjectPtr&, const ObjectPtr&) {
      for (const auto& role : roles_.list<ClusterRole>()) {
        if (role->aggregationRule) queue_.add(key_of(*role));
      }
    });
  }

  std::string_view name() const override { return "clusterrole-aggregation"; }

  Task<void> run() override {
    if (!co_await roles_.wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 5, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto role = roles_.find<ClusterRole>(key);
    if (!role || !role->aggregationRule) co_return client::Requeue::none();
    auto rules = aggregated_rules(*role, roles_.list<ClusterRole>());
    if (rules == role->rules) co_return client::Requeue::none();
    ClusterRole next = *role;
    next.rules = std::move(rules);
    auto updated = co_await context_.client.update(std::move(next));
    if (!updated && !updated.error().is(Reason::NotFound)) co_return fail(updated.error());
    co_return client::Requeue::none();
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_;
  client::Informer& roles_;
};

}  // namespace

std::unique_ptr<Controller> make_cluster_role_aggregation_controller(ControllerContext& context) {
  return std::make_unique<ClusterRoleAggregation>(context);
}

}  // namespace keelson::controllers
