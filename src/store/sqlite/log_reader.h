// SPDX-License-Identifier: Apache-2.0
// The reads of the SQLite backend as SQL, each in one snapshot, on a connection of its own.
#pragma once

#include "store/sqlite/file.h"
#include "store/watch_hub.h"

namespace keelson::store {

class LogReader final {
 public:
  // `base`: the store's revision at its opening, which may be above that of its newest row.
  static Result<std::unique_ptr<LogReader>> open(const std::string& path, Revision base,
                                                 WatchHubOptions limits);

  // As Store::range.
  Result<RangeResult> range(const KeyRange& range, const RangeOptions& options);
  // As History::events_after.
  Result<WatchBatch> events_after(const KeyRange& range, Revision since);

 private:
  struct Statements {
    Statement begin, end, newest, compacted, key_ids, ids_of_key, row, row_without_value, events,
        events_of_key;
  };
  LogReader(std::unique_ptr<Connection> connection, Statements statements, Revision base,
            WatchHubOptions limits)
      : connection_(std::move(connection)),
        statements_(std::move(statements)),
        base_(base),
        limits_(limits) {}

  template <class T>
  Result<T> in_snapshot(auto read);
  Result<std::int64_t> integer(Statement& statement);
  Result<RangeResult> read_range(const KeyRange& range, const RangeOptions& options);
  Result<WatchBatch> read_events(const KeyRange& range, Revision since);
  Result<void> append_row(RowId id, std::string_view key, const RangeOptions& options,
                          RangeResult& result);

  const std::unique_ptr<Connection> connection_;
  Statements statements_;
  const Revision base_;
  const WatchHubOptions limits_;
};

}  // namespace keelson::store
