// SPDX-License-Identifier: Apache-2.0
#include "kubelet/config_source.h"

#include <set>

#include "podspec/references.h"

namespace keelson::kubelet {

namespace {

// More than a node's pods ever use at a time; beyond it the oldest answers are dropped.
constexpr std::size_t kEntryLimit = 4096;

template <class T>
class Cache {
 public:
  // `what`: how a container's status calls it that is missing.
  Cache(client::Client& client, Executor& executor, Duration fresh_for, std::string_view what)
      : client_(client), executor_(executor), fresh_for_(fresh_for), what_(what) {}

  Task<Result<std::shared_ptr<const T>>> get(client::ObjectKey key) {
    if (const auto found = entries_.find(key); found != entries_.end()) {
      const bool immutable = found->second.object->immutable.value_or(false);
      const bool fresh = executor_.monotonic() - found->second.fetched < fresh_for_;
      if (fresh || (immutable && references_.contains(key))) co_return found->second.object;
    }
    const std::uint64_t asked_in = generation(key);
    auto object = co_await client_.get<T>(key);
    if (!object) {
      entries_.erase(key);
      if (object.error().is(Reason::NotFound))
        co_return fail(Reason::NotFound, std::string(what_) + " \"" + key.name + "\" not found");
      co_return object;
    }
    // Meanwhile there came a pod that must not see an answer from before it, or the last one went.
    if (generation(key) != asked_in) co_return object;
    if (entries_.size() >= kEntryLimit) entries_.clear();
    entries_[std::move(key)] = {*object, executor_.monotonic()};
    co_return object;
  }

  void refer(const client::ObjectKey& key) {
    Reference& reference = references_[key];
    ++reference.count;
    reference.generation = ++last_generation_;
    entries_.erase(key);
  }
  void release(const client::ObjectKey& key) {
    const auto found = references_.find(key);
    if (found == references_.end() || --found->second.count > 0) return;
    references_.erase(found);
    entries_.erase(key);
  }

 private:
  struct Entry {
    std::shared_ptr<const T> object;
    Duration fetched;
  };
  struct Reference {
    std::size_t count = 0;         // Pods.
    std::uint64_t generation = 0;  // Changes with each pod that comes.
  };
  std::uint64_t generation(const client::ObjectKey& key) const {
    const auto found = references_.find(key);
    return found == references_.end() ? 0 : found->second.generation;
  }

  client::Client& client_;
  Executor& executor_;
  const Duration fresh_for_;
  const std::string_view what_;
  std::map<client::ObjectKey, Entry> entries_;
  std::map<client::ObjectKey, Reference> references_;
  std::uint64_t last_generation_ = 0;
};

// What a pod refers to; each once.
struct References {
  std::set<client::ObjectKey> config_maps, secrets;
};
References references_of(const core::v1::Pod& pod) {
  References out;
  const auto& namespace_ = pod.metadata.namespace_;
  for (const auto name : podspec::config_maps_of(pod)) {
    out.config_maps.insert({namespace_, std::string(name)});
  }
  for (const auto name : podspec::secrets_of(pod)) {
    out.secrets.insert({namespace_, std::string(name)});
  }
  return out;
}

class CachedConfigSource final : public ConfigSource {
 public:
  CachedConfigSource(client::Client& client, Executor& executor, Duration fresh_for)
      : config_maps_(client, executor, fresh_for, "configmap"),
        secrets_(client, executor, fresh_for, "secret") {}

  Task<Result<std::shared_ptr<const core::v1::ConfigMap>>> config_map(
      client::ObjectKey key) override {
    return config_maps_.get(std::move(key));
  }
  Task<Result<std::shared_ptr<const core::v1::Secret>>> secret(client::ObjectKey key) override {
    return secrets_.get(std::move(key));
  }

  void add_pod(const core::v1::Pod& pod) override {
    auto references = references_of(pod);
    for (const auto& key : references.config_maps) config_maps_.refer(key);
    for (const auto& key : references.secrets) secrets_.refer(key);
    forget_pod(pod.metadata.uid);
    pods_.emplace(pod.metadata.uid, std::move(references));
  }
  void forget_pod(const std::string& uid) override {
    const auto found = pods_.find(uid);
    if (found == pods_.end()) return;
    for (const auto& key : found->second.config_maps) config_maps_.release(key);
    for (const auto& key : found->second.secrets) secrets_.release(key);
    pods_.erase(found);
  }

 private:
  Cache<core::v1::ConfigMap> config_maps_;
  Cache<core::v1::Secret> secrets_;
  std::map<std::string, References> pods_;  // By pod uid.
};

}  // namespace

std::unique_ptr<ConfigSource> make_config_source(client::Client& client, Executor& executor,
                                                 Duration fresh_for) {
  return std::make_unique<CachedConfigSource>(client, executor, fresh_for);
}

}  // namespace keelson::kubelet
