// SPDX-License-Identifier: Apache-2.0
// A revisioned key-value store with watch. One counter numbers all writes; history is kept until it
// is compacted. Keys look like "/registry/pods/<namespace>/<name>"; values are opaque here.
// Thread-safe. Source: etcd v3 API, services KV and Watch.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"

namespace keelson::store {

// Of the whole store; the first write makes revision 2, as in etcd, so that 1 is the empty store.
// Never decreases, and is never given to two transactions, whatever crashes between; after a crash
// it may skip some numbers.
using Revision = std::int64_t;

// Limits of one transaction. Upstream: etcd's default --max-txn-ops and --max-request-bytes.
inline constexpr std::size_t kTransactionWritesMax = 128;
// Keys and values together.
inline constexpr std::size_t kTransactionBytesMax = std::size_t{1536} * 1024;

struct KeyValue {
  std::string key;
  std::string value;
  Revision create_revision = 0;
  Revision mod_revision = 0;
  std::int64_t version = 0;  // Writes since creation; 1 at creation.

  bool operator==(const KeyValue&) const = default;
};

// Keys in [start, end), compared as bytes; an empty end means just `start`.
struct KeyRange {
  std::string start, end;

  static KeyRange key(std::string key) { return {std::move(key), {}}; }
  // All keys that begin with `prefix`, which holds a byte other than 0xff.
  static KeyRange prefix(std::string_view prefix);
  bool contains(std::string_view key) const;
};

enum class Durability : std::uint8_t {
  Synced,  // On disk before anybody sees it or hears the answer.
  // Answered when applied and visible; on disk within a second. Losing power may lose the last
  // ones, but never one that a Synced write came after, and never their revision numbers. For Lease
  // renewals.
  Behind,
};

struct Write {
  std::string key;
  std::optional<std::string> value;  // Nothing: delete.
  // The mod_revision that the key must have; 0: it must not exist; nothing: whatever it has.
  std::optional<Revision> expected;
  // Deleted by the store after it, give or take two seconds, restarts included; 0: kept. Each write
  // of a key sets it anew.
  std::chrono::seconds ttl{0};
};

struct Transaction {
  std::vector<Write> writes;  // Distinct keys; all get the same revision.
  Durability durability = Durability::Synced;
};

struct RangeOptions {
  Revision revision = 0;   // 0: the newest.
  std::int64_t limit = 0;  // 0: all.
  bool keys_only = false;
};

struct RangeResult {
  std::vector<KeyValue> items;  // In key order.
  Revision revision = 0;        // The store's revision when it was read; not that of the option.
  bool more = false;            // The limit cut it.
  std::int64_t count = 0;       // Of all keys in the range, whatever the limit.
};

struct Event {
  enum class Type : std::uint8_t { Put, Delete };
  Type type = Type::Put;
  // Of a Delete: the key and, as mod_revision, the revision of the deletion; nothing else.
  KeyValue item;
  bool is_create() const { return type == Type::Put && item.version == 1; }

  bool operator==(const Event&) const = default;
};

struct WatchBatch {
  // In revision order; all events of a revision come in one batch. Empty: progress only.
  std::vector<Event> events;
  // Every event of the range up to here has been handed out; never less than in the batch before.
  Revision revision = 0;
};

// One reader at a time. Destroying it, when no next() waits, ends the watch.
class Watch {
 public:
  virtual ~Watch() = default;

  // Waits for the next events, or for progress that was asked for. After Canceled it can be called
  // again and goes on where it was.
  // Errors: Expired when the reader fell behind a compaction; Canceled; Unavailable when the store
  // has stopped.
  virtual Task<Result<WatchBatch>> next() = 0;

  // Makes next(), waiting now or called later, answer even without events as soon as all up to the
  // store's revision of this moment has been handed out. A batch of events that goes as far is such
  // an answer. Thread-safe.
  virtual void request_progress() = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Applies all writes, or none if a key does not have the revision it expects. Returns the
  // new revision. Deleting a missing key without `expected` is no write; a transaction of only such
  // returns the current revision. Errors: Conflict (read again, retry), BadRequest (no key, a key
  // twice, too many writes, ttl on a delete or below zero), RequestEntityTooLarge, Unavailable.
  // After Canceled or Unavailable it may have been applied or not.
  virtual Task<Result<Revision>> commit(Transaction transaction) = 0;

  // Nothing if the key does not exist. Linearizable: sees every commit answered before the call.
  virtual Task<Result<std::optional<KeyValue>>> get(std::string key) = 0;

  // Linearizable without a revision. Errors: Expired ("etcdserver: mvcc: required revision has been
  // compacted"), BadRequest for a revision of the future, Unavailable.
  virtual Task<Result<RangeResult>> range(KeyRange range, RangeOptions options) = 0;

  // Events with a revision greater than `since`, none missing, none twice. A `since` of the future
  // waits for it. Errors: Expired when `since` + 1 is compacted: list again; BadRequest for a
  // negative one; Unavailable.
  virtual Task<Result<std::unique_ptr<Watch>>> watch(KeyRange range, Revision since) = 0;

  virtual Task<Result<Revision>> current_revision() = 0;

  // Forgets history below `revision`: versions superseded at or before it, and deletions before it.
  // From then on the revisions below it count as compacted. Answers when the forgotten is gone.
  // Errors: Expired when already compacted to it or further, BadRequest for a revision of the
  // future, Unavailable.
  virtual Task<Result<void>> compact(Revision revision) = 0;

  // Bytes on disk (or the backend's estimate).
  virtual Task<Result<std::int64_t>> size_bytes() = 0;

  // Ends all watches, finishes queued commits. Nothing may be called after it.
  virtual Task<void> stop() = 0;
};

}  // namespace keelson::store
