// SPDX-License-Identifier: Apache-2.0
#include "store/watch_hub.h"

#include <algorithm>
#include <deque>

#include "store/status.h"

namespace keelson::store {
namespace {

using SharedEvent = std::shared_ptr<const Event>;

std::size_t bytes_of(const Event& event) {
  return event.item.key.size() + event.item.value.size() + sizeof(Event);
}

// What the hub knows of a watch; guarded by the hub's mutex.
struct Cursor {
  KeyRange range;
  Revision since = 0;     // What it was opened with.
  Revision position = 0;  // All events up to here have been handed out.
  // Set when progress was asked for: answer once the position has reached it.
  std::optional<Revision> progress_due;
  std::optional<Completion<Result<void>>> waiter;

  // Events up to the position are handed out: when that is far enough, it is the progress asked
  // for.
  void note_answer() {
    if (progress_due && position >= *progress_due) progress_due.reset();
  }
};

}  // namespace

struct WatchHub::State {
  const WatchHubOptions options;

  std::mutex mutex;
  Revision head;       // Published up to here.
  Revision seen;       // At least head.
  Revision compacted;  // Revisions below it are.
  Revision dropped;    // Events after it, up to head, are in `recent`.
  std::deque<SharedEvent> recent;
  std::size_t recent_bytes = 0;
  // In the order of opening, which is also that of waking.
  std::vector<std::shared_ptr<Cursor>> cursors;
  bool closed = false;

  State(Revision start, Revision compacted_to, WatchHubOptions limits)
      : options(limits), head(start), seen(start), compacted(compacted_to), dropped(start) {}

  // The second condition holds back a watch from the future, and one whose history ran ahead.
  bool progress_ready(const Cursor& cursor) const {
    return cursor.progress_due && cursor.position >= *cursor.progress_due &&
           head >= *cursor.progress_due;
  }

  // Forgets what every watch has passed, then what is beyond the limit.
  void trim() {
    Revision needed = head;
    for (const auto& cursor : cursors) needed = std::min(needed, cursor->position);
    while (!recent.empty()) {
      const Event& oldest = *recent.front();
      if (oldest.item.mod_revision > needed && recent_bytes <= options.recent_bytes_max) break;
      // Later events of the same revision stay behind in the queue, but are not used any more.
      dropped = std::max(dropped, oldest.item.mod_revision);
      recent_bytes -= bytes_of(oldest);
      recent.pop_front();
    }
    dropped = std::max(dropped, needed);
  }

  // Matching events after the cursor, and how far that gets it.
  Revision collect(const Cursor& cursor, std::vector<SharedEvent>& found) {
    auto next = std::ranges::upper_bound(recent, cursor.position, {}, [](const SharedEvent& event) {
      return event->item.mod_revision;
    });
    Revision reached = cursor.position;
    std::size_t bytes = 0;
    for (; next != recent.end(); ++next) {
      const Event& event = **next;
      const bool full =
          found.size() >= options.batch_events_max || bytes >= options.batch_bytes_max;
      if (full && event.item.mod_revision != reached) return reached;
      reached = event.item.mod_revision;
      if (!cursor.range.contains(event.item.key)) continue;
      bytes += bytes_of(event);
      found.push_back(*next);
    }
    return std::max(head, cursor.position);
  }
};

namespace {

class HubWatch final : public Watch {
 public:
  HubWatch(std::shared_ptr<WatchHub::State> hub, KeyRange range, Revision since,
           std::shared_ptr<History> history)
      : hub_(std::move(hub)), history_(std::move(history)) {
    cursor_->range = std::move(range);
    cursor_->since = cursor_->position = since;
  }

  ~HubWatch() override {
    std::lock_guard lock(hub_->mutex);
    std::erase(hub_->cursors, cursor_);
  }

  Task<Result<WatchBatch>> next() override {
    while (true) {
      std::vector<SharedEvent> found;
      Revision position = 0;
      bool from_history = false, caught_up = false, progress = false;
      {
        std::lock_guard lock(hub_->mutex);
        if (hub_->closed) co_return fail(stopped_error());
        if (cursor_->position >= hub_->head) {
          caught_up = true;
          progress = hub_->progress_ready(*cursor_);
          if (progress) cursor_->progress_due.reset();
        } else if (cursor_->position >= hub_->dropped) {
          cursor_->position = hub_->collect(*cursor_, found);
          if (!found.empty()) cursor_->note_answer();
        } else {
          from_history = true;
        }
        position = cursor_->position;
      }

      WatchBatch batch{.events = {}, .revision = position};
      if (caught_up) {
        if (progress) co_return batch;
        CO_TRY_OK(co_await wait());
        continue;
      }
      if (from_history) {
        CO_TRY(batch, co_await history_->events_after(cursor_->range, position));
        std::lock_guard lock(hub_->mutex);
        CHECK(batch.revision > position);
        cursor_->position = batch.revision;
        if (!batch.events.empty()) cursor_->note_answer();
      } else {
        batch.events.reserve(found.size());
        for (const SharedEvent& event : found) batch.events.push_back(*event);
      }
      if (!batch.events.empty()) co_return batch;
    }
  }

  void request_progress() override {
    std::optional<Completion<Result<void>>> ready;
    {
      std::lock_guard lock(hub_->mutex);
      cursor_->progress_due = std::max(hub_->seen, cursor_->since);
      if (hub_->progress_ready(*cursor_)) ready = std::exchange(cursor_->waiter, std::nullopt);
    }
    if (ready) ready->complete({});
  }

  const std::shared_ptr<Cursor>& cursor() const { return cursor_; }

 private:
  // Until there may be something to hand out. Errors: Canceled.
  Task<Result<void>> wait() {
    auto woken = co_await suspended<Result<void>>(
        fail(Status::canceled()), [hub = hub_, cursor = cursor_](Completion<Result<void>> done) {
          {
            std::lock_guard lock(hub->mutex);
            if (done.is_done()) return;
            if (!hub->closed && cursor->position >= hub->head && !hub->progress_ready(*cursor)) {
              cursor->waiter = std::move(done);
              return;
            }
          }
          done.complete({});
        });
    std::lock_guard lock(hub_->mutex);
    cursor_->waiter.reset();
    co_return woken;
  }

  const std::shared_ptr<WatchHub::State> hub_;
  const std::shared_ptr<History> history_;
  // Shared with the set-up of a wait, which may still run when a stop has ended the wait already.
  const std::shared_ptr<Cursor> cursor_ = std::make_shared<Cursor>();
};

}  // namespace

WatchHub::WatchHub(Revision head, Revision compacted, WatchHubOptions options)
    : state_(std::make_shared<State>(head, compacted, options)) {}

void WatchHub::publish(std::vector<Event> events, Revision head) {
  std::vector<Completion<Result<void>>> woken;
  {
    std::lock_guard lock(state_->mutex);
    CHECK(head >= state_->head);
    state_->head = head;
    state_->seen = std::max(state_->seen, head);
    for (const auto& cursor : state_->cursors) {
      // A watch with no reader waiting looks for itself when it is read.
      if (!cursor->waiter) continue;
      const bool wanted = std::ranges::any_of(events, [&cursor](const Event& event) {
        return event.item.mod_revision > cursor->position && cursor->range.contains(event.item.key);
      });
      if (!wanted) {
        cursor->position = std::max(cursor->position, head);
        if (!state_->progress_ready(*cursor)) continue;
      }
      woken.push_back(*std::exchange(cursor->waiter, std::nullopt));
    }
    for (Event& event : events) {
      state_->recent_bytes += bytes_of(event);
      state_->recent.push_back(std::make_shared<const Event>(std::move(event)));
    }
    state_->trim();
  }
  for (const auto& waiter : woken) waiter.complete({});
}

Revision WatchHub::revision() const {
  std::lock_guard lock(state_->mutex);
  return state_->seen;
}

void WatchHub::saw(Revision revision) {
  std::lock_guard lock(state_->mutex);
  state_->seen = std::max(state_->seen, revision);
}

Revision WatchHub::compacted() const {
  std::lock_guard lock(state_->mutex);
  return state_->compacted;
}

void WatchHub::set_compacted(Revision revision) {
  std::lock_guard lock(state_->mutex);
  state_->compacted = std::max(state_->compacted, revision);
}

Result<std::unique_ptr<Watch>> WatchHub::open(KeyRange range, Revision since,
                                              std::shared_ptr<History> history) {
  if (range.start.empty()) return fail(Status::bad_request("etcdserver: key is not provided"));
  if (since < 0) return fail(Status::bad_request("store: a watch cannot start before revision 0"));
  auto watch = std::make_unique<HubWatch>(state_, std::move(range), since, std::move(history));
  bool closed, compacted;
  {
    std::lock_guard lock(state_->mutex);
    closed = state_->closed;
    compacted = since < state_->compacted - 1;
    if (!closed && !compacted) state_->cursors.push_back(watch->cursor());
  }
  // Outside the lock, which the destructor of the watch takes.
  if (closed) return fail(stopped_error());
  if (compacted) return fail(compacted_error());
  return watch;
}

void WatchHub::close() {
  std::vector<Completion<Result<void>>> woken;
  {
    std::lock_guard lock(state_->mutex);
    state_->closed = true;
    for (const auto& cursor : state_->cursors)
      if (cursor->waiter) woken.push_back(*std::exchange(cursor->waiter, std::nullopt));
    state_->recent.clear();
    state_->recent_bytes = 0;
  }
  for (const auto& waiter : woken) waiter.complete({});
}

}  // namespace keelson::store
