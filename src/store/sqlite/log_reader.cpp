// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/log_reader.h"

#include <algorithm>

#include "store/status.h"

namespace keelson::store {
namespace {

// Bounds the time that one read of history takes, and so the time that its snapshot keeps the
// write-ahead log from being reused.
constexpr Revision kRevisionsPerRead = 20'000;

}  // namespace

Result<std::unique_ptr<LogReader>> LogReader::open(const std::string& path, Revision base,
                                                   WatchHubOptions limits) {
  TRY(auto connection, Connection::open(path, Connection::Mode::ReadOnly));
  TRY_OK(connection->execute("PRAGMA cache_size = -1024; PRAGMA cell_size_check = ON"));
  Connection& c = *connection;
  TRY(Statement begin, c.prepare("BEGIN"));
  TRY(Statement end, c.prepare("COMMIT"));
  TRY(Statement newest, c.prepare("SELECT max(id) FROM log"));
  TRY(Statement compacted, c.prepare("SELECT value FROM meta WHERE name = 'compacted'"));
  // The index alone answers these two: a row of it ends with the id.
  TRY(Statement key_ids, c.prepare("SELECT key, id FROM log INDEXED BY log_by_key"
                                   " WHERE key >= ?1 AND key < ?2 ORDER BY key, id"));
  TRY(Statement ids_of_key, c.prepare("SELECT key, id FROM log INDEXED BY log_by_key"
                                      " WHERE key = ?1 ORDER BY id"));
  TRY(Statement row, c.prepare("SELECT create_revision, version, value FROM log WHERE id = ?1"));
  TRY(Statement row_without_value,
      c.prepare("SELECT create_revision, version FROM log WHERE id = ?1"));
  // NOT INDEXED: by id, which is the order of the revisions.
  TRY(Statement events,
      c.prepare("SELECT id, key, create_revision, version, value FROM log NOT INDEXED"
                " WHERE id >= ?1 AND id < ?2 AND key >= ?3 AND key < ?4 ORDER BY id"));
  TRY(Statement events_of_key,
      c.prepare("SELECT id, key, create_revision, version, value FROM log INDEXED BY log_by_key"
                " WHERE id >= ?1 AND id < ?2 AND key = ?3 ORDER BY id"));
  return std::unique_ptr<LogReader>(new LogReader(
      std::move(connection),
      Statements{std::move(begin), std::move(end), std::move(newest), std::move(compacted),
                 std::move(key_ids), std::move(ids_of_key), std::move(row),
                 std::move(row_without_value), std::move(events), std::move(events_of_key)},
      base, limits));
}

template <class T>
Result<T> LogReader::in_snapshot(auto read) {
  {
    Query begin(statements_.begin);
    TRY_OK(begin.run());
  }
  Result<T> result = read();
  Query end(statements_.end);
  auto ended = end.run();
  if (result && !ended) return fail(std::move(ended).error());
  return result;
}

Result<RangeResult> LogReader::range(const KeyRange& range, const RangeOptions& options) {
  return in_snapshot<RangeResult>([&] { return read_range(range, options); });
}

Result<WatchBatch> LogReader::events_after(const KeyRange& range, Revision since) {
  return in_snapshot<WatchBatch>([&] { return read_events(range, since); });
}

Result<std::int64_t> LogReader::integer(Statement& statement) {
  Query query(statement);
  TRY(const bool row, query.next());
  return row ? query.integer(0) : 0;
}

Result<RangeResult> LogReader::read_range(const KeyRange& range, const RangeOptions& options) {
  TRY(const RowId newest, integer(statements_.newest));
  TRY(const Revision compacted, integer(statements_.compacted));
  RangeResult result{.items = {}, .revision = std::max(base_, revision_of(newest))};
  if (options.revision > result.revision) return fail(future_error());
  if (options.revision != 0 && options.revision < compacted) return fail(compacted_error());
  if (options.revision < 0 || options.limit < 0 || range.start.empty())
    return fail(Status::bad_request("store: malformed range"));

  const RowId end = first_row_id((options.revision ? options.revision : result.revision) + 1);
  std::string key;
  RowId id = 0;  // The newest of `key` so far; 0: none.
  Query ids = range.end.empty() ? Query(statements_.ids_of_key, std::string_view(range.start))
                                : Query(statements_.key_ids, std::string_view(range.start),
                                        std::string_view(range.end));
  while (true) {
    TRY(const bool row, ids.next());
    const bool same_key = row && id != 0 && ids.blob(0) == key;
    if (!same_key) {
      if (id != 0 && !is_deletion(id)) TRY_OK(append_row(id, key, options, result));
      id = 0;
    }
    if (!row) return result;
    if (ids.integer(1) >= end) continue;
    id = ids.integer(1);
    if (!same_key) key = ids.blob(0);
  }
}

Result<void> LogReader::append_row(RowId id, std::string_view key, const RangeOptions& options,
                                   RangeResult& result) {
  ++result.count;
  if (options.limit && std::cmp_equal(result.items.size(), options.limit)) {
    result.more = true;
    return {};
  }
  Query row(options.keys_only ? statements_.row_without_value : statements_.row, id);
  TRY(const bool found, row.next());
  if (!found) {
    return fail(Status::internal(connection_->path() +
                                 ": damaged: the index names a missing row; restore the file from "
                                 "a backup"));
  }
  result.items.push_back({.key = std::string(key),
                          .value = options.keys_only ? std::string() : std::string(row.blob(2)),
                          .create_revision = row.integer(0),
                          .mod_revision = revision_of(id),
                          .version = row.integer(1)});
  return {};
}

Result<WatchBatch> LogReader::read_events(const KeyRange& range, Revision since) {
  TRY(const RowId newest, integer(statements_.newest));
  TRY(const Revision compacted, integer(statements_.compacted));
  if (since < compacted - 1) return fail(compacted_error());

  const Revision head = std::max(base_, revision_of(newest));
  const Revision through = std::min(head, since + kRevisionsPerRead);
  WatchBatch batch{.events = {}, .revision = since};
  std::size_t bytes = 0;
  const RowId first = first_row_id(since + 1), end = first_row_id(through + 1);
  Query rows = range.end.empty()
                   ? Query(statements_.events_of_key, first, end, std::string_view(range.start))
                   : Query(statements_.events, first, end, std::string_view(range.start),
                           std::string_view(range.end));
  while (true) {
    TRY(const bool row, rows.next());
    if (!row) break;
    const RowId id = rows.integer(0);
    const bool full =
        batch.events.size() >= limits_.batch_events_max || bytes >= limits_.batch_bytes_max;
    if (full && revision_of(id) != batch.revision) return batch;
    batch.revision = revision_of(id);
    Event& event = batch.events.emplace_back();
    event.type = is_deletion(id) ? Event::Type::Delete : Event::Type::Put;
    event.item = {.key = std::string(rows.blob(1)),
                  .value = std::string(rows.blob(4)),
                  .create_revision = rows.integer(2),
                  .mod_revision = revision_of(id),
                  .version = rows.integer(3)};
    bytes += event.item.key.size() + event.item.value.size();
  }
  batch.revision = std::max(batch.revision, through);
  return batch;
}

}  // namespace keelson::store
