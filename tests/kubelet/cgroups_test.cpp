// SPDX-License-Identifier: Apache-2.0
#include "kubelet/cgroups.h"

#include "fixture.h"
#include "temp_dir.h"

namespace keelson::kubelet {
namespace {

// Any folders do for cgroups here.
class CgroupsTest : public testing::Test {
 protected:
  CgroupsTest() { options.cgroup_root = root.path(); }
  static v1::Pod burstable(std::string uid, std::string_view cpu) {
    auto pod = make_pod("web");
    pod.metadata.uid = std::move(uid);
    pod.spec.containers[0].resources.requests = {{"cpu", api::Quantity::of(cpu)}};
    return pod;
  }
  std::string value(const std::string& file) { return read_file(root / file).value_or("<none>"); }

  TempDir root;
  KubeletOptions options;
};

TEST_F(CgroupsTest, GiveBurstablePodsTheShareTheyRequestTogether) {
  Cgroups cgroups(options, 2000);
  EXPECT_EQ(value("cpu/kubepods/cpu.shares"), "2048");
  EXPECT_EQ(value("cpu/kubepods/besteffort/cpu.shares"), "2");

  ASSERT_TRUE(cgroups.make(burstable("u-1", "500m")));
  EXPECT_EQ(value("cpu/kubepods/burstable/cpu.shares"), "512");
  ASSERT_TRUE(cgroups.make(burstable("u-2", "250m")));
  ASSERT_TRUE(cgroups.make(burstable("u-2", "250m")));
  EXPECT_EQ(value("cpu/kubepods/burstable/cpu.shares"), "768") << "each counts once";

  cgroups.remove("u-1");
  EXPECT_EQ(value("cpu/kubepods/burstable/cpu.shares"), "256");
  cgroups.remove("u-2");
  EXPECT_EQ(value("cpu/kubepods/burstable/cpu.shares"), "2");
}

TEST_F(CgroupsTest, CountOnlyBurstablePods) {
  Cgroups cgroups(options, 2000);
  auto guaranteed = burstable("u-1", "1");
  auto& resources = guaranteed.spec.containers[0].resources;
  resources.requests["memory"] = api::Quantity::of("64Mi");
  resources.limits = resources.requests;

  ASSERT_TRUE(cgroups.make(guaranteed));
  ASSERT_TRUE(cgroups.make(burstable("u-2", "100m")));

  EXPECT_EQ(value("cpu/kubepods/podu-1/cpu.shares"), "1024");
  EXPECT_EQ(value("cpu/kubepods/burstable/cpu.shares"), "102");
}

TEST_F(CgroupsTest, KeepTheShareOfBurstablePodsOverARestart) {
  {
    ASSERT_TRUE(Cgroups(options, 2000).make(burstable("u-1", "500m")));
  }

  Cgroups next(options, 2000);
  EXPECT_EQ(value("cpu/kubepods/burstable/cpu.shares"), "512");
  next.count(burstable("u-1", "500m"));
  ASSERT_TRUE(next.make(burstable("u-2", "500m")));
  EXPECT_EQ(value("cpu/kubepods/burstable/cpu.shares"), "1024");
}

TEST_F(CgroupsTest, WriteWeightsWhereThereIsOneHierarchy) {
  ASSERT_TRUE(write_file(root / "cgroup.controllers", "cpu memory pids", 0644));
  Cgroups cgroups(options, 2000);
  ASSERT_TRUE(cgroups.make(burstable("u-1", "1")));

  EXPECT_TRUE(cgroups.are_unified());
  EXPECT_EQ(value("kubepods/cpu.weight"), "79");
  EXPECT_EQ(value("kubepods/besteffort/cpu.weight"), "1");
  EXPECT_EQ(value("kubepods/burstable/cpu.weight"), "39");
}

}  // namespace
}  // namespace keelson::kubelet
