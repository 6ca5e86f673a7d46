// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include "fixture.h"
#include "kubelet/backoff.h"
#include "kubelet/images/image_collector.h"
#include "kubelet/images/image_import.h"
#include "kubelet/machine.h"
#include "temp_dir.h"

namespace keelson::kubelet {
namespace {

constexpr Wall kStart{std::chrono::seconds(1'700'000'000)};

TEST(PressureGauge, HoldsAPressureForItsTransitionPeriod) {
  PressureGauge gauge({.memory_available_bytes = 100, .pressure_transition = 5min});
  MachineUsage low, well;
  low.memory_available_bytes = 99;
  well.memory_available_bytes = 100;

  EXPECT_FALSE(gauge.observe(well, kStart).held.memory);
  const auto pressed = gauge.observe(low, kStart + 10s);
  EXPECT_TRUE(pressed.held.memory);
  EXPECT_TRUE(pressed.now.memory);
  const auto relieved = gauge.observe(well, kStart + 5min);
  EXPECT_TRUE(relieved.held.memory);
  EXPECT_FALSE(relieved.now.memory);
  EXPECT_FALSE(gauge.observe(well, kStart + 5min + 10s).held.memory);
}

TEST(PressureGauge, WatchesSpaceAndInodesOfBothFileSystems) {
  MachineUsage usage;
  usage.memory_available_bytes = 1LL << 40;
  usage.disk_bytes = usage.image_disk_bytes = 1000;
  usage.disk_available_bytes = usage.image_disk_available_bytes = 200;
  usage.inodes = 100;
  usage.inodes_free = 50;
  const auto pressed = [](const MachineUsage& u) {
    return PressureGauge(EvictionThresholds{}).observe(u, kStart).now.disk;
  };
  EXPECT_FALSE(pressed(usage));
  auto changed = usage;
  changed.disk_available_bytes = 99;
  EXPECT_TRUE(pressed(changed));
  changed = usage;
  changed.inodes_free = 4;
  EXPECT_TRUE(pressed(changed));
  changed = usage;
  changed.image_disk_available_bytes = 149;
  EXPECT_TRUE(pressed(changed));
}

TEST(NodeStatus, ChangesOnlyWhenMoreThanTimesDo) {
  KubeletOptions options;
  options.node_name = "node-1";
  const MachineInfo machine{.cpus = 2, .memory_bytes = 1 << 30};
  NodeInputs in{.options = options, .machine = machine, .now = kStart};
  v1::Node node = make_node(in);

  in.now = kStart + 10s;
  EXPECT_FALSE(reconcile_status(in, node));
  in.problems = {"container runtime is down"};
  EXPECT_TRUE(reconcile_status(in, node));

  const auto ready = std::ranges::find(node.status.conditions, "Ready", &v1::NodeCondition::type);
  ASSERT_NE(ready, node.status.conditions.end());
  EXPECT_EQ(ready->reason, "KubeletNotReady");
  EXPECT_EQ(ready->lastTransitionTime, api::Time(kStart + 10s));
}

TEST(NodeStatus, LeavesConditionsOfOthersAlone) {
  KubeletOptions options;
  const MachineInfo machine;
  v1::NodeCondition network;
  network.type = "NetworkUnavailable";
  network.status = "False";
  v1::Node node;
  node.status.conditions = {network};
  reconcile_status({.options = options, .machine = machine, .now = kStart}, node);
  EXPECT_EQ(node.status.conditions[0], network);
  EXPECT_EQ(node.status.conditions.size(), 5u);
}

TEST(Backoff, DoublesUpToItsLimitAndForgets) {
  Backoff backoff(10s, 60s);
  Wall now = kStart;
  EXPECT_EQ(backoff.remaining("a", now, now), 0s);
  for (const auto expected : {10s, 20s, 40s, 60s, 60s}) {
    backoff.next("a", now, now);
    EXPECT_EQ(backoff.remaining("a", now, now), expected);
    EXPECT_EQ(backoff.remaining("a", now, now + expected - 1s), 1s);
    EXPECT_EQ(backoff.remaining("a", now, now + expected), 0s);
  }
  now += 121s;  // It ran for more than twice the limit.
  EXPECT_EQ(backoff.remaining("a", now, now), 0s);
  backoff.next("a", now, now);
  EXPECT_EQ(backoff.delay("a"), 10s);
  backoff.forget_prefix("a");
  EXPECT_EQ(backoff.delay("a"), 0s);
}

TEST(Machine, IsReadFromProcAndTheReleaseFile) {
  EXPECT_EQ(meminfo_bytes("MemTotal:       2048 kB\nMemFree:  1 kB\n", "MemTotal:"), 2048 * 1024);
  EXPECT_EQ(meminfo_bytes("MemTotal: 1 kB\n", "MemAvailable:"), 0);
  EXPECT_EQ(os_release_value("ID=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n", "PRETTY_NAME"),
            "Debian GNU/Linux 12");
  const auto machine = read_machine("/nonexistent/folder");
  EXPECT_GE(machine.cpus, 1);
  EXPECT_GT(machine.memory_bytes, 0);
  EXPECT_GT(machine.disk_bytes, 0);
  EXPECT_FALSE(machine.boot_id.empty());
  const auto usage = read_usage("/", "/");
  ASSERT_TRUE(usage);
  EXPECT_GT(usage->memory_available_bytes, 0);
  EXPECT_GT(usage->cpu_nanoseconds, 0);
  EXPECT_GT(usage->pids_used, 0);
}

TEST(TerminationMessage, ComesFromTheFileOrTheEndOfTheLog) {
  TempDir folder;
  ASSERT_TRUE(write_file(folder / "message", std::string(5000, 'x'), 0644));
  ASSERT_TRUE(write_file(folder / "0.log", "2026-01-01T00:00:00Z stdout F it broke\n", 0644));
  ContainerRecord record;
  record.log_path = folder / "0.log";
  record.exit_code = 1;
  EXPECT_EQ(read_termination_message(record), "");
  record.message_from_log = true;
  EXPECT_EQ(read_termination_message(record), "it broke\n");
  record.exit_code = 0;
  EXPECT_EQ(read_termination_message(record), "") << "only of what failed";
  record.message_file = folder / "message";
  EXPECT_EQ(read_termination_message(record).size(), 4096u);
}

// --- Images --------------------------------------------------------------------------------------

class FakeImporter final : public ImageImporter {
 public:
  Task<Result<std::vector<NamedManifest>>> list() override { co_return present; }
  Task<std::vector<NamedManifest>> read_index(std::string archive) override {
    co_return archive_images(archive);
  }
  Task<Result<void>> import(std::string archive) override {
    imported.push_back(std::filesystem::path(archive).filename());
    if (archive.ends_with("bad.tar")) co_return fail(Status::internal("no archive"));
    co_return Result<void>{};
  }
  std::vector<NamedManifest> present;
  std::vector<std::string> imported;
};

// A tar archive with one member.
std::string tar_with(const std::string& name, const std::string& bytes) {
  std::string block(512, '\0');
  block.replace(0, name.size(), name);
  char size[12];
  std::snprintf(size, sizeof size, "%011zo", bytes.size());
  block.replace(124, 11, size);
  std::string out = block + bytes;
  out.resize((out.size() + 511) / 512 * 512 + 1024, '\0');
  return out;
}

TEST(ImageImport, TakesWhatIsNotThereYet) {
  TempDir folder;
  const std::string index =
      R"({"manifests": [{"digest": "sha256:1", "annotations": {"io.containerd.image.name": "web:1"}}]})";
  ASSERT_TRUE(write_file(folder / "there.tar", tar_with("index.json", index), 0644));
  const gzFile compressed = gzopen((folder / "there.tar.gz").c_str(), "wb");
  const std::string tar = tar_with("index.json", index);
  ASSERT_EQ(gzwrite(compressed, tar.data(), static_cast<unsigned>(tar.size())),
            static_cast<int>(tar.size()));
  gzclose(compressed);
  ASSERT_TRUE(write_file(folder / "bad.tar", "", 0644));
  ASSERT_TRUE(write_file(folder / "unknown.tar", tar_with("other", "x"), 0644));
  ASSERT_TRUE(write_file(folder / "note.txt", "", 0644));
  EXPECT_EQ(archive_images(folder / "there.tar"),
            (std::vector<NamedManifest>{{"web:1", "sha256:1"}}));
  EXPECT_EQ(archive_images(folder / "there.tar.gz"), archive_images(folder / "there.tar"));
  FakeImporter importer;
  importer.present = {{"web:1", "sha256:1"}};
  VirtualExecutor executor;
  int imported = -1;
  const auto import_all = [](FakeImporter* it, std::string path, int* out) -> Task<void> {
    *out = co_await import_folder(*it, std::move(path));
  };

  spawn(executor, import_all(&importer, folder.path(), &imported));
  executor.run_ready();

  EXPECT_EQ(imported, 1);
  EXPECT_EQ(importer.imported, (std::vector<std::string>{"bad.tar", "unknown.tar"}));
  importer.present = {{"web:1", "sha256:another"}};
  importer.imported.clear();
  spawn(executor, import_all(&importer, folder.path(), &imported));
  executor.run_ready();
  EXPECT_EQ(imported, 3) << "the same name for another image";
}

TEST_F(KubeletTest, RemovesUnusedImagesWhenTheirDiskIsFull) {
  host.on_usage([&] {
    auto usage = host.unused();
    usage.image_disk_bytes = 1LL << 30;
    usage.image_disk_available_bytes = 170LL << 20;
    return usage;
  });
  for (const char* name : {"web:1", "old:1", "older:1"}) runtime.add_image(name);
  options.image_gc = {
      .high_threshold_percent = 80, .low_threshold_percent = 10, .minimum_age = 2min};
  start();
  api.add(make_pod("web"));
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  EXPECT_EQ(runtime.calls("RemoveImage"), 0);

  executor.advance(5min);

  EXPECT_EQ(runtime.calls("RemoveImage"), 2);
  const auto& images = api.must_get<v1::Node>({"", "node-1"}).status.images;
  ASSERT_EQ(images.size(), 1u);
  EXPECT_EQ(images[0].names, std::vector<std::string>{"web:1"});
}

}  // namespace
}  // namespace keelson::kubelet
