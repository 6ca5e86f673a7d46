// SPDX-License-Identifier: Apache-2.0
// Writes the statuses of pods to the API server: the newest of each pod only, never an old one
// after a new one. Source: upstream pkg/kubelet/status.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "client/informer.h"
#include "client/work_queue.h"
#include "kubelet/pod_status.h"

namespace keelson::kubelet {

class StatusManager final {
 public:
  // `pods` holds the node's own pods. All on its executor.
  StatusManager(client::Client& client, client::Informer& pods, Executor& executor);

  // Written soon; nothing happens if it is what was set before.
  void set(const PodPtr& pod, v1::PodStatus status);
  // What was set last; null if nothing was.
  const v1::PodStatus* find(const std::string& uid) const;
  // Waits until what was set last is written, or the pod is gone. Errors: Canceled.
  Task<Result<void>> flush(std::string uid);
  void forget(const std::string& uid);

  // Until stopped.
  Task<void> run();

 private:
  struct Entry {
    client::ObjectKey key;
    v1::PodStatus status;
    std::uint64_t version = 0, written = 0;
    // The resourceVersion of the pod as the server had it after the last write.
    std::string seen;
    std::shared_ptr<Event> changed = std::make_shared<Event>();
  };
  Task<Result<client::Requeue>> write(std::string uid);

  client::Client& client_;
  client::Informer& pods_;
  client::WorkQueue<std::string> queue_;
  std::map<std::string, Entry> entries_;  // By pod uid.
};

}  // namespace keelson::kubelet
