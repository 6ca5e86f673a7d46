// SPDX-License-Identifier: Apache-2.0
#include "kubelet/host.h"

namespace keelson::kubelet {

Result<MachineUsage> HollowHost::usage() { return usage_ ? usage_() : unused(); }

MachineUsage HollowHost::unused() const {
  MachineUsage usage;
  usage.memory_available_bytes = machine_.memory_bytes;
  usage.disk_bytes = usage.image_disk_bytes = machine_.disk_bytes;
  usage.disk_available_bytes = usage.image_disk_available_bytes = machine_.disk_bytes;
  usage.inodes = usage.inodes_free = 1'000'000;
  usage.pids_limit = 32'768;
  return usage;
}

Task<Result<PodDiskUse>> HollowHost::disk_use(PodPtr pod) {
  co_return disk_use_ ? disk_use_(*pod) : PodDiskUse();
}
Task<Result<VolumePaths>> HollowHost::prepare(PodPtr, NodeValues) { co_return VolumePaths(); }
Task<Result<void>> HollowHost::release(std::string) { co_return Result<void>{}; }
Task<Result<HttpAnswer>> HollowHost::http_get(HttpProbe probe) {
  if (http_get_) co_return http_get_(probe);
  co_return HttpAnswer{.status = 200, .body = "ok"};
}
Task<Result<void>> HollowHost::tcp_connect(std::string, std::uint16_t, Duration) {
  co_return Result<void>{};
}
Task<Result<bool>> HollowHost::grpc_health(std::string, std::uint16_t, std::string, Duration) {
  co_return true;
}

}  // namespace keelson::kubelet
