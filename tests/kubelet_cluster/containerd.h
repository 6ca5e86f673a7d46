// SPDX-License-Identifier: Apache-2.0
// A containerd of the test's own: its folders in a temporary one, its network and its mounts in
// namespaces of the test process, so that nothing is left behind.
#pragma once

#include <sys/types.h>

#include <string>

namespace keelson::kubelet {

class Containerd {
 public:
  // Moves the whole process into new network and mount namespaces: before any thread is made.
  Containerd();
  ~Containerd();
  Containerd(const Containerd&) = delete;
  Containerd& operator=(const Containerd&) = delete;

  // Waits until it answers; false if it does not within 20 seconds.
  bool start();

  const std::string& folder() const { return folder_; }
  std::string socket() const { return folder_ + "/containerd.sock"; }

 private:
  void write_config() const;
  void remove_folder() const;

  std::string folder_;
  pid_t pid_ = 0;
};

// Runs a program and waits; its output is thrown away. True if it succeeded.
bool run(std::initializer_list<std::string> words);

}  // namespace keelson::kubelet
