// SPDX-License-Identifier: Apache-2.0
#include "containerd.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>
#include <vector>

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

pid_t spawn_program(std::vector<std::string> words, const std::string& output) {
  const pid_t child = fork();
  if (child != 0) return child;
  const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(file, 1);
  dup2(file, 2);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

bool run(std::initializer_list<std::string> words) {
  int status = 0;
  const pid_t child = spawn_program(words, "/dev/null");
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Containerd::Containerd(std::string cgroup_root)
    : cgroup_root_(std::move(cgroup_root)), cgroup_("/keelson-test-" + std::to_string(getpid())) {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
    perror("unshare");
    abort();
  }
  mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  // Folders with fixed names, for pods' namespaces, notes on their addresses, and shims' sockets.
  for (const char* fixed : {"/run/netns", "/var/lib/cni", "/run/containerd"}) {
    fs::create_directories(fixed);
    mount("tmpfs", fixed, "tmpfs", 0, nullptr);
  }
  run({"ip", "link", "set", "lo", "up"});
  std::string pattern = (fs::temp_directory_path() / "keelson-node-XXXXXX").string();
  folder_ = mkdtemp(pattern.data());
  write_config();
  start_guard();
}

void Containerd::write_config() const {
  fs::create_directories(folder_ + "/cni");
  std::ofstream(folder_ + "/cni/10-test.conflist")
      << R"({"cniVersion": "0.4.0", "name": "test", "plugins": [
  {"type": "bridge", "bridge": "test0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": ")"
      << folder_ << R"(/ipam", "ranges": [[{"subnet": "10.222.77.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "loopback"}]})";
  std::ofstream(folder_ + "/config.toml") << R"(version = 2
root = ")" << folder_ << R"(/root"
state = ")" << folder_ << R"(/state"
[grpc]
  address = ")" << socket() << R"("
[plugins."io.containerd.internal.v1.opt"]
  path = ")" << folder_ << R"(/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/keelson/pause:1"
  stream_server_address = "127.0.0.1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = ")" << folder_ << R"(/cni"
)";
}

bool Containerd::start() {
  pid_ = spawn_program({"containerd", "-c", folder_ + "/config.toml"}, folder_ + "/log");
  for (int i = 0; i < 200; ++i) {
    if (run({"ctr", "-a", socket(), "version"})) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  std::ifstream log(folder_ + "/log");
  std::string line;
  while (std::getline(log, line)) fprintf(stderr, "%s\n", line.c_str());
  return false;
}

Containerd::~Containerd() {
  close(alive_);
  char nothing = 0;
  while (read(removed_, &nothing, 1) < 0 && errno == EINTR) {
  }
  close(removed_);
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

void Containerd::start_guard() {
  int alive[2], removed[2];
  if (pipe2(alive, O_CLOEXEC) != 0 || pipe2(removed, O_CLOEXEC) != 0) abort();
  alive_ = alive[1];
  removed_ = removed[0];
  const pid_t child = fork();
  if (child == 0) {
    // Nobody's child and with a session of its own: whoever ends the test does not find it.
    setsid();
    if (fork() != 0) _exit(0);
    close(alive_);
    close(removed_);
    const int null = open("/dev/null", O_RDWR);
    for (const int standard : {0, 1, 2}) dup2(null, standard);
    char nothing = 0;
    while (read(alive[0], &nothing, 1) < 0 && errno == EINTR) {
    }
    remove_all();
    _exit(0);
  }
  close(alive[0]);
  close(removed[1]);
  waitpid(child, nullptr, 0);
}

void Containerd::remove_all() const {
  end_processes();
  remove_cgroups();
  remove_folder();
}

namespace {

struct Process {
  pid_t parent = 0;
  std::string command;
};

std::map<pid_t, Process> list_processes() {
  std::map<pid_t, Process> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream command(entry.path() / "cmdline"), stat(entry.path() / "stat");
    Process process;
    process.command.assign(std::istreambuf_iterator<char>(command), {});
    // "1 (name) S parent": the name may hold anything.
    std::string line;
    std::getline(stat, line);
    const auto end = line.rfind(") ");
    if (end == std::string::npos || line[end + 2] == 'Z') continue;
    process.parent = static_cast<pid_t>(std::stol(line.substr(end + 4)));
    found.emplace(static_cast<pid_t>(std::stol(name)), std::move(process));
  }
  return found;
}

}  // namespace

void Containerd::end_processes() const {
  // containerd and its shims carry our folder's name; what runs in containers descends from shims.
  for (bool some = true; some;) {
    const auto processes = list_processes();
    const auto is_ours = [&](pid_t pid) {
      for (auto at = processes.find(pid); at != processes.end();
           at = processes.find(at->second.parent)) {
        if (at->second.command.find(folder_) != std::string::npos) return true;
      }
      return false;
    };
    some = false;
    for (const auto& [pid, process] : processes) {
      if (!is_ours(pid)) continue;
      kill(pid, SIGKILL);
      some = true;
    }
    if (some) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void Containerd::remove_cgroups() const {
  // Version 2 has one hierarchy, version 1 one for each controller.
  std::vector<fs::path> roots = {cgroup_root_ + cgroup_};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(cgroup_root_, error))
    roots.push_back(entry.path().string() + cgroup_);
  for (const auto& root : roots) {
    std::vector<fs::path> groups = {root};
    for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
      if (entry.is_directory(error)) groups.push_back(entry.path());
    }
    for (auto group = groups.rbegin(); group != groups.rend(); ++group) rmdir(group->c_str());
  }
}

void Containerd::remove_folder() const {
  // Mounts below go with the namespace; here they only must not be in the way.
  std::ifstream mounts("/proc/self/mounts");
  std::vector<std::string> points;
  for (std::string device, point, rest; mounts >> device >> point && std::getline(mounts, rest);) {
    if (point.starts_with(folder_)) points.push_back(point);
  }
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    umount2(point->c_str(), MNT_DETACH);
  }
  std::error_code error;
  fs::remove_all(folder_, error);
}

}  // namespace keelson::kubelet
