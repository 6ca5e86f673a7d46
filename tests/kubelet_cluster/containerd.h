// SPDX-License-Identifier: Apache-2.0
// A containerd of the test's own: its folders in a temporary one, its network and its mounts in
// namespaces of the test process. A guard, a process apart, removes all of it with its containers,
// also when the test is killed, so that nothing is left behind.
#pragma once

#include <sys/types.h>

#include <string>

namespace keelson::kubelet {

class Containerd {
 public:
  // Moves the whole process into new network and mount namespaces: before any thread is made.
  // `cgroup_root` is where cgroups are mounted.
  explicit Containerd(std::string cgroup_root);
  ~Containerd();
  Containerd(const Containerd&) = delete;
  Containerd& operator=(const Containerd&) = delete;

  // Waits until it answers; false if it does not within 20 seconds.
  bool start();

  const std::string& folder() const { return folder_; }
  std::string socket() const { return folder_ + "/containerd.sock"; }
  // Below which pods have theirs: "/keelson-test-123".
  const std::string& cgroup() const { return cgroup_; }

 private:
  void write_config() const;
  void start_guard();
  void remove_all() const;
  void end_processes() const;
  void remove_folder() const;
  void remove_cgroups() const;

  const std::string cgroup_root_, cgroup_;
  std::string folder_;
  pid_t pid_ = 0;
  // The guard works once the first is closed, and closes the other end of the second when done.
  int alive_ = -1, removed_ = -1;
};

// Runs a program and waits; its output is thrown away. True if it succeeded.
bool run(std::initializer_list<std::string> words);

}  // namespace keelson::kubelet
