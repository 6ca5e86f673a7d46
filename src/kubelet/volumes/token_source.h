// SPDX-License-Identifier: Apache-2.0
// Service account tokens for pods, kept until four fifths of their life are over.
// Source: TokenRequest API; upstream pkg/kubelet/token.
#pragma once

#include <map>
#include <string>

#include "base/random.h"
#include "client/client.h"
#include "kubelet/pod.h"

namespace keelson::kubelet {

class TokenSource final {
 public:
  TokenSource(client::Client& client, Executor& executor, Random& random)
      : client_(client), executor_(executor), random_(random) {}

  // Bound to the pod; audience empty: the API server's. Errors: the client's.
  Task<Result<std::string>> token(PodPtr pod, v1::ServiceAccountTokenProjection projection);
  void forget_pod(const std::string& uid);

 private:
  struct Entry {
    std::string token;
    Wall refresh_at{}, expires{};
  };
  client::Client& client_;
  Executor& executor_;
  Random& random_;
  std::map<std::string, Entry> entries_;  // By pod uid, audience and lifetime.
};

}  // namespace keelson::kubelet
