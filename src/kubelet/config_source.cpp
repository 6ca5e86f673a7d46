// SPDX-License-Identifier: Apache-2.0
#include "kubelet/config_source.h"

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
    const Duration now = executor_.monotonic();
    if (const auto found = entries_.find(key); found != entries_.end()) {
      const bool immutable = found->second.object->immutable.value_or(false);
      const Duration age = now - found->second.fetched;
      if (age < fresh_for_ || (immutable && age < 100 * fresh_for_)) {
        co_return found->second.object;
      }
    }
    auto object = co_await client_.get<T>(key);
    if (!object) {
      entries_.erase(key);
      if (object.error().is(Reason::NotFound))
        co_return fail(Reason::NotFound, std::string(what_) + " \"" + key.name + "\" not found");
      co_return object;
    }
    if (entries_.size() >= kEntryLimit) entries_.clear();
    entries_[std::move(key)] = {*object, executor_.monotonic()};
    co_return object;
  }

 private:
  struct Entry {
    std::shared_ptr<const T> object;
    Duration fetched;
  };
  client::Client& client_;
  Executor& executor_;
  const Duration fresh_for_;
  const std::string_view what_;
  std::map<client::ObjectKey, Entry> entries_;
};

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

 private:
  Cache<core::v1::ConfigMap> config_maps_;
  Cache<core::v1::Secret> secrets_;
};

}  // namespace

std::unique_ptr<ConfigSource> make_config_source(client::Client& client, Executor& executor,
                                                 Duration fresh_for) {
  return std::make_unique<CachedConfigSource>(client, executor, fresh_for);
}

}  // namespace keelson::kubelet
