// SPDX-License-Identifier: Apache-2.0
// The watches of a backend that numbers its own revisions. A watch is a cursor into one sequence of
// events: the newest are in memory, shared by all watches and bounded; older ones are read from
// the backend's history. So a slow reader costs no queue of its own, and since it only ever moves
// its cursor forward over complete revisions it can neither lose nor repeat an event.
#pragma once

#include "store/store.h"

namespace keelson::store {

// Where a watch reads what is no longer in memory.
class History {
 public:
  virtual ~History() = default;

  // The events after `since` up to the result's revision, which is greater than `since` unless
  // there is nothing newer. A bounded number, of whole revisions.
  // Errors: Expired when `since` + 1 is compacted, Unavailable.
  virtual Task<Result<WatchBatch>> events_after(KeyRange range, Revision since) = 0;
};

struct WatchHubOptions {
  // Kept in memory for watches that are not up to date; beyond it they read history.
  std::size_t recent_bytes_max = std::size_t{16} * 1024 * 1024;
  // A batch ends with the revision that reaches one of these.
  std::size_t batch_events_max = 512;
  std::size_t batch_bytes_max = std::size_t{1024} * 1024;
};

class WatchHub {
 public:
  // `head`: the store's revision now.
  WatchHub(Revision head, Revision compacted, WatchHubOptions options);

  // All events after the last published revision up to `head`, in order. One caller at a time.
  void publish(std::vector<Event> events, Revision head);

  // The newest revision that anybody has seen, published or read from a snapshot.
  Revision revision() const;
  // A reader saw `revision` in a snapshot, perhaps before it was published.
  void saw(Revision revision);

  Revision compacted() const;
  void set_compacted(Revision revision);

  // Errors: as Store::watch.
  Result<std::unique_ptr<Watch>> open(KeyRange range, Revision since,
                                      std::shared_ptr<History> history);
  // Ends all watches: their next() fails with Unavailable.
  void close();

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace keelson::store
