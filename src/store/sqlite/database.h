// SPDX-License-Identifier: Apache-2.0
// SQLite with errors as values. A connection and its statements belong to one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace keelson::store {

class Statement;

class Connection final {
 public:
  enum class Mode : std::uint8_t { ReadWrite, ReadOnly };

  // The file must exist. Errors: InternalError when it is no database, Unavailable.
  static Result<std::unique_ptr<Connection>> open(const std::string& path, Mode mode);

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  // All statements must be gone.
  ~Connection();

  // Runs SQL without results, or ignoring them.
  Result<void> execute(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  // The first column of the first row.
  Result<std::int64_t> query_integer(std::string_view sql);
  Result<std::string> query_text(std::string_view sql);

  // True while in a transaction; SQLite ends it by itself after some errors.
  bool in_transaction() const;
  // SQLite's last error on this connection, with the file's name: InternalError when the file is
  // damaged, else Unavailable. Logs nothing.
  Status error() const;
  // The last error spoilt no more than its own transaction: no room, or locked by another program.
  bool last_error_may_pass() const;

  sqlite3* handle() { return handle_; }
  const std::string& path() const { return path_; }

 private:
  Connection(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  sqlite3* handle_;
  std::string path_;
};

class Statement final {
 public:
  Statement(Connection* connection, sqlite3_stmt* handle)
      : connection_(connection), handle_(handle) {}
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

 private:
  friend class Query;
  Connection* connection_;
  sqlite3_stmt* handle_;
};

// One execution of a prepared statement, from the binding of its parameters to its reset. Bound
// text must outlive it.
class Query final {
 public:
  template <class... Parameters>
  explicit Query(Statement& statement, Parameters... parameters) : statement_(statement) {
    int index = 0;
    (bind(++index, parameters), ...);
  }
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // True: a row. False: the end.
  Result<bool> next();
  // To the end.
  Result<void> run();

  std::int64_t integer(int column) const;  // 0 of a null.
  // Bytes, valid until next(); empty of a null.
  std::string_view blob(int column) const;

 private:
  void bind(int index, std::int64_t value);
  void bind(int index, std::string_view value);
  void bind(int index, const std::optional<std::string>* value);

  Statement& statement_;
};

}  // namespace keelson::store
