// SPDX-License-Identifier: Apache-2.0
#include "controllers/volume_protection.h"

#include "controllers/fixture.h"

namespace keelson::controllers {
namespace {

using core::v1::PersistentVolume;
using core::v1::PersistentVolumeClaim;

class VolumeProtection : public ControllerTest {
 protected:
  VolumeProtection() {
    start({make_claim_protection_controller, make_volume_protection_controller});
  }

  void add_claim(const std::string& name) {
    PersistentVolumeClaim claim;
    claim.metadata.name = name;
    claim.metadata.namespace_ = "default";
    api.add(std::move(claim));
    settle();
  }
  void add_user(const std::string& name, const std::string& claim, const std::string& node) {
    Pod pod = make_pod(name);
    pod.spec.nodeName = node;
    core::v1::PersistentVolumeClaimVolumeSource source;
    source.claimName = claim;
    pod.spec.volumes.emplace_back().name = "v";
    pod.spec.volumes.back().persistentVolumeClaim = std::move(source);
    api.add(std::move(pod));
    settle();
  }
  bool exists(const std::string& name) {
    return api.peek<PersistentVolumeClaim>(key(name)) != nullptr;
  }
};

TEST_F(VolumeProtection, KeepsAClaimUntilItsLastPodHasGone) {
  add_claim("used");
  add_claim("free");
  EXPECT_EQ(api.must_get<PersistentVolumeClaim>(key("free")).metadata.finalizers,
            std::vector<std::string>{"kubernetes.io/pvc-protection"});
  add_user("a", "used", "node-1");
  // It will not start any more, so it holds nothing.
  add_user("waiting", "free", "");

  api.erase<PersistentVolumeClaim>(key("used"));
  api.erase<PersistentVolumeClaim>(key("free"));
  settle();
  EXPECT_TRUE(exists("used"));
  EXPECT_FALSE(exists("free"));

  api.erase<Pod>(key("a"), {.grace_period_seconds = 0});
  settle();
  EXPECT_FALSE(exists("used"));
}

TEST_F(VolumeProtection, KeepsAVolumeWhileItIsBound) {
  PersistentVolume volume;
  volume.metadata.name = "v";
  volume.status.phase = "Bound";
  api.add(std::move(volume));
  settle();

  api.erase<PersistentVolume>({"", "v"});
  settle();
  ASSERT_NE(api.peek<PersistentVolume>({"", "v"}), nullptr);

  api.change<PersistentVolume>({"", "v"},
                               [](PersistentVolume& next) { next.status.phase = "Released"; });
  settle();
  EXPECT_EQ(api.peek<PersistentVolume>({"", "v"}), nullptr);
}

}  // namespace
}  // namespace keelson::controllers
