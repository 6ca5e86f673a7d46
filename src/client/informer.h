// SPDX-License-Identifier: Apache-2.0
// A local, always growing younger copy of one resource: list, watch, resume, relist with back-off.
// One informer a resource and component, shared by all who ask its InformerSet. Everything here
// runs on the component's serial executor, so listers need no locks and see no change between two
// waits.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "base/sync.h"
#include "client/client.h"

namespace keelson::client {

// Called on the informer's executor after the copy has changed. Keep them short: put a key into a
// work queue. `before` is null for an addition, `now` null for a deletion.
using ChangeHandler = std::function<void(const ObjectPtr& before, const ObjectPtr& now)>;
// The values under which an object is found in an index.
using IndexFunction = std::function<std::vector<std::string>(const api::Object&)>;

class Informer {
 public:
  // `jitter_seed` spreads the relists of many informers; the same seed gives the same delays.
  Informer(Client& client, const Resource& resource, std::string namespace_,
           std::string field_selector, std::uint64_t jitter_seed = 0);

  const Resource& resource() const { return resource_; }

  // Handlers added later are told of everything that is there already.
  void add_handler(ChangeHandler handler);
  // Adding the same name twice keeps the first.
  void add_index(std::string name, IndexFunction function);

  // True once the first list is complete.
  bool has_synced() const { return synced_.is_set(); }
  Task<Result<void>> wait_synced() { return synced_.wait(); }

  ObjectPtr find(const ObjectKey& key) const;  // null if there is none
  // In key order; `of_namespace` empty: all.
  std::vector<ObjectPtr> list(std::string_view of_namespace = {}) const;
  std::vector<ObjectPtr> by_index(std::string_view index, std::string_view value) const;
  std::size_t count_by_index(std::string_view index, std::string_view value) const;
  std::size_t size() const { return objects_.size(); }

  template <class T>
  std::shared_ptr<const T> find(const ObjectKey& key) const {
    auto object = find(key);
    return object ? api::share<T>(std::move(object)) : nullptr;
  }
  template <class T>
  std::vector<std::shared_ptr<const T>> list(std::string_view of_namespace = {}) const {
    return typed<T>(list(of_namespace));
  }
  template <class T>
  std::vector<std::shared_ptr<const T>> by_index(std::string_view index,
                                                 std::string_view value) const {
    return typed<T>(by_index(index, value));
  }

  // Until stopped.
  Task<void> run();

 private:
  template <class T>
  static std::vector<std::shared_ptr<const T>> typed(std::vector<ObjectPtr> objects) {
    std::vector<std::shared_ptr<const T>> out;
    out.reserve(objects.size());
    for (auto& object : objects) out.push_back(api::share<T>(std::move(object)));
    return out;
  }

  // By key, so that objects, found by their own key, carry the order of maps and indexes.
  struct KeyOrder {
    using is_transparent = void;
    bool operator()(const ObjectPtr& a, const ObjectPtr& b) const { return a->key() < b->key(); }
    bool operator()(const ObjectPtr& a, const ObjectKey& b) const { return a->key() < b; }
    bool operator()(const ObjectKey& a, const ObjectPtr& b) const { return a < b->key(); }
  };
  using ObjectSet = std::set<ObjectPtr, KeyOrder>;
  struct Index {
    IndexFunction function;
    std::map<std::string, ObjectSet, std::less<>> objects;
  };
  struct Change {
    ObjectPtr before, now;
  };

  // Null if nothing has that value.
  const ObjectSet* find_indexed(std::string_view index, std::string_view value) const;

  // One list (or watch with initial events) and its watch; returns when a relist is due.
  Task<Result<void>> list_and_watch();
  // The present state by watch, which goes on; null if the server has no such watches.
  Task<Result<std::unique_ptr<WatchStream>>> stream_list();
  Task<Result<void>> page_list();
  // Until the watch has to be opened anew, from resource_version_.
  Task<Result<void>> follow(std::unique_ptr<WatchStream> stream);
  void replace(std::vector<ObjectPtr> items, std::string resource_version);
  void apply(const WatchEvent& event);
  // Puts `now` in the place of what has its key; null: removes it. Returns what was there.
  ObjectPtr set(const ObjectKey& key, ObjectPtr now);
  void notify(const Change& change) const;
  // Grows with each failure in a row.
  Duration next_delay();

  Client& client_;
  const Resource& resource_;
  const std::string namespace_, field_selector_;
  ObjectSet objects_;
  std::map<std::string, Index, std::less<>> indexes_;
  std::vector<ChangeHandler> handlers_;
  std::string resource_version_;
  bool streaming_refused_ = false;
  int failures_ = 0;  // In a row.
  std::unique_ptr<Random> random_;
  Event synced_;
};

// The informers of one component.
class InformerSet {
 public:
  // `executor` must be serial; `client` outlives the set.
  InformerSet(Client& client, Executor& executor, std::uint64_t jitter_seed = 0);
  ~InformerSet();

  // The shared informer of a resource, made when first asked for.
  Informer& of(const Resource& resource);
  template <class T>
  Informer& of() {
    return of(api::resource_of<T>());
  }
  // Apart from the shared one: only objects that a field selector finds (a kubelet's own pods).
  Informer& selected(const Resource& resource, std::string namespace_, std::string field_selector);

  // Starts all informers, also those asked for later.
  void start();
  // Until all informers that exist have their first list.
  Task<Result<void>> wait_synced();
  Task<void> stop();

 private:
  Informer& add(const Resource& resource, std::string namespace_, std::string field_selector);

  Client& client_;
  TaskGroup tasks_;
  const std::uint64_t jitter_seed_;
  bool started_ = false;
  std::vector<std::unique_ptr<Informer>> informers_;
  std::unordered_map<const Resource*, Informer*> shared_;
};

}  // namespace keelson::client
