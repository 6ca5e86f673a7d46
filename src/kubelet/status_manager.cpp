// SPDX-License-Identifier: Apache-2.0
#include "kubelet/status_manager.h"

#include "base/log.h"

namespace keelson::kubelet {

namespace {

// Writes under way at a time, over all pods of the node.
constexpr int kWriters = 8;
constexpr int kConflictLimit = 5;

}  // namespace

StatusManager::StatusManager(client::Client& client, client::Informer& pods, Executor& executor)
    : client_(client),
      pods_(pods),
      queue_(executor,
             {.delay_min = std::chrono::milliseconds(50), .delay_max = std::chrono::seconds(10)}) {}

void StatusManager::set(const PodPtr& pod, v1::PodStatus status) {
  Entry& entry = entries_[pod->metadata.uid];
  if (entry.version > 0 && same_status(entry.status, status)) return;
  entry.key = {pod->metadata.namespace_, pod->metadata.name};
  entry.status = std::move(status);
  ++entry.version;
  queue_.add(pod->metadata.uid);
}

const v1::PodStatus* StatusManager::find(const std::string& uid) const {
  const auto found = entries_.find(uid);
  return found == entries_.end() ? nullptr : &found->second.status;
}

Task<Result<void>> StatusManager::flush(std::string uid) {
  while (true) {
    const auto found = entries_.find(uid);
    if (found == entries_.end() || found->second.written == found->second.version) {
      co_return Result<void>{};
    }
    const auto changed = found->second.changed;
    changed->reset();
    CO_TRY_OK(co_await changed->wait());
  }
}

void StatusManager::forget(const std::string& uid) {
  const auto found = entries_.find(uid);
  if (found == entries_.end()) return;
  const auto changed = found->second.changed;
  entries_.erase(found);
  changed->set();
}

Task<void> StatusManager::run() {
  co_await client::run_workers<std::string>(
      queue_, kWriters, "kubelet-status",
      [this](std::string uid) { return write(std::move(uid)); });
}

Task<Result<client::Requeue>> StatusManager::write(std::string uid) {
  const auto begin = entries_.find(uid);
  if (begin == entries_.end() || begin->second.written == begin->second.version) {
    co_return client::Requeue::none();
  }
  const client::ObjectKey key = begin->second.key;
  auto current = pods_.find<v1::Pod>(key);
  // Maybe the pod as it was before the last write: what is to be written may look like that.
  if (const std::string& seen = begin->second.seen;
      current && !seen.empty() && current->metadata.resourceVersion != seen) {
    current = nullptr;
  }
  for (int attempt = 0;; ++attempt) {
    if (!current) {
      auto fetched = co_await client_.get<v1::Pod>(key);
      // A node may not even ask for a pod that is gone: no pod ties the two together any more.
      const bool gone =
          !fetched &&
          (fetched.error().is(Reason::NotFound) ||
           (fetched.error().is(Reason::Forbidden) && pods_.find<v1::Pod>(key) == nullptr));
      if (!fetched && !gone) co_return fail(std::move(fetched).error());
      if (fetched) current = *fetched;
    }
    const auto entry = entries_.find(uid);
    if (entry == entries_.end()) co_return client::Requeue::none();
    const std::uint64_t version = entry->second.version;
    std::string seen;
    // Otherwise it is gone, or another of its name: there is nothing to write.
    if (current && current->metadata.uid == uid) {
      seen = current->metadata.resourceVersion;
      v1::Pod next = *current;
      next.status = entry->second.status;
      keep_foreign_conditions(next.status, current->status);
      if (!same_status(next.status, current->status)) {
        auto written = co_await client_.update_status(std::move(next));
        if (!written && !written.error().is(Reason::NotFound)) {
          if (!written.error().is(Reason::Conflict) || attempt >= kConflictLimit)
            co_return fail(std::move(written).error());
          current = nullptr;
          continue;
        }
        if (written) seen = (*written)->metadata.resourceVersion;
      }
    }
    const auto after = entries_.find(uid);
    if (after == entries_.end()) co_return client::Requeue::none();
    after->second.written = std::max(after->second.written, version);
    after->second.seen = std::move(seen);
    after->second.changed->set();
    // Set anew meanwhile: set() has queued it again.
    co_return client::Requeue::none();
  }
}

}  // namespace keelson::kubelet
