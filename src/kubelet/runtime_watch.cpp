// SPDX-License-Identifier: Apache-2.0
#include "kubelet/runtime_watch.h"

#include "base/log.h"

namespace keelson::kubelet {

namespace {

constexpr Duration kStuckAfter = std::chrono::minutes(3);  // Upstream's relistThreshold.
constexpr Duration kEventRetry = std::chrono::seconds(5);

}  // namespace

RuntimeWatch::RuntimeWatch(NodeContext& node, std::function<void(const std::string& uid)> changed)
    : node_(node), changed_(std::move(changed)) {}

bool RuntimeWatch::is_stuck() const {
  const Duration period = has_events_ ? node_.options.relist_period_with_events : Duration::zero();
  return has_listed() && node_.executor.monotonic() - *listed_at_ > kStuckAfter + period;
}

Task<void> RuntimeWatch::run() {
  const TaskContext& context = co_await this_context();
  TaskGroup events(*context.executor);
  std::stop_callback forward(context.stop, [&events] { events.request_stop(); });
  events.start(follow_events());
  while (true) {
    auto listed = co_await relist();
    if (!listed && listed.error().is(Reason::Canceled)) break;
    if (!listed) {
      log_warning("Container runtime could not be listed", {{"err", listed.error().message()}});
    }
    const bool quiet = has_events_ && listed.has_value();
    const Duration period =
        quiet ? node_.options.relist_period_with_events : node_.options.relist_period;
    if (!co_await sleep_for(period)) break;
  }
  co_await events.stop();
}

Task<Result<void>> RuntimeWatch::relist() {
  CO_TRY(auto found, co_await list_pods(node_.runtime));
  listed_at_ = node_.executor.monotonic();
  const auto before = std::exchange(pods_, std::move(found));
  for (const auto& [uid, outline] : pods_) {
    const auto old = before.find(uid);
    if (old == before.end() || !(old->second == outline)) changed_(uid);
  }
  for (const auto& [uid, outline] : before) {
    if (!pods_.contains(uid)) changed_(uid);
  }
  co_return Result<void>{};
}

Task<void> RuntimeWatch::follow_events() {
  while (true) {
    auto stream = co_await node_.runtime.events();
    if (!stream && stream.error().is(Reason::NotImplemented)) co_return;
    while (stream) {
      auto event = co_await (*stream)->next();
      if (!event) {
        if (event.error().is(Reason::Canceled) || event.error().is(Reason::NotImplemented)) {
          co_return;
        }
        break;
      }
      has_events_ = true;
      const std::string& uid = event->pod_sandbox_status().metadata().uid();
      if (!uid.empty()) changed_(uid);
    }
    has_events_ = false;
    if (!co_await sleep_for(kEventRetry)) co_return;
  }
}

}  // namespace keelson::kubelet
