// SPDX-License-Identifier: Apache-2.0
// Events about objects, as `kubectl describe` shows them: equal ones are counted up instead of
// repeated, floods are dropped. Never waits: writing happens in the background.
// Source: client-go tools/record (correlator: 25 burst, one per 5 minutes refill for each source
// and object).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "client/client.h"

namespace keelson::client {

enum class EventType : std::uint8_t { Normal, Warning };

struct EventTarget {
  std::string api_version, kind, namespace_, name, uid, resource_version;
  std::string field_path;  // "spec.containers{web}"

  static EventTarget of(const api::Object& object);
  // Of a typed object, which does not carry its kind.
  template <class T>
  static EventTarget of(const T& object) {
    const Resource& resource = api::resource_of<T>();
    const auto& metadata = object.metadata;
    return {resource.api_version(),
            std::string(resource.kind),
            metadata.namespace_,
            metadata.name,
            metadata.uid,
            metadata.resourceVersion,
            {}};
  }
};

class EventRecorder {
 public:
  // `component` is "kubelet", "default-scheduler", ...; `host` the node's name or empty.
  EventRecorder(Client& client, Executor& executor, std::string component, std::string host);
  // stop() has ended before.
  ~EventRecorder();

  // Thread-safe. Dropped when 1,000 wait to be written.
  void record(const EventTarget& target, EventType type, std::string reason, std::string message);

  // Writes what is left, for at most a second.
  Task<void> stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keelson::client
