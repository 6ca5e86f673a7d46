// SPDX-License-Identifier: Apache-2.0
// Objects in the store: keys, bytes, and errors in the words of the API. Thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "api/object.h"
#include "apiserver/cache/cache_set.h"
#include "base/metrics.h"
#include "base/task.h"
#include "store/store.h"

namespace keelson::apiserver {

class Storage {
 public:
  Storage(store::Store& store, CacheSet& caches, Executor& executor, Metrics& metrics);

  CacheSet& caches() const { return caches_; }
  store::Store& store() const { return store_; }

  // As the store has it now; null if there is none.
  Task<Result<api::ObjectPtr>> read(const api::Resource& stored, api::ObjectKey key) const;

  // Writes `value` if the key still has the revision `expected` (0: if it does not exist), and
  // returns the new version. Errors: Conflict, without the API's words.
  Task<Result<api::ObjectPtr>> write(const api::Resource& stored, api::ObjectKey key,
                                     std::string value, store::Revision expected);
  // Returns the revision of the deletion. Errors: Conflict, likewise.
  Task<Result<store::Revision>> remove(const api::Resource& stored, api::ObjectKey key,
                                       store::Revision expected);

 private:
  Task<Result<store::Revision>> commit(store::Write write, store::Durability durability);

  store::Store& store_;
  CacheSet& caches_;
  Executor& executor_;
  Histogram& get_time_;
  Histogram& commit_time_;
};

}  // namespace keelson::apiserver
