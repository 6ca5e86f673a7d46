// SPDX-License-Identifier: Apache-2.0
#include "containerd.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
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

Containerd::Containerd() {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
    perror("unshare");
    abort();
  }
  mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  run({"ip", "link", "set", "lo", "up"});
  std::string pattern = (fs::temp_directory_path() / "keelson-node-XXXXXX").string();
  folder_ = mkdtemp(pattern.data());
  write_config();
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
  // Shims of containers that a failed test has left: they are found by our folder's name.
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    const std::string command((std::istreambuf_iterator<char>(file)), {});
    if (command.find(folder_) == std::string::npos) continue;
    if (command.find("containerd-shim") == std::string::npos) continue;
    kill(static_cast<pid_t>(std::stol(entry.path().filename().string())), SIGKILL);
  }
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  remove_folder();
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
