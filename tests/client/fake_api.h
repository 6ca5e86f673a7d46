// SPDX-License-Identifier: Apache-2.0
// An API server in memory, for tests of components before a real one is asked: versions, conflicts,
// watches, finalizers, graceful deletion, status subresources and bindings are as there;
// validation, defaulting and access control are not. One thread only. Every call lets other work
// run first, so that orders a network would give come up; the same test gives the same run.
//
//   VirtualExecutor executor;
//   FakeApi api(executor);
//   api.add(pod);                                  // As if somebody had created it.
//   ...run the component...
//   EXPECT_EQ(api.must_get<Pod>({"default", "web"}).spec.nodeName, "node-1");
#pragma once

#include <deque>
#include <set>

#include "base/sync.h"
#include "client/client.h"

namespace keelson::client {

// The objects and their history.
class FakeStore {
 public:
  struct Change {
    std::int64_t revision;
    const Resource* resource;
    ObjectPtr before, now;  // As in ChangeHandler.
  };

  std::int64_t revision() const { return revision_; }
  std::int64_t compacted() const { return compacted_; }
  ObjectPtr find(const Resource& resource, const ObjectKey& key) const;
  std::vector<ObjectPtr> list(const Resource& resource, std::string_view namespace_) const;
  // Null: removes. The revision is put into the object.
  ObjectPtr put(const Resource& resource, const ObjectKey& key, boost::json::value* now);
  // The first change after `revision`, or null.
  const Change* next_change(std::int64_t revision) const;
  void compact();
  Event& changed() { return changed_; }

 private:
  using Key = std::pair<std::string, ObjectKey>;  // "deployments.apps"

  std::int64_t revision_ = 100, compacted_ = 0;
  std::map<Key, ObjectPtr> objects_;
  std::deque<Change> history_;
  Event changed_;
};

class FakeApi final : public Client {
 public:
  explicit FakeApi(Executor& executor) : executor_(executor) {}

  using Client::create;
  using Client::get;
  using Client::list;
  using Client::patch;
  using Client::remove;
  using Client::update;

  Task<Result<ObjectPtr>> get(const Resource& resource, ObjectKey key,
                              std::string subresource = {}) override;
  Task<Result<ObjectList>> list(const Resource& resource, std::string namespace_,
                                ListOptions options) override;
  Task<Result<std::unique_ptr<WatchStream>>> watch(const Resource& resource, std::string namespace_,
                                                   WatchOptions options) override;
  Task<Result<ObjectPtr>> create(const Resource& resource, ObjectKey key, boost::json::value object,
                                 WriteOptions options) override;
  Task<Result<ObjectPtr>> update(const Resource& resource, ObjectKey key, boost::json::value object,
                                 WriteOptions options) override;
  Task<Result<ObjectPtr>> patch(const Resource& resource, ObjectKey key, PatchType type,
                                std::string patch, WriteOptions options) override;
  Task<Result<ObjectPtr>> remove(const Resource& resource, ObjectKey key,
                                 DeleteOptions options) override;
  Task<Result<void>> remove_collection(const Resource& resource, std::string namespace_,
                                       DeleteOptions options, ListOptions selection) override;

  // --- Arranging and asserting, at once and without failures ------------------------------------

  // As a create by somebody else, status included.
  template <class T>
  std::shared_ptr<const T> add(T object) {
    const ObjectKey key{object.metadata.namespace_, object.metadata.name};
    return typed<T>(do_create(api::resource_of<T>(), key, api::encode_document(object), {}));
  }
  // Replaces spec, metadata and status by what `change` makes of them.
  template <class T>
  std::shared_ptr<const T> change(const ObjectKey& key, const std::function<void(T&)>& change) {
    T object = must_get<T>(key);
    change(object);
    return typed<T>(overwrite(api::resource_of<T>(), key, api::encode_document(object)));
  }
  // With options as by default: finalizers and graceful deletion count.
  template <class T>
  void erase(const ObjectKey& key, DeleteOptions options = {}) {
    CHECK(do_remove(api::resource_of<T>(), key, options).has_value());
  }
  template <class T>
  std::shared_ptr<const T> peek(const ObjectKey& key) const {
    auto object = store_.find(api::resource_of<T>(), key);
    return object ? api::share<T>(std::move(object)) : nullptr;
  }
  template <class T>
  const T& must_get(const ObjectKey& key) const {
    const ObjectPtr object = store_.find(api::resource_of<T>(), key);
    CHECK(object != nullptr);
    return object->as<T>();
  }
  template <class T>
  std::vector<std::shared_ptr<const T>> all(std::string_view namespace_ = {}) const {
    std::vector<std::shared_ptr<const T>> found;
    for (auto& object : store_.list(api::resource_of<T>(), namespace_)) {
      found.push_back(api::share<T>(std::move(object)));
    }
    return found;
  }

  // --- Misbehaving -------------------------------------------------------------------------------

  // Empty members match everything.
  struct Call {
    std::string verb;      // "get", "list", "watch", "create", "update", "patch", "delete", ...
    std::string resource;  // "pods", "deployments.apps"
    std::string name;
    std::string subresource;
  };
  // The next `count` calls that match fail, without effect.
  void fail_next(int count, Call match, Status status);
  // Ends all watches: in good order, or with `status`.
  void end_watches(std::optional<Status> status = std::nullopt);
  // Forgets all history: watches from earlier versions are refused as Expired.
  void compact() { store_.compact(); }
  // Whether watches may ask for initial events; they may by default.
  void allow_streaming_lists(bool allowed) { streaming_lists_ = allowed; }

  // Forgets the failures that are still to come.
  void heal() { failures_.clear(); }

  // How many calls matched so far, failed ones included.
  int calls(const Call& match) const;

 private:
  friend class FakeWatch;
  struct Failure {
    int left;
    Call match;
    Status status;
  };

  template <class T>
  static std::shared_ptr<const T> typed(Result<ObjectPtr> object) {
    if (!object) log_failure(object.error());
    CHECK(object.has_value());
    return api::share<T>(*std::move(object));
  }
  static void log_failure(const Status& status);

  // Counts the call and answers the failure that it is to have.
  Result<void> enter(std::string_view verb, const Resource& resource, const ObjectKey& key,
                     std::string_view subresource);
  Result<ObjectPtr> do_create(const Resource& resource, ObjectKey key, boost::json::value object,
                              const WriteOptions& options);
  Result<ObjectPtr> do_update(const Resource& resource, const ObjectKey& key,
                              boost::json::value object, const WriteOptions& options);
  Result<ObjectPtr> do_remove(const Resource& resource, const ObjectKey& key,
                              const DeleteOptions& options);
  Result<ObjectPtr> bind(const ObjectKey& key, const boost::json::value& binding);
  Result<ObjectPtr> overwrite(const Resource& resource, const ObjectKey& key,
                              boost::json::value object);
  std::string now_text() const;

  Executor& executor_;
  FakeStore store_;
  std::deque<Failure> failures_;
  std::vector<Call> calls_;
  bool streaming_lists_ = true;
  int watch_epoch_ = 0;
  std::optional<Status> watch_end_;
  int last_uid_ = 0, last_suffix_ = 0;
};

}  // namespace keelson::client
