// SPDX-License-Identifier: Apache-2.0
#include "client/credentials.h"

#include <fstream>

#include "base/log.h"

namespace keelson::client {
namespace {

// Upstream: client-go's cachingTokenSource holds a file's token for a minute.
constexpr Duration kRereadAfter = std::chrono::minutes(1);
constexpr std::size_t kTokenBytesMax = 64 << 10;

}  // namespace

std::string BearerToken::current() {
  std::lock_guard lock(mutex_);
  if (file_.empty()) return token_;
  const Duration now = clock_.monotonic();
  if (read_at_ != Duration::min() && now - read_at_ < kRereadAfter) return token_;
  read_at_ = now;
  std::ifstream in(file_, std::ios::binary);
  std::string token(kTokenBytesMax, '\0');
  in.read(token.data(), static_cast<std::streamsize>(token.size()));
  token.resize(static_cast<std::size_t>(in.gcount()));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) {
    token.pop_back();
  }
  if (token.empty()) {
    log_warning("Cannot read the token, the last one stays in use", {{"file", file_}});
  } else {
    token_ = std::move(token);
  }
  return token_;
}

}  // namespace keelson::client
