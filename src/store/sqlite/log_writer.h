// SPDX-License-Identifier: Apache-2.0
// The writes of the SQLite backend as SQL, without threads: group transactions, compaction, expiry.
#pragma once

#include "store/sqlite/file.h"

namespace keelson::store {

class LogWriter final {
 public:
  // What became of one transaction of a group.
  struct Applied {
    Revision revision = 0;
    std::optional<Status> refused;  // Conflict: nothing of it was written.
    // The earliest second at which a key written by it expires; 0: none has a ttl.
    std::int64_t first_expiry = 0;
  };

  static Result<std::unique_ptr<LogWriter>> create(std::unique_ptr<Connection> connection);

  Connection& connection() { return *connection_; }

  // A group: begin(), any number of apply(), commit(). Any error but a refusal spoils the whole
  // group: rollback(). `synced`: commit() returns when the group is on disk; without it the order
  // on disk is still that of the commits.
  Result<void> begin(bool synced);
  // Writes with the revision `newest` + 1, if there is anything to write, and appends the events.
  // Takes the values out of `transaction`; ttl counts from `now`.
  Result<Applied> apply(Transaction& transaction, Revision newest, Wall now,
                        std::vector<Event>& events);
  // Promises that no revision up to `ceiling` will be given out by a later process, though rows
  // written unsynced may be lost. Part of the group.
  Result<void> set_ceiling(Revision ceiling);
  Result<void> commit();
  void rollback();

  // Keys whose ttl has ended, as deletions that expect the version that had it; at most `limit`.
  Result<std::vector<Write>> expired(std::int64_t through, std::int64_t limit);
  // The earliest second at which a key expires; 0: none does.
  Result<std::int64_t> first_expiry();

  // Part of a group.
  Result<void> set_compacted(Revision revision);
  // Removes up to `limit` rows' worth of what a compaction to `revision` forgets, from `position`
  // on; the position to go on from. Done when that is first_row_id(revision). Part of a group.
  Result<RowId> sweep(RowId position, Revision revision, std::int64_t limit);

 private:
  struct Statements {
    Statement find, insert, add_expiry, remove_expiry, first_expiry, expired, set_meta, sweep,
        remove;
  };
  // The newest row of a key.
  struct Current {
    RowId id = 0;
    Revision create_revision = 0;
    std::int64_t version = 0, expires_at = 0;
    bool exists() const { return id != 0 && !is_deletion(id); }
    Revision mod_revision() const { return exists() ? revision_of(id) : 0; }
  };

  LogWriter(std::unique_ptr<Connection> connection, Statements statements)
      : connection_(std::move(connection)), statements_(std::move(statements)) {}

  Result<Current> find(std::string_view key);
  Result<void> put_row(RowId id, const Write& write, const Current& current, const KeyValue& item,
                       std::int64_t expires_at);
  Result<void> set_meta(std::string_view name, std::int64_t value);

  std::unique_ptr<Connection> connection_;
  Statements statements_;
  bool synced_ = true;  // As open_file() leaves the connection.
};

}  // namespace keelson::store
