// SPDX-License-Identifier: Apache-2.0
// A bearer token that may change while it is used: the kubelet replaces mounted ones before they
// expire.
#pragma once

#include <mutex>
#include <string>

#include "base/executor.h"

namespace keelson::client {

// Thread-safe.
class BearerToken {
 public:
  // With a file, `token` is what is used until it can be read.
  BearerToken(const Executor& clock, std::string token, std::string file)
      : clock_(clock), token_(std::move(token)), file_(std::move(file)) {}

  // Empty: none. The file is read again once a minute.
  std::string current();

 private:
  const Executor& clock_;
  std::mutex mutex_;
  std::string token_;
  const std::string file_;
  Duration read_at_ = Duration::min();
};

}  // namespace keelson::client
