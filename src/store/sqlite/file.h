// SPDX-License-Identifier: Apache-2.0
// The database file: who owns it, what is in it, and whether it can be trusted.
//
//   log     one row a write, deletions too; the row's id is revision << 16 | place << 1 | deletion,
//           so that ids order all writes and tell the revision and the kind without the row
//   expiry  the current rows that have a ttl, by the second at which it ends
//   meta    named numbers
#pragma once

#include "store/sqlite/database.h"
#include "store/store.h"

namespace keelson::store {

using RowId = std::int64_t;

constexpr RowId row_id(Revision revision, std::size_t place, bool deletion) {
  return revision << 16 | static_cast<RowId>(place) << 1 | (deletion ? 1 : 0);
}
// The first id that a row of the revision can have.
constexpr RowId first_row_id(Revision revision) { return revision << 16; }
constexpr Revision revision_of(RowId id) { return id >> 16; }
constexpr bool is_deletion(RowId id) { return (id & 1) != 0; }
static_assert(kTransactionWritesMax <= (1u << 15));

// Held while this process uses the file; another process, or another store of this one, is refused.
class FileLock final {
 public:
  // Errors: Unavailable, saying which process holds it.
  static Result<FileLock> acquire(const std::string& path);
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

struct FileOptions {
  std::int64_t size_bytes_max = 0;  // 0: what the disk holds.
  std::int64_t wal_bytes_max = 0;   // The log file is cut to it when it begins anew.
  bool check_integrity = false;     // Read all of the file first.
};

// What a store continues from.
struct FileState {
  Revision revision = 1;   // No smaller one may be given out again.
  Revision compacted = 0;  // Revisions below it are.
  RowId swept = 0;         // Rows before it have been looked at by the compaction.
  Revision ceiling = 0;    // See set_ceiling in log_writer.h.
};

struct OpenFile {
  std::unique_ptr<Connection> connection;  // To write with.
  FileState state;
};

// Creates the file (mode 0600) if it is missing; recovers it after a crash. The caller holds the
// lock. Errors: InternalError when the file is damaged, not ours or of a newer version;
// Unavailable.
Result<OpenFile> open_file(const std::string& path, const FileOptions& options);

}  // namespace keelson::store
