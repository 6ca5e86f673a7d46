// SPDX-License-Identifier: Apache-2.0
#include "kubelet/images/image_collector.h"

#include "base/log.h"

namespace keelson::kubelet {

namespace {

bool is_used(const cri::v1::Image& image, const std::set<std::string>& in_use) {
  if (image.pinned() || in_use.contains(image.id())) return true;
  const auto any = [&](const auto& names) {
    return std::ranges::any_of(names, [&](const std::string& name) {
      if (in_use.contains(name)) return true;
      // Specs use short names for what the runtime lists in full.
      return std::ranges::any_of(in_use, [&](const std::string& used) {
        return name == "docker.io/library/" + used || name == "docker.io/" + used ||
               name == "docker.io/library/" + used + ":latest" || name == used + ":latest";
      });
    });
  };
  return any(image.repo_tags()) || any(image.repo_digests());
}

}  // namespace

Task<void> ImageCollector::collect(std::set<std::string> in_use, bool urgent) {
  auto images = co_await node_.runtime.list_images();
  if (!images) co_return;
  const Wall now = node_.executor.now();
  std::map<std::string, Seen> seen;
  for (const auto& image : *images) {
    const auto known = seen_.find(image.id());
    Seen entry = known == seen_.end() ? Seen{now, Wall{}} : known->second;
    if (is_used(image, in_use)) entry.last_used = now;
    seen[image.id()] = entry;
  }
  seen_ = std::move(seen);

  const auto usage = node_.host.usage();
  if (!usage || usage->image_disk_bytes <= 0) co_return;
  const std::int64_t capacity = usage->image_disk_bytes;
  const std::int64_t used = capacity - usage->image_disk_available_bytes;
  const auto& limits = node_.options.image_gc;
  if (!urgent && used * 100 < capacity * limits.high_threshold_percent) co_return;
  std::int64_t to_free = used - capacity / 100 * limits.low_threshold_percent;

  std::ranges::sort(*images, {}, [this](const auto& image) {
    const Seen& entry = seen_[image.id()];
    return std::tuple(entry.last_used, entry.first, image.id());
  });
  for (const auto& image : *images) {
    if (to_free <= 0) co_return;
    const Seen& entry = seen_[image.id()];
    if (entry.last_used == now || now - entry.first < limits.minimum_age) continue;
    log_info("Removing an unused image to free disk space",
             {{"image", image.repo_tags().empty() ? image.id() : image.repo_tags(0)}});
    if (co_await node_.runtime.remove_image(image.id())) {
      to_free -= static_cast<std::int64_t>(image.size());
    }
  }
}

}  // namespace keelson::kubelet
