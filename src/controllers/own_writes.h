// SPDX-License-Identifier: Apache-2.0
// What a controller has written itself. Until its local copy shows that, a look at it is a look at
// the past: what is decided by it would be decided twice, and the write would meet a conflict.
// Source: KEP-5647 (stale controllers).
#pragma once

#include <map>
#include <string>

#include "api/meta/v1.h"
#include "base/executor.h"

namespace keelson::controllers {

class OwnWrites {
 public:
  explicit OwnWrites(const Executor& executor) : executor_(executor) {}

  // `written`: the metadata that the server answered with.
  void note(const meta::v1::ObjectMeta& written);
  void forget(const std::string& uid);

  // 0 when `copy` is as new as the last write. Else its event is on its way, and this is when to
  // look even without it: a store that was put back to an older state never sends it.
  Duration behind(const meta::v1::ObjectMeta& copy);

 private:
  struct Entry {
    std::int64_t version = 0;
    Duration since{};
  };
  const Executor& executor_;
  std::map<std::string, Entry> entries_;  // By uid.
};

}  // namespace keelson::controllers
