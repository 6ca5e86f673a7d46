// SPDX-License-Identifier: Apache-2.0
#include "power_loss_vfs.h"

#include <sqlite3.h>

#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

namespace keelson::store {
namespace {

// A file as the disk has it for certain, and what was done to it since.
struct Disk {
  struct Change {
    sqlite3_int64 at;
    std::string data;  // Empty: the file was cut to `at`.
  };
  std::string content;
  std::vector<Change> unsynced;
  int syncs = 0;
};

std::mutex mutex;
std::map<std::string, Disk> disks;
sqlite3_vfs* system_vfs = nullptr;

// SQLite allocates it, followed by the file of the layer below.
struct File {
  sqlite3_file base;
  Disk* disk;
};

sqlite3_file* below(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(file) + 1);
}

Disk& disk_of(sqlite3_file* file) { return *reinterpret_cast<File*>(file)->disk; }

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
  const int code = below(file)->pMethods->xWrite(below(file), data, size, at);
  std::lock_guard lock(mutex);
  disk_of(file).unsynced.push_back(
      {at, std::string(static_cast<const char*>(data), static_cast<std::size_t>(size))});
  return code;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  const int code = below(file)->pMethods->xTruncate(below(file), size);
  std::lock_guard lock(mutex);
  disk_of(file).unsynced.push_back({size, {}});
  return code;
}

int sync(sqlite3_file* file, int flags) {
  const int code = below(file)->pMethods->xSync(below(file), flags);
  if (code != SQLITE_OK) return code;
  std::lock_guard lock(mutex);
  Disk& disk = disk_of(file);
  for (const Disk::Change& change : disk.unsynced) {
    const auto end = static_cast<std::size_t>(change.at) + change.data.size();
    if (change.data.empty() || disk.content.size() < end) disk.content.resize(end);
    change.data.copy(disk.content.data() + change.at, change.data.size());
  }
  disk.unsynced.clear();
  ++disk.syncs;
  return code;
}

int close(sqlite3_file* file) { return below(file)->pMethods->xClose(below(file)); }

const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = close,
    .xRead = [](sqlite3_file* f, void* data, int size,
                sqlite3_int64 at) { return below(f)->pMethods->xRead(below(f), data, size, at); },
    .xWrite = write,
    .xTruncate = truncate,
    .xSync = sync,
    .xFileSize = [](sqlite3_file* f,
                    sqlite3_int64* size) { return below(f)->pMethods->xFileSize(below(f), size); },
    .xLock = [](sqlite3_file* f, int kind) { return below(f)->pMethods->xLock(below(f), kind); },
    .xUnlock = [](sqlite3_file* f,
                  int kind) { return below(f)->pMethods->xUnlock(below(f), kind); },
    .xCheckReservedLock =
        [](sqlite3_file* f, int* held) {
          return below(f)->pMethods->xCheckReservedLock(below(f), held);
        },
    .xFileControl =
        [](sqlite3_file* f, int what, void* data) {
          return below(f)->pMethods->xFileControl(below(f), what, data);
        },
    .xSectorSize = [](sqlite3_file* f) { return below(f)->pMethods->xSectorSize(below(f)); },
    .xDeviceCharacteristics =
        [](sqlite3_file* f) { return below(f)->pMethods->xDeviceCharacteristics(below(f)); },
    .xShmMap =
        [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
          return below(f)->pMethods->xShmMap(below(f), page, size, extend, out);
        },
    .xShmLock = [](sqlite3_file* f, int offset, int n,
                   int flags) { return below(f)->pMethods->xShmLock(below(f), offset, n, flags); },
    .xShmBarrier = [](sqlite3_file* f) { below(f)->pMethods->xShmBarrier(below(f)); },
    .xShmUnmap = [](sqlite3_file* f,
                    int remove) { return below(f)->pMethods->xShmUnmap(below(f), remove); },
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;
  const int code = system_vfs->xOpen(system_vfs, name, below(file), flags, flags_out);
  if (code != SQLITE_OK) return code;
  std::lock_guard lock(mutex);
  const std::string path = name ? name : "";
  const auto [disk, is_new] = disks.try_emplace(path);
  if (is_new) disk->second.content = content_of(path);
  reinterpret_cast<File*>(file)->disk = &disk->second;
  file->pMethods = &kMethods;
  return code;
}

// As if the folder were synced at once: SQLite deletes a log only when it is in the database.
int remove(sqlite3_vfs*, const char* name, int sync_folder) {
  const int code = system_vfs->xDelete(system_vfs, name, sync_folder);
  std::lock_guard lock(mutex);
  disks[name].content.clear();
  disks[name].unsynced.clear();
  return code;
}

}  // namespace

PowerLossVfs::PowerLossVfs() {
  std::lock_guard lock(mutex);
  if (!system_vfs) system_vfs = sqlite3_vfs_find(nullptr);
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs layer = *system_vfs;
    layer.zName = "power-loss";
    layer.szOsFile += static_cast<int>(sizeof(File));
    layer.xOpen = open;
    layer.xDelete = remove;
    return layer;
  }();
  sqlite3_vfs_register(&vfs, 1);
}

PowerLossVfs::~PowerLossVfs() {
  sqlite3_vfs_register(system_vfs, 1);
  std::lock_guard lock(mutex);
  disks.clear();
}

void PowerLossVfs::restore(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex);
  for (const char* part : {"", "-wal"}) {
    std::ofstream out(to + part, std::ios::binary | std::ios::trunc);
    out << disks[from + part].content;
  }
}

int PowerLossVfs::syncs_of(const std::string& path) {
  std::lock_guard lock(mutex);
  return disks[path].syncs;
}

}  // namespace keelson::store
