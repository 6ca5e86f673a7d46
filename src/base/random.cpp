// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <mutex>

#include "base/result.h"

namespace keelson {
namespace {

// SplitMix64: small, well spread, and any seed will do.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() override {
    std::lock_guard lock(mutex_);
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

 private:
  std::mutex mutex_;
  std::uint64_t state_;
};

class SystemRandom final : public Random {
 public:
  std::uint64_t next() override {
    std::lock_guard lock(mutex_);
    if (used_ == pool_.size()) {
      secure_bytes({reinterpret_cast<unsigned char*>(pool_.data()), sizeof pool_});
      used_ = 0;
    }
    return pool_[used_++];
  }

 private:
  std::mutex mutex_;
  std::array<std::uint64_t, 32> pool_{};
  std::size_t used_ = pool_.size();
};

}  // namespace

std::uint64_t Random::below(std::uint64_t bound) {
  CHECK(bound > 0);
  // Rejects the uneven rest, so that every value is equally likely.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value = next();
  while (value >= limit) value = next();
  return value % bound;
}

double Random::unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

std::string Random::uuid() {
  std::array<unsigned char, 16> bytes{};
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t word = next();
    for (std::size_t i = 0; i < 8; ++i, word >>= 8) bytes[half * 8 + i] = word & 0xff;
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[bytes[i] >> 4];
    text += kHex[bytes[i] & 15];
  }
  return text;
}

std::string Random::suffix(std::size_t length) {
  static constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += kAlphabet[below(kAlphabet.size())];
  return text;
}

std::unique_ptr<Random> make_system_random() { return std::make_unique<SystemRandom>(); }
std::unique_ptr<Random> make_seeded_random(std::uint64_t seed) {
  return std::make_unique<SeededRandom>(seed);
}

void secure_bytes(std::span<unsigned char> out) {
  while (!out.empty()) {
    const auto count = ::getrandom(out.data(), out.size(), 0);
    if (count < 0) {
      CHECK(errno == EINTR);
      continue;
    }
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace keelson
