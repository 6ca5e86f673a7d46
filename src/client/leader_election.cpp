// SPDX-License-Identifier: Apache-2.0
#include "client/leader_election.h"

#include "api/coordination/v1.h"
#include "base/log.h"
#include "base/random.h"

namespace keelson::client {
namespace {

using namespace std::chrono_literals;
using coordination::v1::Lease;

// Upstream: JitterFactor.
constexpr double kRetryJitter = 1.2;

class Election {
 public:
  Election(Client& client, Executor& executor, LeaderElectionOptions options)
      : client_(client),
        executor_(executor),
        options_(std::move(options)),
        // Apart for each candidate, and the same in each run.
        random_(make_seeded_random(std::hash<std::string>()(options_.identity))) {}

  // True if the Lease is ours now. Errors are the server's.
  Task<Result<bool>> acquire_or_renew() {
    auto found = co_await client_.get<Lease>(key());
    if (!found && !found.error().is(Reason::NotFound)) co_return fail(std::move(found).error());
    const api::MicroTime now(executor_.now());
    Lease lease;
    if (found) lease = **found;
    if (found && !is_ours(lease)) {
      if (!observed_ || !(*observed_ == lease.spec)) {
        observed_ = lease.spec;
        observed_at_ = executor_.monotonic();
      }
      // By our clock, from when we saw it renewed: clocks of machines differ.
      const auto valid = std::chrono::seconds(lease.spec.leaseDurationSeconds.value_or(0));
      if (holder(lease) && executor_.monotonic() < observed_at_ + valid) co_return false;
    }
    if (!found || !is_ours(lease)) {
      lease.spec.acquireTime = now;
      lease.spec.leaseTransitions = found ? lease.spec.leaseTransitions.value_or(0) + 1 : 0;
    }
    lease.spec.holderIdentity = options_.identity;
    lease.spec.leaseDurationSeconds = seconds(options_.lease);
    lease.spec.renewTime = now;
    lease.metadata.namespace_ = options_.namespace_;
    lease.metadata.name = options_.name;
    if (found) {
      CO_TRY_OK(co_await client_.update(std::move(lease)));
    } else {
      CO_TRY_OK(co_await client_.create(std::move(lease)));
    }
    co_return true;
  }

  // Gives the Lease up at once, so that others need not wait until it ends.
  Task<Result<void>> release() {
    CO_TRY(auto found, co_await client_.get<Lease>(key()));
    if (!is_ours(*found)) co_return Result<void>{};
    Lease lease = *found;
    lease.spec.holderIdentity = "";
    lease.spec.leaseDurationSeconds = 1;
    lease.spec.acquireTime = lease.spec.renewTime = api::MicroTime(executor_.now());
    CO_TRY_OK(co_await client_.update(std::move(lease)));
    co_return Result<void>{};
  }

  Task<Result<void>> wait_for_turn() {
    while (true) {
      auto acquired = co_await acquire_or_renew();
      if (acquired && *acquired) co_return Result<void>{};
      if (!acquired) {
        if (acquired.error().is(Reason::Canceled)) co_return fail(std::move(acquired).error());
        log_verbose(2, "Failed to acquire lease",
                    {{"lease", key().text()}, {"err", acquired.error().message()}});
      }
      const auto jitter = std::chrono::duration_cast<Duration>(
          random_->unit() * kRetryJitter * std::chrono::duration<double>(options_.retry));
      CO_TRY_OK(co_await sleep_for(options_.retry + jitter));
    }
  }

  // Until the Lease could not be renewed for renew_deadline, or a stop.
  Task<Result<void>> keep() {
    Duration renewed_at = executor_.monotonic();
    while (true) {
      CO_TRY_OK(co_await sleep_for(options_.retry));
      const Duration left = renewed_at + options_.renew_deadline - executor_.monotonic();
      if (left <= Duration::zero()) co_return Result<void>{};
      const Duration asked_at = executor_.monotonic();
      auto renewed = co_await with_timeout(left, acquire_or_renew());
      if (renewed && *renewed) {
        // The renewal carries the time before it was sent.
        renewed_at = asked_at;
        continue;
      }
      if (renewed) co_return Result<void>{};  // Another holds it.
      if (renewed.error().is(Reason::Canceled)) co_return fail(std::move(renewed).error());
      log_verbose(2, "Failed to renew lease",
                  {{"lease", key().text()}, {"err", renewed.error().message()}});
      if (executor_.monotonic() - renewed_at >= options_.renew_deadline) co_return Result<void>{};
    }
  }

  ObjectKey key() const { return {options_.namespace_, options_.name}; }

 private:
  static bool holder(const Lease& lease) {
    return lease.spec.holderIdentity && !lease.spec.holderIdentity->empty();
  }
  bool is_ours(const Lease& lease) const { return lease.spec.holderIdentity == options_.identity; }
  static std::int32_t seconds(Duration duration) {
    return static_cast<std::int32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(duration).count());
  }

  Client& client_;
  Executor& executor_;
  const LeaderElectionOptions options_;
  const std::unique_ptr<Random> random_;
  std::optional<coordination::v1::LeaseSpec> observed_;
  Duration observed_at_{};
};

// Ends the lease keeper when the leading work ends by itself.
Task<void> lead_and_stop(std::function<Task<void>()> lead, std::stop_source keeper) {
  co_await lead();
  keeper.request_stop();
}

}  // namespace

Task<Result<void>> lead_while_elected(Client& client, LeaderElectionOptions options,
                                      std::function<Task<void>()> lead) {
  const TaskContext& context = co_await this_context();
  Executor& executor = *context.executor;
  CHECK(options.lease > options.renew_deadline && options.renew_deadline > options.retry);
  Election election(client, executor, std::move(options));

  CO_TRY_OK(co_await election.wait_for_turn());
  log_info("Successfully acquired lease", {{"lease", election.key().text()}});

  TaskGroup leading(executor);
  std::stop_source keeper;
  Result<void> kept;
  {
    std::stop_callback forward(context.stop, [&keeper] { keeper.request_stop(); });
    leading.start(lead_and_stop(std::move(lead), keeper));
    kept = co_await run_in(TaskContext{&executor, keeper.get_token()}, election.keep());
  }
  co_await leading.stop();
  if (kept) {
    log_warning("Lost lease", {{"lease", election.key().text()}});
    co_return Result<void>{};
  }
  // Stopped, or the work is done. The release must outlast the stop, but not for long.
  auto released = co_await run_in(TaskContext{&executor, {}}, with_timeout(5s, election.release()));
  if (!released) {
    log_warning("Failed to release lease",
                {{"lease", election.key().text()}, {"err", released.error().message()}});
  }
  if (context.stop.stop_requested()) co_return fail(Status::canceled());
  co_return Result<void>{};
}

}  // namespace keelson::client
