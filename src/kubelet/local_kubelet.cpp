// SPDX-License-Identifier: Apache-2.0
#include "kubelet/local_kubelet.h"

#include "kubelet/cri/grpc_runtime.h"
#include "kubelet/images/image_import.h"
#include "kubelet/local_host.h"
#include "kubelet/volumes/files.h"

namespace keelson::kubelet {

namespace {

constexpr Duration kConfigFresh = std::chrono::seconds(30);

}  // namespace

struct LocalKubelet::Parts {
  Parts(LocalKubeletOptions given, std::string socket, net::Runtime& net_loop,
        client::Client& client, Random& random)
      : options(std::move(given)),
        loop(net_loop),
        executor(make_serial(net_loop)),
        runtime(cri::make_grpc_runtime(
            net::make_grpc_channel(net_loop, {.host = "localhost", .unix_path = socket}))),
        configs(make_config_source(client, *executor, kConfigFresh)),
        host(options.kubelet, net_loop, *executor, client, *configs, random),
        importer(make_ctr_importer(std::move(socket),
                                   [&net_loop](Work work) { net_loop.block(std::move(work)); })),
        kubelet(options.kubelet, {.client = client,
                                  .executor = *executor,
                                  .runtime = *runtime,
                                  .host = host,
                                  .random = random,
                                  .configs = configs.get(),
                                  .before_pods = [this] { return import_images(); }}),
        tasks(*executor) {}

  // A pod needs the pause image before anything else.
  Task<void> import_images() {
    if (!options.image_archives.empty()) co_await import_folder(*importer, options.image_archives);
  }

  const LocalKubeletOptions options;
  net::Runtime& loop;
  const std::unique_ptr<Executor> executor;
  const std::unique_ptr<cri::Runtime> runtime;
  const std::unique_ptr<ConfigSource> configs;
  LocalHost host;
  const std::unique_ptr<ImageImporter> importer;
  Kubelet kubelet;
  TaskGroup tasks;
};

Result<std::unique_ptr<LocalKubelet>> LocalKubelet::make(LocalKubeletOptions options,
                                                         net::Runtime& loop, client::Client& client,
                                                         Random& random) {
  TRY(std::string socket, cri::socket_path_of_endpoint(options.runtime_endpoint));
  // The runtime gets paths below these, and the kernel names mounts by them.
  for (auto* folder : {&options.kubelet.root_dir, &options.kubelet.pod_log_dir,
                       &options.kubelet.container_log_dir}) {
    TRY(*folder, make_canonical(*folder));
  }
  return std::unique_ptr<LocalKubelet>(new LocalKubelet(
      std::make_unique<Parts>(std::move(options), std::move(socket), loop, client, random)));
}

LocalKubelet::LocalKubelet(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LocalKubelet::~LocalKubelet() = default;

void LocalKubelet::start() {
  parts_->tasks.start([](Parts* parts) -> Task<void> {
    parts->kubelet.start();
    co_return;
  }(parts_.get()));
}

Task<void> LocalKubelet::stop() {
  // In the kubelet's own context; stopping is not to be stopped.
  auto stopping = [](Parts* parts) -> Task<bool> {
    co_await parts->tasks.stop();
    co_await parts->kubelet.stop();
    co_return true;
  }(parts_.get());
  co_await run_in(TaskContext{parts_->executor.get(), {}}, std::move(stopping));
}

net::HttpHandler LocalKubelet::handler(ServerOptions options) {
  return make_kubelet_handler(parts_->kubelet, parts_->loop, std::move(options));
}

Kubelet& LocalKubelet::kubelet() { return parts_->kubelet; }

}  // namespace keelson::kubelet
