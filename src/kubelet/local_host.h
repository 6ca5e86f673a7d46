// SPDX-License-Identifier: Apache-2.0
// The machine that the kubelet really runs on.
#pragma once

#include <memory>

#include "kubelet/cgroups.h"
#include "kubelet/host.h"
#include "kubelet/options.h"
#include "kubelet/volumes/volume_manager.h"
#include "net/http.h"

namespace keelson::kubelet {

class LocalHost final : public PodHost {
 public:
  // All outlive it. `executor` is the kubelet's.
  LocalHost(const KubeletOptions& options, net::Runtime& loop, Executor& executor,
            client::Client& client, ConfigSource& configs, Random& random);
  ~LocalHost() override;

  MachineInfo machine() override;
  Result<MachineUsage> usage() override;
  Task<Result<VolumePaths>> prepare(PodPtr pod, NodeValues node) override;
  Task<Result<void>> release(std::string pod_uid) override;
  std::vector<std::string> prepared_pods() override { return volumes_.pods(); }
  Task<Result<PodDiskUse>> disk_use(PodPtr pod) override;
  Result<std::string> cgroup_parent(const v1::Pod& pod) override;
  std::string log_dir(const v1::Pod& pod) override;
  Result<void> make_log_dir(const v1::Pod& pod, const v1::Container& container) override;
  void link_log(const v1::Pod& pod, const std::string& container, const std::string& id,
                const std::string& log_path) override;
  void remove_log(const std::string& log_path, const std::string& id) override;
  void remove_logs(const v1::Pod& pod) override;
  Result<std::vector<cri::v1::Mount>> mounts(const MountInputs& inputs) override;
  std::string resolv_conf() override;
  Task<Result<HttpAnswer>> http_get(HttpProbe probe) override;
  Task<Result<void>> tcp_connect(std::string address, std::uint16_t port,
                                 Duration timeout) override;
  Task<Result<bool>> grpc_health(std::string address, std::uint16_t port, std::string service,
                                 Duration timeout) override;

 private:
  Result<void> add_volume_mounts(const MountInputs& in, std::vector<cri::v1::Mount>& out);
  Result<std::string> sub_path_source(const MountInputs& in, const v1::VolumeMount& mount,
                                      std::size_t index, const std::string& volume);

  const KubeletOptions& options_;
  net::Runtime& loop_;
  TokenSource tokens_;
  PayloadSource payloads_;
  VolumeManager volumes_;
  Cgroups cgroups_;
  std::shared_ptr<net::TlsClientContext> probe_tls_;  // Verifies nothing.
};

}  // namespace keelson::kubelet
