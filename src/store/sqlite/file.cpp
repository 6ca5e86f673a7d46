// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace keelson::store {
namespace {

constexpr std::int64_t kApplicationId = 0x4b65656c;  // "Keel"
constexpr std::int64_t kSchemaVersion = 1;
constexpr std::int64_t kPageBytes = 4096;

// The value comes last in a row, so that the columns before it are read without it.
constexpr const char* kSchema = R"(
  CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    create_revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    previous INTEGER,
    expires_at INTEGER NOT NULL,
    value BLOB
  );
  CREATE INDEX log_by_key ON log (key);
  CREATE TABLE expiry (at INTEGER, id INTEGER, PRIMARY KEY (at, id)) WITHOUT ROWID;
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO meta VALUES ('compacted', 0), ('swept', 0), ('ceiling', 0);
  PRAGMA application_id = 1264936300;
  PRAGMA user_version = 1;
)";
static_assert(kApplicationId == 1264936300);

Status system_error(const std::string& path, const char* doing) {
  return Status::unavailable(path + ": " + doing + ": " + std::strerror(errno));
}

// An entry of a folder is durable once the folder is.
Result<void> sync_folder_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return fail(system_error(folder, "open"));
  const bool synced = ::fsync(descriptor) == 0;
  Result<void> result;
  if (!synced) result = fail(system_error(folder, "fsync"));
  ::close(descriptor);
  return result;
}

Result<void> ensure_private_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail(system_error(path, "open"));
  // SQLite gives its other files (-wal, -shm) the mode of this one.
  const bool closed_to_others = ::fchmod(descriptor, 0600) == 0;
  Result<void> result;
  if (!closed_to_others) result = fail(system_error(path, "chmod"));
  ::close(descriptor);
  if (result) result = sync_folder_of(path);
  return result;
}

Result<void> create_schema(Connection& connection) {
  // auto_vacuum takes effect only when the file is written whole.
  TRY_OK(connection.execute("PRAGMA auto_vacuum = INCREMENTAL"));
  TRY_OK(connection.execute("VACUUM"));
  TRY_OK(connection.execute("PRAGMA journal_mode = WAL"));
  TRY_OK(connection.execute("BEGIN IMMEDIATE"));
  TRY_OK(connection.execute(kSchema));
  return connection.execute("COMMIT");
}

Result<void> ensure_schema(Connection& connection) {
  const std::string& path = connection.path();
  TRY(const auto tables, connection.query_integer("SELECT count(*) FROM sqlite_schema"));
  TRY(const auto application, connection.query_integer("PRAGMA application_id"));
  if (tables == 0 && application == 0) return create_schema(connection);
  if (application != kApplicationId)
    return fail(Status::internal(path + ": not a store of this program"));
  TRY(const auto version, connection.query_integer("PRAGMA user_version"));
  if (version != kSchemaVersion) {
    return fail(Status::internal(path + ": schema version " + std::to_string(version) +
                                 " is not known to this program"));
  }
  return {};
}

Result<FileState> read_state(Connection& connection) {
  FileState state;
  TRY(const RowId newest, connection.query_integer("SELECT max(id) FROM log"));
  TRY(state.compacted, connection.query_integer("SELECT value FROM meta WHERE name = 'compacted'"));
  TRY(state.swept, connection.query_integer("SELECT value FROM meta WHERE name = 'swept'"));
  TRY(state.ceiling, connection.query_integer("SELECT value FROM meta WHERE name = 'ceiling'"));
  state.revision = std::max({Revision{1}, revision_of(newest), state.compacted, state.ceiling});
  return state;
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::string& path) {
  const std::string name = path + ".lock";
  const int descriptor = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return fail(system_error(name, "open"));
  FileLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error(name, "lock"));
    std::array<char, 16> owner{};
    const auto size = ::pread(descriptor, owner.data(), owner.size(), 0);
    const std::string_view pid(owner.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return fail(Status::unavailable(path + ": in use by process " +
                                    std::string(pid.substr(0, pid.find('\n')))));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, pid.data(), pid.size(), 0) < 0)
    return fail(system_error(name, "write"));
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<OpenFile> open_file(const std::string& path, const FileOptions& options) {
  TRY_OK(ensure_private_file(path));
  TRY(auto connection, Connection::open(path, Connection::Mode::ReadWrite));
  TRY_OK(ensure_schema(*connection));

  TRY(const std::string mode, connection->query_text("PRAGMA journal_mode = WAL"));
  if (mode != "wal")
    return fail(Status::unavailable(path + ": the file system does not support a write-ahead log"));
  TRY_OK(connection->execute(
      // The writer checkpoints by itself, between commits.
      "PRAGMA wal_autocheckpoint = 0;"
      "PRAGMA synchronous = FULL;"
      "PRAGMA cell_size_check = ON;"
      "PRAGMA cache_size = -4096;"
      "PRAGMA temp_store = MEMORY"));
  const auto wal_bytes = std::to_string(options.wal_bytes_max);
  TRY_OK(connection->execute(("PRAGMA journal_size_limit = " + wal_bytes).c_str()));
  if (options.size_bytes_max > 0) {
    const auto pages =
        std::to_string(std::max<std::int64_t>(1, options.size_bytes_max / kPageBytes));
    TRY_OK(connection->execute(("PRAGMA max_page_count = " + pages).c_str()));
  }
  if (options.check_integrity) {
    TRY(const std::string found, connection->query_text("PRAGMA quick_check(1)"));
    if (found != "ok") {
      return fail(
          Status::internal(path + ": damaged: " + found + "; restore the file from a backup"));
    }
  }
  TRY(const FileState state, read_state(*connection));
  return OpenFile{std::move(connection), state};
}

}  // namespace keelson::store
