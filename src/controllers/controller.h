// SPDX-License-Identifier: Apache-2.0
// What every controller is and is given.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/random.h"
#include "client/client.h"
#include "client/event_recorder.h"
#include "client/informer.h"
#include "client/work_queue.h"

namespace keelson::controllers {

using api::ObjectKey;
using api::ObjectPtr;

// All outlive the controllers. `executor` is serial, and that of the informers.
struct ControllerContext {
  client::Client& client;
  client::InformerSet& informers;
  client::EventRecorder& events;
  Executor& executor;
  Random& random;
};

class Controller {
 public:
  virtual ~Controller() = default;
  // As in upstream's --controllers flag, without "-controller".
  virtual std::string_view name() const = 0;
  // Until stopped. Informers may not have synced yet.
  virtual Task<void> run() = 0;
};

// The key and the event target of a typed object.
template <class T>
ObjectKey key_of(const T& object) {
  return {object.metadata.namespace_, object.metadata.name};
}

// Refused because the namespace is being deleted: no news, and nothing to try again.
inline bool is_namespace_ending(const Status& status) {
  return status.is(Reason::Forbidden) && status.message().contains("is being terminated");
}

template <class T>
client::EventTarget event_target(const T& object) {
  const api::Resource& resource = api::resource_of<T>();
  return {.api_version = resource.api_version(),
          .kind = std::string(resource.kind),
          .namespace_ = object.metadata.namespace_,
          .name = object.metadata.name,
          .uid = object.metadata.uid,
          .resource_version = object.metadata.resourceVersion,
          .field_path = {}};
}

}  // namespace keelson::controllers
