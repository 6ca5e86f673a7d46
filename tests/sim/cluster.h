// SPDX-License-Identifier: Apache-2.0
// A whole cluster in one process on a virtual clock: the real API server on a store in memory, the
// real controllers, scheduler and kubelets; only containers and machines are pretended.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/apps/v1.h"
#include "api/core/v1.h"
#include "apiserver/api_server.h"
#include "base/virtual_executor.h"
#include "controllers/manager.h"
#include "kubelet/cri/fake_runtime.h"
#include "kubelet/kubelet.h"
#include "link.h"
#include "scheduler/scheduler.h"
#include "store/store.h"

namespace keelson::sim {

struct ClusterOptions {
  int nodes = 50;
  std::uint64_t seed = 1;
};

class Cluster {
 public:
  explicit Cluster(ClusterOptions options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // --- What a user does; without faults ---------------------------------------------------------

  template <class T>
  void create(T object) {
    CHECK(run(user_->create(std::move(object))).has_value());
  }
  template <class T>
  void change(api::ObjectKey key, std::function<void(T&)> change) {
    CHECK(run(client::update_with_retry<T>(*user_, std::move(key), [&change](T& object) {
            change(object);
            return true;
          })).has_value());
  }
  template <class T>
  std::vector<std::shared_ptr<const T>> all() {
    auto found = run(user_->list<T>());
    CHECK(found.has_value());
    return *std::move(found);
  }
  template <class T>
  Result<std::shared_ptr<const T>> find(api::ObjectKey key) {
    return run(user_->get<T>(std::move(key)));
  }

  // --- What happens to it -----------------------------------------------------------------------

  Faults faults;
  void cut_node(int number);
  void restore_node(int number);

  void advance(Duration duration) { executor_.advance(duration); }
  // Looks once a second.
  bool until(const std::function<bool()>& done, Duration limit);
  Duration elapsed() const { return executor_.monotonic(); }

  // --- What is asserted -------------------------------------------------------------------------

  int ready_nodes();
  // Containers that run on a node, whatever the API says.
  std::vector<std::string> running_on(int node) const;
  static std::string node_name(int number) { return "node-" + std::to_string(number); }
  const RunRecord& record() const { return record_; }

 private:
  struct Node;

  std::unique_ptr<Link> make_link(std::string name, apiserver::User user);
  void add_node(int number);

  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    spawn(executor_, store_result(std::move(task), &result));
    CHECK(executor_.run_until([&] { return result.has_value(); }, std::chrono::minutes(5)));
    return std::move(*result);
  }
  template <class T>
  static Task<void> store_result(Task<T> task, std::optional<T>* result) {
    result->emplace(co_await std::move(task));
  }

  VirtualExecutor executor_;
  // One each, so that the components' draws do not disturb each other.
  std::unique_ptr<Random> server_random_, component_random_, fault_random_;
  RunRecord record_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> server_;
  std::unique_ptr<client::Client> user_;
  std::unique_ptr<Link> manager_link_, scheduler_link_;
  std::unique_ptr<controllers::Manager> manager_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
  std::unique_ptr<TaskGroup> tasks_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace keelson::sim
