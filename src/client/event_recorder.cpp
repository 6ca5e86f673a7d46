// SPDX-License-Identifier: Apache-2.0
#include "client/event_recorder.h"

#include <boost/json.hpp>
#include <charconv>

#include "api/core/v1.h"
#include "base/log.h"
#include "base/sync.h"
#include "client/event_correlator.h"

namespace keelson::client {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kWaitingMax = 1000;
// Upstream: an event that the server cannot take now is tried 12 times, 10 s apart.
constexpr int kTriesMax = 12;
constexpr Duration kTryAgainAfter = 10s;

// Worth another try: the server did not say that it does not want the event.
bool is_passing(const Status& status) {
  return status.is(Reason::ServiceUnavailable) || status.is(Reason::Timeout) ||
         status.is(Reason::ServerTimeout) || status.is(Reason::TooManyRequests) ||
         status.is(Reason::InternalError);
}

std::string count_patch(const core::v1::Event& event) {
  return boost::json::serialize(boost::json::object{{"count", event.count},
                                                    {"lastTimestamp", event.lastTimestamp.text()},
                                                    {"message", event.message}});
}

}  // namespace

struct EventRecorder::State {
  State(Client& to, Executor& on) : client(to), executor(on), tasks(on) {}

  Task<void> write_all();

  // Nanoseconds, except that no two events have the same: their names are made of it.
  std::int64_t next_stamp(Wall now) {
    std::int64_t last = last_stamp.load();
    std::int64_t next;
    do {
      next = std::max<std::int64_t>(now.time_since_epoch().count(), last + 1);
    } while (!last_stamp.compare_exchange_weak(last, next));
    return next;
  }

  Client& client;
  Executor& executor;
  std::string component, host;
  std::atomic<std::int64_t> last_stamp{0};
  Channel<core::v1::Event> waiting{kWaitingMax};
  EventCorrelator correlator;
  TaskGroup tasks;
};

EventTarget EventTarget::of(const api::Object& object) {
  return {std::string(object.api_version()),
          std::string(object.kind()),
          object.namespace_(),
          object.name(),
          object.uid(),
          std::to_string(object.resource_version()),
          {}};
}

EventRecorder::EventRecorder(Client& client, Executor& executor, std::string component,
                             std::string host)
    : state_(std::make_shared<State>(client, executor)) {
  state_->component = std::move(component);
  state_->host = std::move(host);
  state_->tasks.start(state_->write_all());
}

EventRecorder::~EventRecorder() = default;

void EventRecorder::record(const EventTarget& target, EventType type, std::string reason,
                           std::string message) {
  const Wall now = state_->executor.now();
  core::v1::Event event;
  // Events about cluster-scoped objects live in the default namespace.
  event.metadata.namespace_ = target.namespace_.empty() ? "default" : target.namespace_;
  char stamp[17];
  const auto [end, error] =
      std::to_chars(stamp, stamp + sizeof(stamp), state_->next_stamp(now), 16);
  event.metadata.name = target.name + "." + std::string(stamp, end);
  event.involvedObject = {.kind = target.kind,
                          .namespace_ = target.namespace_,
                          .name = target.name,
                          .uid = target.uid,
                          .apiVersion = target.api_version,
                          .resourceVersion = target.resource_version,
                          .fieldPath = target.field_path};
  event.type = type == EventType::Normal ? "Normal" : "Warning";
  event.reason = std::move(reason);
  event.message = std::move(message);
  event.source = {.component = state_->component, .host = state_->host};
  event.reportingComponent = state_->component;
  event.reportingInstance = state_->host;
  event.firstTimestamp = event.lastTimestamp = api::Time(now);
  event.count = 1;
  if (!state_->waiting.try_push(std::move(event))) {
    log_verbose(2, "Too many events wait to be written, dropping one", {{"object", target.name}});
  }
}

Task<void> EventRecorder::State::write_all() {
  while (auto event = co_await waiting.pop()) {
    const Wall now = executor.now();
    auto plan = correlator.correlate(*std::move(event), now);
    if (!plan) continue;
    const ObjectKey key{plan->event.metadata.namespace_, plan->event.metadata.name};
    bool create = plan->is_new;
    for (int attempt = 1;; ++attempt) {
      auto written = create ? co_await client.create(plan->event)
                            : co_await client.patch<core::v1::Event>(key, PatchType::Strategic,
                                                                     count_patch(plan->event));
      if (written) {
        correlator.remember(plan->memory_key, **written);
        break;
      }
      const Status& status = written.error();
      if (!create && status.is(Reason::NotFound)) {
        create = true;  // It has expired meanwhile.
        continue;
      }
      if (!is_passing(status) || attempt >= kTriesMax) {
        log_verbose(2, "Server rejected event", {{"event", key.text()}, {"err", status.message()}});
        break;
      }
      if (!co_await sleep_for(kTryAgainAfter)) co_return;
    }
  }
}

Task<void> EventRecorder::stop() {
  state_->waiting.close();
  const TimerId timer =
      state_->executor.after(1s, [state = state_] { state->tasks.request_stop(); });
  co_await state_->tasks.join();
  state_->executor.cancel(timer);
}

}  // namespace keelson::client
