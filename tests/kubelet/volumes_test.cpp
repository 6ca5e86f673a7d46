// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include "api/authentication/v1.h"
#include "fixture.h"
#include "kubelet/cleanup.h"
#include "kubelet/volumes/volume_manager.h"
#include "temp_dir.h"

namespace keelson::kubelet {
namespace {

namespace fs = std::filesystem;

std::uint32_t mode_of(const std::string& path) {
  struct stat info{};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

TEST(PayloadPath, StaysInTheVolume) {
  for (const char* path : {"a", "a/b", "a..b", "a/..b", ".hidden"}) {
    EXPECT_TRUE(validate_payload_path(path)) << path;
  }
  for (const char* path : {"", "/a", "..", "../a", "a/../b", "a/..", "..data", "..x"}) {
    EXPECT_FALSE(validate_payload_path(path)) << path;
  }
}

class AtomicWriterTest : public testing::Test {
 protected:
  bool write(const Payload& payload, std::optional<std::uint32_t> group = std::nullopt) {
    now += std::chrono::seconds(1);
    const auto changed = write_payload(folder.path(), payload, group, now, *random);
    EXPECT_TRUE(changed) << changed.error().message();
    return changed.value_or(false);
  }
  std::string read(const std::string& name) { return read_file(folder / name).value_or("<none>"); }
  std::size_t entries() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
  }
  TempDir folder;
  Wall now{std::chrono::seconds(1'700'000'000)};
  std::unique_ptr<Random> random = make_seeded_random(7);
};

TEST_F(AtomicWriterTest, ShowsFilesThroughOneSwappedLink) {
  EXPECT_TRUE(write({{"a", {"1", 0644}}, {"dir/b", {"2", 0600}}}));

  EXPECT_EQ(read("a"), "1");
  EXPECT_EQ(read("dir/b"), "2");
  EXPECT_EQ(mode_of(folder / "dir/b"), 0600u);
  EXPECT_EQ(fs::read_symlink(folder / "a"), "..data/a");
  EXPECT_TRUE(fs::read_symlink(folder / "..data").string().starts_with("..2023_"));
  EXPECT_EQ(entries(), 4u);  // a, dir, ..data and its folder
}

TEST_F(AtomicWriterTest, ChangesOnlyWhatIsDifferent) {
  write({{"a", {"1"}}, {"b", {"2"}}});
  const auto before = fs::read_symlink(folder / "..data");
  EXPECT_FALSE(write({{"a", {"1"}}, {"b", {"2"}}}));
  EXPECT_EQ(fs::read_symlink(folder / "..data"), before);

  EXPECT_TRUE(write({{"a", {"new"}}, {"c", {"3"}}}));

  EXPECT_EQ(read("a"), "new");
  EXPECT_EQ(read("b"), "<none>");
  EXPECT_FALSE(fs::is_symlink(folder / "b"));
  EXPECT_EQ(read("c"), "3");
  EXPECT_EQ(entries(), 4u);
}

TEST_F(AtomicWriterTest, AReaderSeesTheOldFilesUntilTheSwap) {
  write({{"a", {"old"}}});
  const std::string held = fs::canonical(folder / "a");
  write({{"a", {"new"}}});
  EXPECT_FALSE(fs::exists(held)) << "the old folder is gone after the swap";
  EXPECT_EQ(read("a"), "new");
}

TEST_F(AtomicWriterTest, RefusesPathsThatLeaveTheVolume) {
  EXPECT_FALSE(write_payload(folder.path(), {{"../out", {"x"}}}, std::nullopt, now, *random));
  EXPECT_FALSE(fs::exists(folder / "../out"));
}

TEST_F(AtomicWriterTest, LetsTheGroupRead) {
  if (geteuid() != 0) GTEST_FAIL() << "changing owners needs root";
  write({{"a", {"1", 0400}}}, 4242);
  struct stat info{};
  ASSERT_EQ(stat((folder / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_gid, 4242u);
  EXPECT_EQ(info.st_mode & 0777, 0440u);
  EXPECT_FALSE(write({{"a", {"1", 0400}}}, 4242));
}

TEST_F(AtomicWriterTest, GivesAFileToItsOwner) {
  if (geteuid() != 0) GTEST_FAIL() << "changing owners needs root";
  write({{"token", {"1", 0600, 1000}}, {"other", {"2"}}});
  struct stat info{};
  ASSERT_EQ(stat((folder / "token").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 1000u);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(stat((folder / "other").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
  EXPECT_FALSE(write({{"token", {"1", 0600, 1000}}, {"other", {"2"}}}));
  EXPECT_TRUE(write({{"token", {"1", 0600, 1001}}, {"other", {"2"}}}));
  EXPECT_TRUE(write({{"token", {"renewed", 0600, 1001}}, {"other", {"2"}}}, 4242));
  EXPECT_EQ(mode_of(folder / "token"), 0640u);
}

TEST(TokenFile, IsForTheUserOfThePodOnly) {
  struct Case {
    std::string name;
    std::optional<std::int64_t> pod_user, first, second, group;
    std::uint32_t mode;
    std::optional<std::uint32_t> owner;
  };
  const Case cases[] = {
      {"nobody says", {}, {}, {}, {}, 0644, {}},
      {"the pod says", 1000, {}, {}, {}, 0600, 1000},
      {"all containers say the same", {}, 7, 7, {}, 0600, 7},
      {"containers differ", {}, 7, 8, {}, 0644, {}},
      {"one differs from the pod", 7, {}, 8, {}, 0644, {}},
      {"one does not say", {}, 7, {}, {}, 0644, {}},
      {"a group", {}, {}, {}, 3000, 0600, {}},
      {"a user and a group", 1000, {}, {}, 3000, 0600, 1000},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    auto pod = make_pod("web", {make_container("first"), make_container("second")});
    pod.spec.securityContext.emplace().runAsUser = c.pod_user;
    pod.spec.securityContext->fsGroup = c.group;
    pod.spec.containers[0].securityContext.emplace().runAsUser = c.first;
    pod.spec.containers[1].securityContext.emplace().runAsUser = c.second;
    EXPECT_EQ(token_file(pod, "t", 0644), (PayloadFile{"t", c.mode, c.owner}));
  }
}

TEST(HostPath, IsWhatItClaimsToBe) {
  TempDir folder;
  ASSERT_TRUE(write_file(folder / "file", "", 0644));
  struct Case {
    std::string name, type;
    bool accepted;
  };
  const Case cases[] = {{"file", "", true},
                        {"none", "", true},
                        {"file", "File", true},
                        {"file", "Directory", false},
                        {"none", "File", false},
                        {"", "Directory", true},
                        {"new/folder", "DirectoryOrCreate", true},
                        {"new-file", "FileOrCreate", true},
                        {"file", "Socket", false},
                        {"file", "Nonsense", false}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name + " " + c.type);
    v1::HostPathVolumeSource source;
    source.path = folder / c.name;
    source.type = c.type;
    EXPECT_EQ(check_host_path(source).has_value(), c.accepted);
  }
  EXPECT_TRUE(fs::is_directory(folder / "new/folder"));
  EXPECT_TRUE(fs::is_regular_file(folder / "new-file"));
}

TEST(SubPath, CannotLeadOutOfTheVolume) {
  TempDir folder;
  ASSERT_TRUE(make_folders(folder / "volume/inner"));
  ASSERT_TRUE(make_folders(folder / "secret"));
  ASSERT_TRUE(write_file(folder / "volume/inner/file", "inside", 0644));
  fs::create_symlink(folder / "secret", folder / "volume/absolute");
  fs::create_symlink("../secret", folder / "volume/relative");
  fs::create_symlink("inner", folder / "volume/harmless");
  const std::string volume = folder / "volume";

  EXPECT_FALSE(bind_sub_path(volume, "../secret", folder / "t1"));
  EXPECT_FALSE(bind_sub_path(volume, "/etc", folder / "t2"));
  EXPECT_FALSE(bind_sub_path(volume, "absolute", folder / "t3"));
  EXPECT_FALSE(bind_sub_path(volume, "relative", folder / "t4"));
  EXPECT_FALSE(bind_sub_path(volume, "relative/new", folder / "t5"));
  EXPECT_FALSE(fs::exists(folder / "secret/new"));

  ASSERT_TRUE(bind_sub_path(volume, "harmless", folder / "t6"));
  EXPECT_EQ(read_file(folder / "t6/file"), "inside");
  ASSERT_TRUE(bind_sub_path(volume, "inner/file", folder / "t7"));
  EXPECT_EQ(read_file(folder / "t7"), "inside");
  ASSERT_TRUE(bind_sub_path(volume, "made/on/demand", folder / "t8"));
  EXPECT_TRUE(fs::is_directory(folder / "volume/made/on/demand"));
  ASSERT_TRUE(bind_sub_path(volume, "inner", folder / "t6")) << "bound anew for the next instance";
}

class VolumeManagerTest : public KubeletTest {
 protected:
  VolumeManagerTest()
      : configs(make_config_source(api, executor, 1s)),
        tokens(api, executor, *random),
        payloads(*configs, tokens),
        volumes(root.path(), payloads, executor, *random, [](Work work) { work(); }) {
    web = make_pod("web");
    web.metadata.uid = "u-1";
    v1::ConfigMap map;
    map.metadata.namespace_ = "default";
    map.metadata.name = "settings";
    map.data = {{"color", "red"}, {"size", "10"}};
    api.add(map);
  }
  v1::Volume& add(std::string name) {
    auto& volume = web.spec.volumes.emplace_back();
    volume.name = std::move(name);
    return volume;
  }
  Result<VolumePaths> mount() {
    std::optional<Result<VolumePaths>> result;
    spawn(executor,
          [](VolumeManager* manager, PodPtr pod,
             std::optional<Result<VolumePaths>>* out) -> Task<void> {
            *out = co_await manager->mount(std::move(pod), NodeValues{.node_name = "node-1"});
          }(&volumes, std::make_shared<v1::Pod>(web), &result));
    executor.run_ready();
    return *result;
  }
  Result<void> unmount() {
    std::optional<Result<void>> result;
    spawn(executor, [](VolumeManager* manager, std::optional<Result<void>>* out) -> Task<void> {
      *out = co_await manager->unmount("u-1");
    }(&volumes, &result));
    executor.run_ready();
    return *result;
  }

  TempDir root;
  std::unique_ptr<ConfigSource> configs;
  TokenSource tokens;
  PayloadSource payloads;
  VolumeManager volumes;
  v1::Pod web;
};

TEST_F(VolumeManagerTest, FollowsAConfigMap) {
  add("settings").configMap.emplace().name = "settings";
  auto paths = mount();
  ASSERT_TRUE(paths) << paths.error().message();
  const std::string path = paths->at("settings");
  EXPECT_EQ(path, root / "pods/u-1/volumes/kubernetes.io~configmap/settings");
  EXPECT_EQ(read_file(path + "/color"), "red");

  api.change<v1::ConfigMap>({"default", "settings"},
                            [](v1::ConfigMap& map) { map.data = {{"color", "blue"}}; });
  executor.advance(2s);

  ASSERT_TRUE(mount());
  EXPECT_EQ(read_file(path + "/color"), "blue");
  EXPECT_FALSE(read_file(path + "/size"));
}

TEST_F(VolumeManagerTest, PutsChosenKeysWhereTheyAreWanted) {
  auto& source = add("settings").configMap.emplace();
  source.name = "settings";
  source.defaultMode = 0400;
  v1::KeyToPath item;
  item.key = "color";
  item.path = "deep/paint";
  source.items = {item};
  item.key = "absent";
  source.items.push_back(item);
  const auto missing = mount();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message(),
            "MountVolume.SetUp failed for volume \"settings\" : references non-existent config "
            "key: absent");

  web.spec.volumes[0].configMap->optional = true;

  const auto paths = mount();
  ASSERT_TRUE(paths);
  EXPECT_EQ(read_file(paths->at("settings") + "/deep/paint"), "red");
  EXPECT_EQ(mode_of(paths->at("settings") + "/deep/paint"), 0400u);
}

TEST_F(VolumeManagerTest, WaitsForAnObjectThatIsNotOptional) {
  add("keys").secret.emplace().secretName = "absent";
  const auto missing = mount();
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().is(Reason::NotFound));
  web.spec.volumes[0].secret->optional = true;
  EXPECT_TRUE(mount());
}

TEST_F(VolumeManagerTest, KeepsSecretsInMemory) {
  v1::Secret secret;
  secret.metadata.namespace_ = "default";
  secret.metadata.name = "keys";
  secret.data["password"] = api::Bytes(std::string("s3cret"));
  api.add(secret);
  add("keys").secret.emplace().secretName = "keys";

  const auto paths = mount();

  ASSERT_TRUE(paths) << paths.error().message();
  EXPECT_TRUE(is_mount_point(paths->at("keys")));
  EXPECT_EQ(read_file(paths->at("keys") + "/password"), "s3cret");
  ASSERT_TRUE(unmount());
  EXPECT_FALSE(fs::exists(root / "pods/u-1"));
}

TEST_F(VolumeManagerTest, ProjectsSeveralSourcesIntoOne) {
  web.metadata.labels = {{"app", "shop"}};
  auto& projected = add("all").projected.emplace();
  projected.sources.resize(2);
  projected.sources[0].configMap.emplace().name = "settings";
  auto& file = projected.sources[1].downwardAPI.emplace().items.emplace_back();
  file.path = "labels";
  file.fieldRef.emplace().fieldPath = "metadata.labels";

  const auto paths = mount();

  ASSERT_TRUE(paths) << paths.error().message();
  EXPECT_EQ(read_file(paths->at("all") + "/labels"), "app=\"shop\"");
  EXPECT_EQ(read_file(paths->at("all") + "/size"), "10");
}

TEST_F(VolumeManagerTest, MakesEmptyFoldersThatKeepTheirContents) {
  add("scratch").emptyDir.emplace();
  add("fast").emptyDir.emplace().medium = "Memory";
  const auto paths = mount();
  ASSERT_TRUE(paths) << paths.error().message();
  EXPECT_EQ(mode_of(paths->at("scratch")), 0777u);
  EXPECT_TRUE(is_mount_point(paths->at("fast")));
  ASSERT_TRUE(write_file(paths->at("scratch") + "/note", "kept", 0644));
  ASSERT_TRUE(write_file(paths->at("fast") + "/note", "kept", 0644));

  ASSERT_TRUE(mount());

  EXPECT_EQ(read_file(paths->at("scratch") + "/note"), "kept");
  EXPECT_EQ(read_file(paths->at("fast") + "/note"), "kept");
  EXPECT_EQ(volumes.pods(), std::vector<std::string>{"u-1"});
  ASSERT_TRUE(unmount());
  EXPECT_TRUE(volumes.pods().empty());
}

TEST_F(VolumeManagerTest, GivesVolumesToTheGroupOfThePod) {
  web.spec.securityContext.emplace().fsGroup = 4242;
  add("scratch").emptyDir.emplace();
  const auto paths = mount();
  ASSERT_TRUE(paths);
  struct stat info{};
  ASSERT_EQ(stat(paths->at("scratch").c_str(), &info), 0);
  EXPECT_EQ(info.st_gid, 4242u);
  EXPECT_EQ(info.st_mode & 07777, 02777u);
}

TEST_F(VolumeManagerTest, RefusesAMediumThatTheNodeDoesNotHave) {
  add("huge").emptyDir.emplace().medium = "HugePages-2Mi";
  const auto paths = mount();
  ASSERT_FALSE(paths);
  EXPECT_EQ(paths.error().message(),
            "MountVolume.SetUp failed for volume \"huge\" : storage medium \"HugePages-2Mi\" is "
            "not supported by the node");
}

TEST_F(VolumeManagerTest, SaysThatAKindIsNotSupported) {
  add("disk").persistentVolumeClaim.emplace().claimName = "data";
  const auto paths = mount();
  ASSERT_FALSE(paths);
  EXPECT_NE(paths.error().message().find("volume \"disk\""), std::string::npos);
}

TEST(CleanUp, UnmountsVolumesAndRemovesCgroups) {
  TempDir folder;
  const std::string volume = folder / "kubelet/pods/u-1/volumes/kubernetes.io~secret/keys";
  ASSERT_TRUE(make_folders(volume));
  ASSERT_TRUE(mount_tmpfs(volume, "size=4096"));
  // Any folders do for cgroups here: what is empty is removed, as by the kernel.
  ASSERT_TRUE(make_folders(folder / "cgroup/cpu/kubepods/burstable/podu-1/c1"));
  ASSERT_TRUE(make_folders(folder / "cgroup/memory/kubepods"));
  ASSERT_TRUE(make_folders(folder / "cgroup/memory/other"));

  ASSERT_TRUE(clean_up_pods(folder / "kubelet", folder / "cgroup"));

  EXPECT_FALSE(is_mount_point(volume));
  EXPECT_FALSE(fs::exists(folder / "cgroup/cpu/kubepods"));
  EXPECT_FALSE(fs::exists(folder / "cgroup/memory/kubepods"));
  EXPECT_TRUE(fs::exists(folder / "cgroup/memory/other"));
  EXPECT_TRUE(clean_up_pods(folder / "kubelet", folder / "cgroup"));
}

TEST(Unmount, TakesOnlyUids) {
  // A name with a slash would reach other folders.
  VirtualExecutor executor;
  client::FakeApi api(executor);
  const auto configs = make_config_source(api, executor, 1s);
  const auto random = make_seeded_random(1);
  TokenSource tokens(api, executor, *random);
  PayloadSource payloads(*configs, tokens);
  VolumeManager volumes("/nonexistent", payloads, executor, *random, [](Work work) { work(); });
  for (const char* uid : {"", "../x", "a/b"}) {
    std::optional<Result<void>> result;
    spawn(executor,
          [](VolumeManager* manager, std::string name,
             std::optional<Result<void>>* out) -> Task<void> {
            *out = co_await manager->unmount(std::move(name));
          }(&volumes, uid, &result));
    executor.run_ready();
    ASSERT_TRUE(result);
    EXPECT_FALSE(*result) << uid;
  }
}

}  // namespace
}  // namespace keelson::kubelet
