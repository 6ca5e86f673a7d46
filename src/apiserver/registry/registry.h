// SPDX-License-Identifier: Apache-2.0
// The verbs, for every kind alike; what is particular about a kind is its Strategy. Callers have
// been authorized. Objects go in and come out in the version that was asked for, whatever the one
// in which they are stored. Thread-safe. Errors are upstream's, ready for the client.
// Source: apiserver pkg/registry/generic/registry, pkg/registry/rest, pkg/endpoints/handlers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/object.h"
#include "apiserver/admission/admission.h"
#include "apiserver/authz/authorizer.h"
#include "apiserver/cache/cache_set.h"
#include "apiserver/context/request.h"
#include "apiserver/registry/accept.h"
#include "apiserver/registry/options.h"
#include "apiserver/registry/storage.h"
#include "apiserver/registry/strategy.h"
#include "base/random.h"

namespace keelson::apiserver {

struct ListResult {
  std::vector<api::ObjectPtr> items;
  store::Revision revision = 0;
  std::string continue_;                  // Empty: that was all.
  std::optional<std::int64_t> remaining;  // How many more there are, where that is known.
};

struct Written {
  api::ObjectPtr object;
  bool created = false;
};

struct Removed {
  api::ObjectPtr object;  // As it is now; if it is gone, its last state.
  bool gone = false;
};

enum class PatchKind : std::uint8_t { Json, Merge, Strategic };
// `before`, a document of `type`, with the patch applied.
Result<api::Document> apply_patch(const api::Document& before, const api::Document& patch,
                                  PatchKind kind, const api::Type& type);

class Registry {
 public:
  struct Parts {
    Storage& storage;
    Executor& executor;
    Random& random;
    const AdmissionChain& admission;
  };
  explicit Registry(Parts parts) : parts_(parts) {}

  // Before the first call. One allocation a kind (its stored version).
  void set_allocation(const api::Resource& stored, std::unique_ptr<Allocation> allocation);

  // Before the first call; outlives the registry.
  void set_authorizer(const Authorizer& authorizer) { authorizer_ = &authorizer; }

  // --- Reads (read.cpp, list.cpp, watch.cpp)
  // ------------------------------------------------------

  Task<Result<api::ObjectPtr>> get(const api::Resource& resource, api::ObjectKey key,
                                   std::string resource_version = {});
  // When the list's revision is gone, the error comes with a token in `inconsistent_continue`.
  Task<Result<ListResult>> list(const api::Resource& resource, std::string namespace_,
                                ListQuery query, std::string* inconsistent_continue = nullptr);
  // Deliveries hold objects of the stored version. Errors: Expired, BadRequest.
  Task<Result<std::unique_ptr<Watcher>>> watch(const api::Resource& resource,
                                               std::string namespace_, ListQuery query);

  // --- Writes (create.cpp, update.cpp, patch.cpp, remove.cpp)
  // -------------------------------------

  Task<Result<Written>> create(CallContext& call, const api::Resource& resource, api::ObjectKey key,
                               Body body);
  // PUT. `subresource` is "" or one whose body is the object itself: "status", "finalize", ...
  Task<Result<Written>> update(CallContext& call, const api::Resource& resource, api::ObjectKey key,
                               std::string subresource, Body body);
  Task<Result<Written>> patch(CallContext& call, const api::Resource& resource, api::ObjectKey key,
                              std::string subresource, PatchKind kind, std::string patch);
  Task<Result<Removed>> remove(CallContext& call, const api::Resource& resource, api::ObjectKey key,
                               DeleteQuery query);
  // What was removed, or began to go.
  Task<Result<ListResult>> remove_collection(CallContext& call, const api::Resource& resource,
                                             std::string namespace_, ListQuery selection,
                                             DeleteQuery query);

  // Makes the next state of an object from its present one, both of the stored version; called
  // again if another write came between. For subresources that are not the object itself.
  using Change = std::function<Result<void>(api::Document& document)>;
  Task<Result<Written>> change(CallContext& call, const api::Resource& resource, api::ObjectKey key,
                               std::string subresource, Change change);

  CacheSet& caches() const { return parts_.storage.caches(); }
  Storage& storage() const { return parts_.storage; }
  Executor& executor() const { return parts_.executor; }

 private:
  // A kind on its way through a verb.
  struct Target {
    const api::Resource& requested;
    const api::Resource& stored;
    const Strategy& strategy;
    api::ObjectKey key;
    std::string subresource;
  };
  static Target target_of(const api::Resource& resource, api::ObjectKey key,
                          std::string subresource = {});
  // The next state in the version asked for, from the present one in that version.
  using Next = std::function<Result<api::Document>(const api::Document& before)>;
  struct UpdateRules {
    bool scoped = true;             // A subresource limits what may change.
    bool requires_version = false;  // The new state must name the version that it replaces.
    int conflict_retries = 0;       // How often to start again when another write came between.
  };

  Task<Result<std::shared_ptr<WatchCache>>> consistent_cache(const api::Resource& stored);
  Task<Result<api::ObjectPtr>> current(const Target& target, bool from_store);
  Task<Result<Written>> update_with(CallContext& call, Target target, Next next, UpdateRules rules);
  // One attempt. Nothing: another write came between.
  Task<Result<std::optional<Written>>> try_update(CallContext& call, const Target& target,
                                                  const Next& next, UpdateRules rules,
                                                  api::ObjectPtr before);
  Task<Result<std::optional<Removed>>> try_remove(CallContext& call, const Target& target,
                                                  const DeleteQuery& query, api::ObjectPtr before);
  // PUT of what does not exist, where the kind allows that. Errors: Forbidden for who may only
  // update; Conflict if the body speaks of an object that was there.
  Task<Result<Written>> create_by_update(CallContext& call, const Target& target,
                                         api::Document document);
  Task<Result<api::ObjectPtr>> insert(CallContext& call, const Target& target,
                                      api::Document document);
  Task<Result<std::optional<api::ObjectPtr>>> write(CallContext& call, const Target& target,
                                                    api::Document document,
                                                    const api::ObjectPtr& before);
  // Takes the object out of the store. Nothing: another write came between.
  Task<Result<std::optional<api::ObjectPtr>>> erase(CallContext& call, const Target& target,
                                                    api::ObjectPtr last);
  Task<Result<std::vector<api::ObjectPtr>>> exact_page(const api::Resource& stored,
                                                       const Selection& selection,
                                                       store::Revision revision, std::string start,
                                                       std::int64_t limit, ListResult& result);
  Allocation* allocation_of(const api::Resource& stored) const;

  Parts parts_;
  const Authorizer* authorizer_ = nullptr;
  std::map<const api::Resource*, std::unique_ptr<Allocation>> allocations_;
};

// The bytes to store of a document of `stored`'s kind: normalised, without resourceVersion.
Result<std::string> stored_bytes(api::Document document, const api::Resource& stored);
// Not found, conflicts and so on, about an object of that resource.
Status not_found(const api::Resource& resource, const api::ObjectKey& key);
Status modified_conflict(const api::Resource& resource, const api::ObjectKey& key);
// An update of an object with another uid.
Status precondition_conflict(const api::Resource& resource, const api::ObjectKey& key,
                             std::string_view wanted, std::string_view actual);

}  // namespace keelson::apiserver
