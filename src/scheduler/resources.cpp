// SPDX-License-Identifier: Apache-2.0
#include "scheduler/resources.h"

#include <algorithm>

namespace keelson::scheduler {
namespace {

auto place_of(const std::vector<std::pair<std::string, std::int64_t>>& scalars,
              std::string_view name) {
  return std::ranges::lower_bound(
      scalars, name, {}, [](const auto& entry) -> std::string_view { return entry.first; });
}

void change_scalar(Resources& resources, const std::string& name, std::int64_t amount) {
  const auto place = place_of(resources.scalars, name);
  const auto at = resources.scalars.begin() + (place - resources.scalars.cbegin());
  if (at != resources.scalars.end() && at->first == name) {
    at->second += amount;
  } else {
    resources.scalars.insert(at, {name, amount});
  }
}

}  // namespace

Resources Resources::of(const podspec::ResourceList& list) {
  Resources resources;
  for (const auto& [name, quantity] : list) {
    if (name == podspec::kCpu) {
      resources.milli_cpu = quantity.milli_value();
    } else if (name == podspec::kMemory) {
      resources.memory = quantity.value();
    } else if (name == podspec::kEphemeralStorage) {
      resources.ephemeral_storage = quantity.value();
    } else if (name == podspec::kPods) {
      resources.pods = quantity.value();
    } else {
      resources.scalars.emplace_back(name, quantity.value());  // The list is sorted, too.
    }
  }
  return resources;
}

std::int64_t Resources::scalar(std::string_view name) const {
  const auto place = place_of(scalars, name);
  return place == scalars.end() || place->first != name ? 0 : place->second;
}

void Resources::add(const Resources& other) {
  milli_cpu += other.milli_cpu;
  memory += other.memory;
  ephemeral_storage += other.ephemeral_storage;
  for (const auto& [name, amount] : other.scalars) change_scalar(*this, name, amount);
}

void Resources::subtract(const Resources& other) {
  milli_cpu -= other.milli_cpu;
  memory -= other.memory;
  ephemeral_storage -= other.ephemeral_storage;
  for (const auto& [name, amount] : other.scalars) change_scalar(*this, name, -amount);
}

}  // namespace keelson::scheduler
