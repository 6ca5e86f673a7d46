// SPDX-License-Identifier: Apache-2.0
#include "controllers/slow_start.h"

#include <algorithm>

namespace keelson::controllers {

Task<SlowStart> slow_start(int count, std::function<Task<Result<void>>(int number)> make) {
  SlowStart done{.succeeded = 0, .untried = count, .outcome = {}};
  int number = 0;
  for (int batch = 1; done.untried > 0 && done.outcome; batch *= 2) {
    std::vector<Task<Result<void>>> tasks;
    for (int i = std::min(batch, done.untried); i > 0; --i) tasks.push_back(make(number++));
    done.untried = count - number;
    for (auto& result : co_await when_all(std::move(tasks))) {
      if (result) {
        ++done.succeeded;
      } else if (done.outcome) {
        done.outcome = std::move(result);
      }
    }
  }
  co_return done;
}

}  // namespace keelson::controllers
