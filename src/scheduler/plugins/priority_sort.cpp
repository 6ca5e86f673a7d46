// SPDX-License-Identifier: Apache-2.0
// The highest priority first; among equals, who has waited longest.
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

class PrioritySort final : public QueueSortPlugin {
 public:
  std::string_view name() const override { return "PrioritySort"; }
  bool less(const Waiting& a, const Waiting& b) const override {
    if (a.pod.priority != b.pod.priority) return a.pod.priority > b.pod.priority;
    return a.since < b.since;
  }
};

}  // namespace

std::unique_ptr<Plugin> make_priority_sort() { return std::make_unique<PrioritySort>(); }

}  // namespace keelson::scheduler
