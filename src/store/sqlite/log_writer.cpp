// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/log_writer.h"

#include "store/status.h"

namespace keelson::store {

Result<std::unique_ptr<LogWriter>> LogWriter::create(std::unique_ptr<Connection> connection) {
  Connection& c = *connection;
  TRY(Statement find,
      c.prepare("SELECT id, create_revision, version, expires_at FROM log INDEXED BY log_by_key"
                " WHERE key = ?1 ORDER BY id DESC LIMIT 1"));
  TRY(Statement insert,
      c.prepare("INSERT INTO log (id, key, create_revision, version, previous, expires_at, value)"
                " VALUES (?1, ?2, ?3, ?4, nullif(?5, 0), ?6, ?7)"));
  TRY(Statement add_expiry, c.prepare("INSERT INTO expiry (at, id) VALUES (?1, ?2)"));
  TRY(Statement remove_expiry, c.prepare("DELETE FROM expiry WHERE at = ?1 AND id = ?2"));
  TRY(Statement first_expiry, c.prepare("SELECT min(at) FROM expiry"));
  TRY(Statement expired,
      c.prepare("SELECT log.key, log.id FROM expiry JOIN log ON log.id = expiry.id"
                " WHERE expiry.at <= ?1 ORDER BY expiry.at, expiry.id LIMIT ?2"));
  TRY(Statement set_meta, c.prepare("UPDATE meta SET value = ?2 WHERE name = CAST(?1 AS TEXT)"));
  TRY(Statement sweep, c.prepare("SELECT id, previous FROM log WHERE id >= ?1 AND id < ?2"
                                 " ORDER BY id LIMIT ?3"));
  TRY(Statement remove, c.prepare("DELETE FROM log WHERE id = ?1"));
  return std::unique_ptr<LogWriter>(new LogWriter(
      std::move(connection),
      Statements{std::move(find), std::move(insert), std::move(add_expiry),
                 std::move(remove_expiry), std::move(first_expiry), std::move(expired),
                 std::move(set_meta), std::move(sweep), std::move(remove)}));
}

Result<void> LogWriter::begin(bool synced) {
  if (synced != synced_) {
    // NORMAL: the log is synced before it is copied into the database, but not at each commit.
    TRY_OK(
        connection_->execute(synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
    synced_ = synced;
  }
  return connection_->execute("BEGIN IMMEDIATE");
}

Result<void> LogWriter::commit() { return connection_->execute("COMMIT"); }

void LogWriter::rollback() {
  // Nothing can be done about an error here, and SQLite rolls back at the next opening.
  if (connection_->in_transaction()) std::ignore = connection_->execute("ROLLBACK");
}

Result<LogWriter::Current> LogWriter::find(std::string_view key) {
  Query query(statements_.find, key);
  TRY(const bool found, query.next());
  if (!found) return Current{};
  return Current{.id = query.integer(0),
                 .create_revision = query.integer(1),
                 .version = query.integer(2),
                 .expires_at = query.integer(3)};
}

Result<LogWriter::Applied> LogWriter::apply(Transaction& transaction, Revision newest, Wall now,
                                            std::vector<Event>& events) {
  // All is checked before anything is written. Keys are distinct, so writing does not change what
  // was found.
  std::vector<Current> currents;
  currents.reserve(transaction.writes.size());
  bool changes = false;
  for (const Write& write : transaction.writes) {
    TRY(const Current current, find(write.key));
    if (write.expected && *write.expected != current.mod_revision())
      return Applied{.refused = conflict_error(write.key)};
    changes = changes || write.value || current.exists();
    currents.push_back(current);
  }
  if (!changes) return Applied{.revision = newest};

  Applied applied{.revision = newest + 1};
  for (std::size_t i = 0; i < currents.size(); ++i) {
    Write& write = transaction.writes[i];
    const Current& current = currents[i];
    if (!write.value && !current.exists()) continue;

    KeyValue item{.key = write.key, .mod_revision = applied.revision};
    if (write.value) {
      item.create_revision = current.exists() ? current.create_revision : applied.revision;
      item.version = current.exists() ? current.version + 1 : 1;
    }
    const std::int64_t expires_at = expiry_of(now, write.ttl);
    if (expires_at && (!applied.first_expiry || expires_at < applied.first_expiry))
      applied.first_expiry = expires_at;
    TRY_OK(put_row(row_id(applied.revision, i, !write.value), write, current, item, expires_at));

    const auto type = write.value ? Event::Type::Put : Event::Type::Delete;
    if (write.value) item.value = *std::move(write.value);
    events.push_back({.type = type, .item = std::move(item)});
  }
  return applied;
}

Result<void> LogWriter::put_row(RowId id, const Write& write, const Current& current,
                                const KeyValue& item, std::int64_t expires_at) {
  {
    // A deletion is not superseded: it goes by itself at a compaction.
    const RowId previous = current.exists() ? current.id : 0;
    Query insert(statements_.insert, id, std::string_view(write.key), item.create_revision,
                 item.version, previous, expires_at, &write.value);
    TRY_OK(insert.run());
  }
  if (current.exists() && current.expires_at) {
    Query remove(statements_.remove_expiry, current.expires_at, current.id);
    TRY_OK(remove.run());
  }
  if (expires_at) {
    Query add(statements_.add_expiry, expires_at, id);
    TRY_OK(add.run());
  }
  return {};
}

Result<void> LogWriter::set_meta(std::string_view name, std::int64_t value) {
  Query query(statements_.set_meta, name, value);
  return query.run();
}

Result<void> LogWriter::set_ceiling(Revision ceiling) { return set_meta("ceiling", ceiling); }

Result<void> LogWriter::set_compacted(Revision revision) { return set_meta("compacted", revision); }

Result<std::vector<Write>> LogWriter::expired(std::int64_t through, std::int64_t limit) {
  std::vector<Write> writes;
  Query query(statements_.expired, through, limit);
  while (true) {
    TRY(const bool row, query.next());
    if (!row) return writes;
    writes.push_back(
        {.key = std::string(query.blob(0)), .expected = revision_of(query.integer(1))});
  }
}

Result<std::int64_t> LogWriter::first_expiry() {
  Query query(statements_.first_expiry);
  TRY(const bool row, query.next());
  return row ? query.integer(0) : 0;
}

Result<RowId> LogWriter::sweep(RowId position, Revision revision, std::int64_t limit) {
  std::vector<RowId> forgotten;
  std::int64_t rows = 0;
  RowId last = 0;
  {
    Query query(statements_.sweep, position, first_row_id(revision + 1), limit);
    while (true) {
      TRY(const bool row, query.next());
      if (!row) break;
      ++rows;
      last = query.integer(0);
      if (const RowId previous = query.integer(1)) forgotten.push_back(previous);
      // A deletion in the revision itself stays: a watch may still begin with it.
      if (is_deletion(last) && revision_of(last) < revision) forgotten.push_back(last);
    }
  }
  for (const RowId id : forgotten) {
    Query remove(statements_.remove, id);
    TRY_OK(remove.run());
  }
  // The rows of the revision itself are looked at again by the next compaction.
  const RowId next = rows < limit ? first_row_id(revision) : last + 1;
  TRY_OK(set_meta("swept", next));
  return next;
}

}  // namespace keelson::store
