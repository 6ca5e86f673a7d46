// SPDX-License-Identifier: Apache-2.0
// A kubelet on this machine with a real runtime, all parts put together: what a program starts.
#pragma once

#include <memory>
#include <string>

#include "kubelet/kubelet.h"
#include "kubelet/server/server.h"
#include "net/runtime.h"

namespace keelson::kubelet {

struct LocalKubeletOptions {
  KubeletOptions kubelet;
  std::string runtime_endpoint = "unix:///run/containerd/containerd.sock";
  std::string image_archives;  // Folder of archives imported at start; empty: none.
};

class LocalKubelet final {
 public:
  // `loop`, `client` and `random` outlive it. Makes the kubelet's folders. Errors: BadRequest for
  // an unusable endpoint; InternalError for a folder that cannot be made.
  static Result<std::unique_ptr<LocalKubelet>> make(LocalKubeletOptions options, net::Runtime& loop,
                                                    client::Client& client, Random& random);
  ~LocalKubelet();

  // Returns at once; the node registers and runs pods from then on.
  void start();
  // Ends the kubelet; containers run on.
  Task<void> stop();
  // For serve_http() on port 10250.
  net::HttpHandler handler(ServerOptions options = {});

  Kubelet& kubelet();

 private:
  struct Parts;
  explicit LocalKubelet(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace keelson::kubelet
