// SPDX-License-Identifier: Apache-2.0
// Creating many objects of which all may fail for the same reason. Source: upstream's
// slowStartBatch.
#pragma once

#include <functional>

#include "base/task.h"

namespace keelson::controllers {

struct SlowStart {
  int succeeded = 0;
  int untried = 0;
  Result<void> outcome;  // The first failure.
};
// Calls `make` `count` times, in batches of 1, 2, 4... that run at once; none after a batch in
// which one has failed.
Task<SlowStart> slow_start(int count, std::function<Task<Result<void>>(int number)> make);

}  // namespace keelson::controllers
