// SPDX-License-Identifier: Apache-2.0
#include "store/status.h"

#include <algorithm>

namespace keelson::store {

Result<void> validate(const Transaction& transaction) {
  const auto& writes = transaction.writes;
  if (writes.size() > kTransactionWritesMax)
    return fail(Status::bad_request("etcdserver: too many operations in txn request"));
  std::size_t bytes = 0;
  for (const Write& write : writes) {
    if (write.key.empty()) return fail(Status::bad_request("etcdserver: key is not provided"));
    if (write.ttl.count() < 0 || (write.ttl.count() > 0 && !write.value))
      return fail(Status::bad_request("store: ttl of \"" + write.key + "\" is out of place"));
    bytes += write.key.size() + (write.value ? write.value->size() : 0);
  }
  if (bytes > kTransactionBytesMax)
    return fail(Reason::RequestEntityTooLarge, "etcdserver: request is too large");

  if (writes.size() > 1) {
    std::vector<std::string_view> keys;
    keys.reserve(writes.size());
    for (const Write& write : writes) keys.push_back(write.key);
    std::ranges::sort(keys);
    if (std::ranges::adjacent_find(keys) != keys.end())
      return fail(Status::bad_request("etcdserver: duplicate key given in txn request"));
  }
  return {};
}

Status compacted_error() {
  return Status::expired("etcdserver: mvcc: required revision has been compacted");
}

Status future_error() {
  return Status::bad_request("etcdserver: mvcc: required revision is a future revision");
}

Status conflict_error(std::string_view key) {
  return {Reason::Conflict, "store: \"" + std::string(key) + "\" has another revision"};
}

Status stopped_error() { return Status::unavailable("store: stopped"); }

std::int64_t expiry_of(Wall now, std::chrono::seconds ttl) {
  if (ttl.count() == 0) return 0;
  return std::chrono::ceil<std::chrono::seconds>(now.time_since_epoch()).count() + ttl.count();
}

std::int64_t expired_through(Wall now) {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
}

}  // namespace keelson::store
