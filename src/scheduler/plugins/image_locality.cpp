// SPDX-License-Identifier: Apache-2.0
// Prefers nodes that have the pod's images already, large ones above all. An image counts for less
// the fewer nodes have it, lest all pods that use it gather there.
#include <algorithm>

#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

// Upstream: below the first an image is fetched in no time; above the second (for each container)
// more makes no difference.
constexpr std::int64_t kMegabyte = 1 << 20;
constexpr std::int64_t kBytesMin = 23 * kMegabyte;
constexpr std::int64_t kBytesMaxOfContainer = 1000 * kMegabyte;

struct ImageState final : PluginState {
  struct Image {
    std::string name;
    double spread;  // The part of all nodes that has it.
  };
  std::vector<Image> images;
  std::int64_t containers = 0;
  std::unique_ptr<PluginState> clone() const override {
    return std::make_unique<ImageState>(*this);
  }
};

class ImageLocality final : public PreScorePlugin, public ScorePlugin {
 public:
  explicit ImageLocality(const Cache& cache) : cache_(cache) {}

  std::string_view name() const override { return "ImageLocality"; }

  Code pre_score(CycleState& state, const PodInfo& pod,
                 std::span<const NodeInfo* const>) const override {
    auto own = std::make_unique<ImageState>();
    for (const auto* containers : {&pod.pod->spec.initContainers, &pod.pod->spec.containers}) {
      for (const auto& container : *containers) {
        ++own->containers;
        std::string image = normalized_image(container.image);
        const std::size_t nodes = cache_.nodes_with_image(image);
        if (nodes == 0) continue;
        own->images.push_back({std::move(image), static_cast<double>(nodes) /
                                                     static_cast<double>(cache_.node_count())});
      }
    }
    if (own->images.empty()) return Code::Skip;
    state.put(*this, std::move(own));
    return Code::Success;
  }

  std::int64_t score(const CycleState& state, const PodInfo&, const NodeInfo& node) const override {
    const auto& own = *state.find<ImageState>(*this);
    std::int64_t bytes = 0;
    for (const auto& image : own.images) {
      const auto found = node.images().find(image.name);
      if (found == node.images().end()) continue;
      bytes += static_cast<std::int64_t>(static_cast<double>(found->second) * image.spread);
    }
    const std::int64_t most = kBytesMaxOfContainer * own.containers;
    bytes = std::clamp(bytes, kBytesMin, most);
    return kScoreMax * (bytes - kBytesMin) / (most - kBytesMin);
  }

 private:
  const Cache& cache_;
};

}  // namespace

std::unique_ptr<Plugin> make_image_locality(const Cache& cache) {
  return std::make_unique<ImageLocality>(cache);
}

}  // namespace keelson::scheduler
