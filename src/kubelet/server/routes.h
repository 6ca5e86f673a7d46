// SPDX-License-Identifier: Apache-2.0
// Inside of the server: what its routes share.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kubelet/server/server.h"

namespace keelson::kubelet {

// "/containerLogs/default/web/main" is {"containerLogs", "default", "web", "main"}.
std::vector<std::string> path_parts(std::string_view path);

// One container of a pod, by the names in a path.
struct ContainerPlace {
  PodPtr pod;
  std::string container;
  std::optional<ContainerRecord> latest, previous;
  std::string waiting_reason;  // Why it has not started.
};
// Errors: NotFound.
Task<Result<ContainerPlace>> find_place(Kubelet& kubelet, client::ObjectKey pod, std::string uid,
                                        std::string container);

// Runs work on the kubelet's executor and comes back.
template <class T>
Task<T> on_kubelet(Kubelet& kubelet, Task<T> task) {
  const TaskContext& context = co_await this_context();
  co_return co_await run_in(TaskContext{&kubelet.context().executor, context.stop},
                            std::move(task));
}

// Plain text with the status's code, as upstream's kubelet answers.
Task<void> answer_error(net::HttpExchange& exchange, Status status);
Task<void> answer_text(net::HttpExchange& exchange, std::string body, std::string type);

Task<void> serve_logs(Kubelet& kubelet, net::HttpExchange& exchange, net::Target target,
                      std::vector<std::string> parts);
Task<void> serve_command(Kubelet& kubelet, net::Runtime& loop, net::HttpExchange& exchange,
                         net::Target target, std::vector<std::string> parts);
Task<void> serve_port_forward(Kubelet& kubelet, net::Runtime& loop, net::HttpExchange& exchange,
                              net::Target target, std::vector<std::string> parts);
Task<void> serve_run(Kubelet& kubelet, net::HttpExchange& exchange, net::Target target,
                     std::vector<std::string> parts);

// The Summary API's document and the metrics in Prometheus' format.
Task<Result<std::string>> summary_json(Kubelet& kubelet);
Task<Result<std::string>> resource_metrics(Kubelet& kubelet);
Task<Result<std::string>> kubelet_metrics(Kubelet& kubelet);

}  // namespace keelson::kubelet
