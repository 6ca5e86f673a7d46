// SPDX-License-Identifier: Apache-2.0
// Folders that are written in other ways than the kernel does, and what pods put where the kubelet
// looks.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "fixture.h"
#include "kubelet/cri/labels.h"
#include "kubelet/local_kubelet.h"
#include "kubelet/volumes/volume_manager.h"
#include "temp_dir.h"

namespace keelson::kubelet {
namespace {

namespace fs = std::filesystem;

// How many mounts lie one upon the other there.
std::ptrdiff_t mounts_on(const std::string& path) {
  std::ifstream file("/proc/self/mountinfo");
  const std::string field = " " + fs::canonical(path).string() + " ";
  std::ptrdiff_t count = 0;
  for (std::string line; std::getline(file, line);) count += line.find(field) != std::string::npos;
  return count;
}

TEST(MountPoint, IsSeenHoweverItsPathIsWritten) {
  TempDir folder;
  const std::string place = folder / "a volume";
  ASSERT_TRUE(make_folders(place));
  fs::create_symlink(folder.path(), folder / "link");
  EXPECT_FALSE(is_mount_point(place));
  ASSERT_TRUE(mount_tmpfs(place, "size=4096"));

  EXPECT_TRUE(is_mount_point(place));
  EXPECT_TRUE(is_mount_point(folder / "/a volume"));
  EXPECT_TRUE(is_mount_point(folder / "link/a volume"));
  EXPECT_TRUE(is_mount_point(fs::proximate(place).string()));
  EXPECT_FALSE(is_mount_point(folder.path()));
  EXPECT_FALSE(is_mount_point(folder / "none"));

  EXPECT_TRUE(unmount_below(folder / "link//"));
  EXPECT_FALSE(is_mount_point(place));
  EXPECT_TRUE(unmount_below(folder / "none"));
}

TEST(CanonicalFolder, IsMadeAndNamedInOneWay) {
  TempDir folder;
  ASSERT_TRUE(make_folders(folder / "real/inner"));
  fs::create_symlink("real/inner", folder / "link");
  const std::string root = fs::canonical(folder.path()).string();

  EXPECT_EQ(make_canonical(folder / "new//deep/"), root + "/new/deep");
  EXPECT_TRUE(fs::is_directory(folder / "new/deep"));
  EXPECT_EQ(make_canonical(folder / "link/pods"), root + "/real/inner/pods");
  EXPECT_EQ(make_canonical(folder / "link/../made"), root + "/real/made") << "as the kernel does";
  EXPECT_EQ(make_canonical(fs::proximate(folder / "real").string()), root + "/real");
  ASSERT_TRUE(write_file(folder / "file", "", 0644));
  EXPECT_FALSE(make_canonical(folder / "file/x"));
}

TEST(LocalKubelet, NamesItsFoldersAsTheKernelDoes) {
  TempDir folder;
  ASSERT_TRUE(make_folders(folder / "real"));
  fs::create_symlink("real", folder / "link");
  VirtualExecutor executor;
  client::FakeApi api(executor);
  const auto loop = net::make_runtime();
  const auto random = make_seeded_random(1);
  LocalKubeletOptions options;
  options.kubelet.node_name = "node-1";
  options.kubelet.use_cgroups = false;
  options.kubelet.root_dir = folder / "link//kubelet/";
  options.kubelet.pod_log_dir = fs::proximate(folder / "link/logs").string();
  options.kubelet.container_log_dir = folder / "names/./";

  const auto kubelet = LocalKubelet::make(options, *loop, api, *random);

  ASSERT_TRUE(kubelet) << kubelet.error().message();
  const auto& used = (*kubelet)->kubelet().options();
  const std::string root = fs::canonical(folder.path()).string();
  EXPECT_EQ(used.root_dir, root + "/real/kubelet");
  EXPECT_EQ(used.pod_log_dir, root + "/real/logs");
  EXPECT_EQ(used.container_log_dir, root + "/names");
  spawn(*loop, [](LocalKubelet* stopping, net::Runtime* on) -> Task<void> {
    co_await stopping->stop();
    on->stop();
  }(kubelet->get(), loop.get()));
  loop->run(1);
}

// A root folder behind a link, and with a slash too many.
class OddRootTest : public KubeletTest {
 protected:
  OddRootTest() {
    EXPECT_TRUE(make_folders(folder / "real"));
    EXPECT_TRUE(make_folders(folder / "host/data"));
    EXPECT_TRUE(write_file(folder / "host/data/precious", "kept", 0644));
    fs::create_symlink("real", folder / "link");
  }
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    spawn(executor, [](Task<T> inner, std::optional<T>* out) -> Task<void> {
      *out = co_await std::move(inner);
    }(std::move(task), &result));
    executor.run_ready();
    return std::move(*result);
  }

  TempDir folder;
  std::unique_ptr<ConfigSource> configs = make_config_source(api, executor, 1s);
  TokenSource tokens{api, executor, *random};
  PayloadSource payloads{*configs, tokens};
  VolumeManager volumes{folder / "link//", payloads, executor, *random, [](Work work) { work(); }};
};

TEST_F(OddRootTest, GetsEachVolumeMountedOnce) {
  v1::Secret secret;
  secret.metadata.namespace_ = "default";
  secret.metadata.name = "keys";
  secret.data = {{"key", {'1'}}};
  api.add(secret);
  auto web = make_pod("web");
  web.metadata.uid = "u-1";
  web.spec.volumes.resize(2);
  web.spec.volumes[0].name = "fast";
  web.spec.volumes[0].emptyDir.emplace().medium = "Memory";
  web.spec.volumes[1].name = "keys";
  web.spec.volumes[1].secret.emplace().secretName = "keys";
  const auto pod = std::make_shared<const v1::Pod>(web);
  const auto paths = run(volumes.mount(pod, NodeValues{.node_name = "node-1"}));
  ASSERT_TRUE(paths) << paths.error().message();
  ASSERT_TRUE(write_file(paths->at("fast") + "/note", "kept", 0644));

  ASSERT_TRUE(run(volumes.mount(pod, NodeValues{.node_name = "node-1"})));

  EXPECT_EQ(mounts_on(paths->at("fast")), 1);
  EXPECT_EQ(mounts_on(paths->at("keys")), 1);
  EXPECT_EQ(read_file(paths->at("fast") + "/note"), "kept");
  ASSERT_TRUE(run(volumes.unmount("u-1")));
  EXPECT_FALSE(fs::exists(folder / "real/pods/u-1"));
}

TEST_F(OddRootTest, DoesNotRemoveTheNodesOwnFiles) {
  const std::string target = volumes.pod_dir("u-1") + "/volume-subpaths/host/main/0";
  ASSERT_TRUE(bind_sub_path(folder / "host", "data", target));
  ASSERT_EQ(read_file(target + "/precious"), "kept");

  EXPECT_TRUE(run(volumes.unmount("u-1")));

  EXPECT_EQ(read_file(folder / "host/data/precious"), "kept");
  EXPECT_FALSE(fs::exists(folder / "real/pods/u-1"));
}

TEST(RemoveFolder, StopsBeforeAMount) {
  TempDir folder;
  ASSERT_TRUE(make_folders(folder / "host/data"));
  ASSERT_TRUE(write_file(folder / "host/data/precious", "kept", 0644));
  ASSERT_TRUE(make_folders(folder / "pod/volumes/data"));
  // Of the same file system: the device number tells nothing.
  ASSERT_TRUE(bind_mount(folder / "host/data", folder / "pod/volumes/data"));

  const auto removed = remove_folder(folder / "pod");

  ASSERT_FALSE(removed);
  EXPECT_NE(removed.error().message().find("mounted"), std::string::npos);
  EXPECT_EQ(read_file(folder / "host/data/precious"), "kept");
  ASSERT_TRUE(unmount_below(folder / "pod"));
  EXPECT_TRUE(remove_folder(folder / "pod"));
  EXPECT_FALSE(fs::exists(folder / "pod"));
}

TEST(RemoveFolder, FollowsNoLinks) {
  TempDir folder;
  ASSERT_TRUE(make_folders(folder / "host"));
  ASSERT_TRUE(write_file(folder / "host/precious", "kept", 0644));
  ASSERT_TRUE(make_folders(folder / "pod/inner"));
  ASSERT_TRUE(write_file(folder / "pod/inner/file", "", 0));
  ASSERT_EQ(mkfifo((folder / "pod/inner/fifo").c_str(), 0600), 0);
  fs::create_symlink(folder / "host", folder / "pod/inner/link");
  fs::create_symlink("none", folder / "pod/dangling");
  fs::create_symlink("pod", folder / "link");

  EXPECT_FALSE(remove_folder(folder / "link")) << "no folder";
  EXPECT_TRUE(remove_folder(folder / "pod"));

  EXPECT_FALSE(fs::exists(folder / "pod"));
  EXPECT_EQ(read_file(folder / "host/precious"), "kept");
  EXPECT_TRUE(remove_folder(folder / "pod")) << "there is none any more";
  EXPECT_TRUE(remove_folder(folder / "none/pod"));
}

TEST(RemoveFolder, IsNotStoppedByDepth) {
  TempDir folder;
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit low = limit;
  low.rlim_cur = 64;
  ASSERT_TRUE(make_folders(folder / "pod"));
  int at = open((folder / "pod").c_str(), O_PATH | O_CLOEXEC);
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(mkdirat(at, "deep", 0700), 0);
    const int below = openat(at, "deep", O_PATH | O_CLOEXEC);
    close(at);
    at = below;
  }
  close(at);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);

  const auto removed = remove_folder(folder / "pod");

  setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_TRUE(removed) << removed.error().message();
  EXPECT_FALSE(fs::exists(folder / "pod"));
}

TEST(DiskUse, CountsWhatFilesTakeOnceAndOnThisFileSystemOnly) {
  TempDir folder;
  ASSERT_TRUE(make_folders(folder / "volume/inner"));
  ASSERT_TRUE(make_folders(folder / "volume/other"));
  ASSERT_TRUE(mount_tmpfs(folder / "volume/other", "size=2m"));
  const auto empty = disk_bytes_below(folder / "volume");
  const std::string megabyte(1 << 20, 'x');
  ASSERT_TRUE(write_file(folder / "volume/inner/file", megabyte, 0644));
  // What is still to be written is not always counted.
  const int file = open((folder / "volume/inner/file").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(fsync(file), 0);
  close(file);
  fs::create_hard_link(folder / "volume/inner/file", folder / "volume/same");
  ASSERT_TRUE(write_file(folder / "outside", megabyte, 0644));
  fs::create_symlink(folder / "outside", folder / "volume/link");
  ASSERT_TRUE(write_file(folder / "volume/other/file", megabyte, 0644));

  const auto used = disk_bytes_below(folder / "volume") - empty;

  EXPECT_GE(used, 1 << 20);
  EXPECT_LT(used, (1 << 20) + (64 << 10));
  EXPECT_EQ(disk_bytes_below(folder / "none"), 0);
}

// --- Termination messages ------------------------------------------------------------------------

TEST(TerminationMessage, IsReadFromPlainFilesOnlyAndWithoutWaiting) {
  TempDir folder;
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0666), 0);
  ASSERT_TRUE(write_file(folder / "secret", "of the node", 0600));
  fs::create_symlink(folder / "secret", folder / "link");
  ASSERT_TRUE(make_folders(folder / "folder"));
  for (const char* name : {"fifo", "link", "folder", "none"}) {
    ContainerRecord record;
    record.message_file = folder / name;
    EXPECT_EQ(read_termination_message(record), "") << name;
  }
  EXPECT_EQ(read_file(folder / "fifo"), "") << "as an empty file";
  EXPECT_FALSE(write_file(folder / "fifo", "x", 0644));
}

TEST_F(KubeletTest, TakesTerminationMessagesFromTheFileThatItMadeOnly) {
  struct Case {
    std::string host_path;
    bool taken;
  };
  const Case cases[] = {{"/root/pods/u-1/containers/main/00000000", true},
                        {"/root/pods/u-1/volume-subpaths/scratch/main/0", false},
                        {"/root/pods/u-1/containers/other/00000000", false},
                        {"/root/pods/u-2/containers/main/00000000", false},
                        {"/root/pods/u-1/containers/main/", false},
                        {"/root/pods/u-1/containers/main/inner/00000000", false},
                        {"/etc/shadow", false}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.host_path);
    cri::FakeRuntime machine(executor);
    cri::v1::ContainerConfig config;
    config.mutable_metadata()->set_name("main");
    (*config.mutable_labels())[cri::kPodUidLabel] = "u-1";
    (*config.mutable_labels())[cri::kContainerNameLabel] = "main";
    (*config.mutable_annotations())[cri::kMessagePathAnnotation] = "/dev/termination-log";
    auto& mount = *config.add_mounts();
    mount.set_container_path("/dev/termination-log");
    mount.set_host_path(c.host_path);
    std::optional<std::string> file;
    spawn(executor,
          [](cri::Runtime* on, cri::v1::ContainerConfig of,
             std::optional<std::string>* out) -> Task<void> {
            cri::v1::PodSandboxConfig sandbox;
            (*sandbox.mutable_labels())[cri::kPodUidLabel] = "u-1";
            const auto id = co_await on->run_sandbox(sandbox, "");
            [[maybe_unused]] auto made =
                co_await on->create_container(id.value_or(""), of, sandbox);
            const auto pod = co_await inspect_pod(*on, "u-1", nullptr);
            if (pod && !pod->containers.empty()) *out = pod->containers[0].message_file;
          }(&machine, config, &file));
    executor.run_ready();

    ASSERT_TRUE(file);
    EXPECT_EQ(*file, c.taken ? c.host_path : "");
  }
}

}  // namespace
}  // namespace keelson::kubelet
