// SPDX-License-Identifier: Apache-2.0
// Randomness, injected so that a seed replays a simulation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace keelson {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;  // Uniform over all 64 bits. Thread-safe.

  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // In [0, 1).
  double unit();
  // An RFC 4122 version 4 UUID in its text form.
  std::string uuid();
  // Lower-case letters and digits without vowels and without 0, 1, 3: cannot spell a word. What
  // upstream appends to generateName (5 of them) and to names of pods.
  std::string suffix(std::size_t length);
};

// From the kernel; for production.
std::unique_ptr<Random> make_system_random();
// The same seed gives the same numbers; not for secrets.
std::unique_ptr<Random> make_seeded_random(std::uint64_t seed);
// Fills `out` with bytes fit for keys and tokens.
void secure_bytes(std::span<unsigned char> out);

}  // namespace keelson
