// SPDX-License-Identifier: Apache-2.0
#include "kubelet/node_agent.h"

#include "base/log.h"

namespace keelson::kubelet {

namespace {

constexpr std::string_view kLeaseNamespace = "kube-node-lease";
constexpr Duration kRegisterRetryMin = std::chrono::milliseconds(100);
constexpr Duration kRegisterRetryMax = std::chrono::seconds(7);  // Upstream's.
constexpr Duration kFirstCheck = std::chrono::seconds(2);
constexpr int kConflictLimit = 5;

}  // namespace

NodeAgent::NodeAgent(NodeContext& node) : context_(node), gauge_(node.options.eviction) {}

NodeInputs NodeAgent::inputs() const {
  return {.options = context_.options,
          .machine = context_.machine,
          .runtime_version = runtime_version_,
          .images = images_,
          .pressure = pressure_,
          .problems = problems_,
          .now = context_.executor.now()};
}

void NodeAgent::set_problems(std::vector<std::string> problems) {
  const bool first = !std::exchange(checked_, true);
  if (problems == problems_ && !first) return;
  problems_ = std::move(problems);
  report_now();
}

Task<Result<void>> NodeAgent::register_node() {
  const client::ObjectKey key{"", context_.options.node_name};
  Duration delay = kRegisterRetryMin;
  while (true) {
    auto created = co_await context_.client.create(make_node(inputs()));
    if (created) {
      log_info("Registered node", {{"node", key.name}});
      current_ = *created;
      co_return Result<void>{};
    }
    Status why = created.error();
    if (why.is(Reason::AlreadyExists)) {
      auto updated = co_await client::update_with_retry<v1::Node>(
          context_.client, key, [this](v1::Node& node) {
            return reconcile_metadata(context_.options, context_.machine, node);
          });
      if (updated) {
        log_info("Node was registered before", {{"node", key.name}});
        current_ = *updated;
        co_return Result<void>{};
      }
      why = updated.error();
    }
    if (why.is(Reason::Canceled)) co_return fail(std::move(why));
    log_warning("Node could not be registered", {{"node", key.name}, {"err", why.message()}});
    CO_TRY_OK(co_await sleep_for(delay));
    delay = std::min(kRegisterRetryMax, delay * 2);
  }
}

Task<Result<void>> NodeAgent::pause(Duration delay) {
  const TimerId timer = context_.executor.after(delay, [hurry = hurry_] { hurry->set(); });
  auto woken = co_await hurry_->wait();
  context_.executor.cancel(timer);
  co_return woken;
}

Task<void> NodeAgent::run_status() {
  if (!checked_ && !co_await pause(kFirstCheck)) co_return;
  while (true) {
    measure_pressure();
    hurry_->reset();
    auto reported = co_await report();
    Duration delay = context_.options.status_check_period;
    if (!reported) {
      if (reported.error().is(Reason::Canceled)) co_return;
      log_warning("Node status could not be written", {{"err", reported.error().message()}});
      delay = std::min<Duration>(delay, std::chrono::seconds(1));
    }
    if (!co_await pause(delay)) co_return;
  }
}

NodePressure NodeAgent::measure_pressure() {
  const auto usage = context_.host.usage();
  if (!usage) return {};
  const auto reading = gauge_.observe(*usage, context_.executor.now());
  if (std::exchange(pressure_, reading.held) != reading.held) report_now();
  return reading.now;
}

Task<Result<void>> NodeAgent::report() {
  if (auto images = co_await context_.runtime.list_images()) images_ = std::move(*images);
  const NodeInputs in = inputs();
  const client::ObjectKey key{"", context_.options.node_name};
  const Duration now = context_.executor.monotonic();
  const bool due = !reported_at_ || now - *reported_at_ >= context_.options.status_report_period;
  for (int attempt = 0;; ++attempt) {
    if (auto cached = context_.nodes.find<v1::Node>(key); cached && attempt == 0) {
      current_ = std::move(cached);  // If it is behind, the write shows that as a conflict.
    } else {
      auto fetched = co_await context_.client.get<v1::Node>(key);
      if (!fetched && fetched.error().is(Reason::NotFound)) {
        co_return co_await register_node();  // Deleted by somebody: the node is still here.
      }
      if (!fetched) co_return fail(std::move(fetched).error());
      current_ = *fetched;
    }
    v1::Node next = *current_;
    const bool changed = reconcile_status(in, next);
    if (changed || due) {
      auto written = co_await context_.client.update_status(std::move(next));
      if (!written && written.error().is(Reason::Conflict) && attempt < kConflictLimit) continue;
      if (!written && written.error().is(Reason::NotFound)) {
        current_.reset();
        continue;
      }
      if (!written) co_return fail(std::move(written).error());
      current_ = *written;
      reported_at_ = now;
    }
    break;
  }
  if (current_->spec.podCIDR != pod_cidr_) {
    pod_cidr_ = current_->spec.podCIDR;
    auto told = co_await context_.runtime.update_pod_cidr(pod_cidr_);
    if (!told) log_warning("Pod CIDR could not be set", {{"err", told.error().message()}});
  }
  co_return Result<void>{};
}

Task<void> NodeAgent::run_lease() {
  while (true) {
    auto renewed = co_await renew_lease();
    Duration delay = context_.options.lease_period;
    if (!renewed) {
      if (renewed.error().is(Reason::Canceled)) co_return;
      log_verbose(1, "Node lease could not be renewed", {{"err", renewed.error().message()}});
      lease_.reset();
      delay = std::min<Duration>(delay, std::chrono::milliseconds(500));
    }
    // Nodes that started together do not stay in step.
    const auto jitter = static_cast<double>(delay.count()) * 0.04 * context_.random.unit();
    if (!co_await sleep_for(delay + Duration(static_cast<std::int64_t>(jitter)))) co_return;
  }
}

Task<Result<void>> NodeAgent::renew_lease() {
  const client::ObjectKey key{std::string(kLeaseNamespace), context_.options.node_name};
  if (!lease_) {
    auto fetched = co_await context_.client.get<coordination::v1::Lease>(key);
    if (!fetched && !fetched.error().is(Reason::NotFound))
      co_return fail(std::move(fetched).error());
    if (fetched) lease_ = *fetched;
  }
  coordination::v1::Lease next;
  if (lease_) next = *lease_;
  next.metadata.name = key.name;
  next.metadata.namespace_ = key.namespace_;
  next.spec.holderIdentity = key.name;
  next.spec.leaseDurationSeconds =
      static_cast<std::int32_t>(context_.options.lease_duration.count());
  next.spec.renewTime = api::MicroTime(context_.executor.now());
  if (next.metadata.ownerReferences.empty() && current_) {
    meta::v1::OwnerReference owner;
    owner.apiVersion = "v1";
    owner.kind = "Node";
    owner.name = key.name;
    owner.uid = current_->metadata.uid;
    next.metadata.ownerReferences.push_back(std::move(owner));
  }
  if (lease_) {
    CO_TRY(lease_, co_await context_.client.update(std::move(next)));
  } else {
    CO_TRY(lease_, co_await context_.client.create(std::move(next)));
  }
  co_return Result<void>{};
}

}  // namespace keelson::kubelet
