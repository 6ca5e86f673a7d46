// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/database.h"

#include <sqlite3.h>

namespace keelson::store {

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, Mode mode) {
  // Each connection is used by one thread at a time, and nobody reads SQLite's memory statistics,
  // whose lock all threads would share.
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  std::ignore = configured;

  sqlite3* handle = nullptr;
  const int access = mode == Mode::ReadWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  const int code = sqlite3_open_v2(path.c_str(), &handle, access | SQLITE_OPEN_NOMUTEX, nullptr);
  if (!handle) return fail(Status::unavailable(path + ": out of memory"));
  std::unique_ptr<Connection> connection(new Connection(handle, path));
  if (code != SQLITE_OK) return fail(connection->error());
  sqlite3_extended_result_codes(handle, 1);
  // Locks of SQLite are held briefly: by recovery, and when a checkpoint waits for readers.
  sqlite3_busy_timeout(handle, 5000);
  // The file comes from disk, which may be damaged or tampered with.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return connection;
}

Connection::~Connection() { CHECK(sqlite3_close(handle_) == SQLITE_OK); }

Result<void> Connection::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return fail(error());
  return {};
}

Result<Statement> Connection::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return fail(error());
  return Statement(this, statement);
}

Result<std::int64_t> Connection::query_integer(std::string_view sql) {
  TRY(Statement statement, prepare(sql));
  Query query(statement);
  TRY(const bool found, query.next());
  return found ? query.integer(0) : 0;
}

Result<std::string> Connection::query_text(std::string_view sql) {
  TRY(Statement statement, prepare(sql));
  Query query(statement);
  TRY(const bool found, query.next());
  return found ? std::string(query.blob(0)) : std::string();
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

Status Connection::error() const {
  std::string message = path_ + ": " + sqlite3_errmsg(handle_);
  switch (sqlite3_errcode(handle_) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Status::internal(message + "; restore the file from a backup");
    default:
      return Status::unavailable(std::move(message));
  }
}

bool Connection::last_error_may_pass() const {
  const int code = sqlite3_errcode(handle_) & 0xff;
  return code == SQLITE_FULL || code == SQLITE_BUSY;
}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), handle_(std::exchange(other.handle_, nullptr)) {}

Statement::~Statement() { sqlite3_finalize(handle_); }

Query::~Query() { sqlite3_reset(statement_.handle_); }

Result<bool> Query::next() {
  const int code = sqlite3_step(statement_.handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(statement_.connection_->error());
}

Result<void> Query::run() {
  while (true) {
    TRY(const bool row, next());
    if (!row) return {};
  }
}

std::int64_t Query::integer(int column) const {
  return sqlite3_column_int64(statement_.handle_, column);
}

std::string_view Query::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.handle_, column);
  const int size = sqlite3_column_bytes(statement_.handle_, column);
  return {static_cast<const char*>(data), data ? static_cast<std::size_t>(size) : 0};
}

void Query::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.handle_, index, value);
}

void Query::bind(int index, std::string_view value) {
  // SQLite takes a null pointer, which an empty view may hold, for NULL.
  const char* data = value.empty() ? "" : value.data();
  sqlite3_bind_blob64(statement_.handle_, index, data, value.size(), SQLITE_STATIC);
}

void Query::bind(int index, const std::optional<std::string>* value) {
  if (*value) {
    bind(index, std::string_view(**value));
  } else {
    sqlite3_bind_null(statement_.handle_, index);
  }
}

}  // namespace keelson::store
