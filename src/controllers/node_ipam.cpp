// SPDX-License-Identifier: Apache-2.0
#include "controllers/node_ipam.h"

#include <map>

#include "api/core/v1.h"
#include "api/ip.h"
#include "base/log.h"

namespace keelson::controllers {
namespace {

using core::v1::Node;

std::optional<api::IpPrefix> parse_network(std::string_view text) {
  const auto prefix = api::IpPrefix::parse(text);
  return prefix && prefix->address().is_v4() ? prefix : std::nullopt;
}

class NodeIpamController final : public Controller {
 public:
  NodeIpamController(ControllerContext& context, CidrBlocks blocks)
      : context_(context), blocks_(std::move(blocks)), queue_(context.executor) {
    context.informers.of<Node>().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      // A node may be gone and made again between two lists; then both come as one change.
      if (before && (!now || now->uid() != before->uid())) {
        for (const auto& block : before->as<Node>().spec.podCIDRs) blocks_.release(block);
        let_go(before->key());
      }
      if (!now) return;
      // At once, and so before any node is given one: else a block could be given twice.
      for (const auto& block : now->as<Node>().spec.podCIDRs) blocks_.occupy(block);
      if (!before || before->uid() != now->uid() ||
          before->as<Node>().spec.podCIDRs != now->as<Node>().spec.podCIDRs) {
        queue_.add(now->key());
      }
    });
  }

  std::string_view name() const override { return "node-ipam"; }

  Task<void> run() override {
    if (!co_await context_.informers.of<Node>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 1, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto node = context_.informers.of<Node>().find<Node>(key);
    if (!node) co_return client::Requeue::none();
    if (!node->spec.podCIDRs.empty()) {
      // Ours, though the answer was lost; or somebody else's.
      const auto offered = offered_.find(key);
      if (offered != offered_.end() && offered->second == node->spec.podCIDRs.front())
        offered_.erase(offered);
      let_go(key);
      co_return client::Requeue::none();
    }
    if (!offered_.contains(key)) {
      if (auto block = blocks_.allocate()) offered_[key] = *std::move(block);
    }
    if (!offered_.contains(key)) {
      context_.events.record(event_target(*node), client::EventType::Normal, "CIDRNotAvailable",
                             "Node " + key.name + " status is now: CIDRNotAvailable");
      co_return fail(Status::internal("no pod CIDR is left for node " + key.name));
    }
    const std::string block = offered_[key];
    const std::string patch = boost::json::serialize(boost::json::object{
        {"spec", {{"podCIDR", block}, {"podCIDRs", boost::json::array{block}}}}});
    auto patched = co_await context_.client.patch<Node>(key, client::PatchType::Strategic, patch);
    if (!patched) {
      if (patched.error().is(Reason::NotFound)) co_return client::Requeue::none();
      // The block stays offered to this node: the patch may have come through all the same.
      co_return fail(std::move(patched).error());
    }
    offered_.erase(key);
    log_info("Gave a node its pod CIDR", {{"node", key.name}, {"cidr", block}});
    co_return client::Requeue::none();
  }

  // What was offered to the node and is not its own comes back.
  void let_go(const ObjectKey& key) {
    const auto offered = offered_.find(key);
    if (offered == offered_.end()) return;
    blocks_.release(offered->second);
    offered_.erase(offered);
  }

  ControllerContext& context_;
  CidrBlocks blocks_;
  client::WorkQueue<ObjectKey> queue_;
  std::map<ObjectKey, std::string> offered_;  // Blocks taken for nodes that do not show them yet.
};

}  // namespace

Result<CidrBlocks> CidrBlocks::make(std::string_view cidr, int block_bits) {
  const auto network = parse_network(cidr);
  if (!network) return fail(Status::bad_request("invalid CIDR address: " + std::string(cidr)));
  if (block_bits < network->length() || block_bits > 32 || block_bits - network->length() > 16)
    return fail(Status::bad_request("node CIDR mask size " + std::to_string(block_bits) +
                                    " does not fit cluster CIDR " + std::string(cidr)));
  CidrBlocks blocks;
  blocks.first_ = network->network().v4_value();
  blocks.block_bits_ = block_bits;
  blocks.count_ = std::uint32_t{1} << (block_bits - network->length());
  return blocks;
}

std::optional<std::string> CidrBlocks::allocate() {
  for (std::uint32_t number = 0; number < count_; ++number) {
    if (!taken_.insert(number).second) continue;
    const std::uint32_t address = first_ + (number << (32 - block_bits_));
    return api::IpPrefix(api::IpAddress::v4(address), block_bits_).text();
  }
  return std::nullopt;
}

std::optional<std::uint32_t> CidrBlocks::find_number(std::string_view block) const {
  const auto network = parse_network(block);
  if (!network || network->length() != block_bits_) return std::nullopt;
  const std::uint32_t address = network->address().v4_value();
  if (address < first_) return std::nullopt;
  const std::uint32_t number = (address - first_) >> (32 - block_bits_);
  if (number >= count_) return std::nullopt;
  return number;
}

bool CidrBlocks::occupy(std::string_view block) {
  const auto number = find_number(block);
  return number && taken_.insert(*number).second;
}

void CidrBlocks::release(std::string_view block) {
  if (const auto number = find_number(block)) taken_.erase(*number);
}

std::unique_ptr<Controller> make_node_ipam_controller(ControllerContext& context,
                                                      CidrBlocks blocks) {
  return std::make_unique<NodeIpamController>(context, std::move(blocks));
}

}  // namespace keelson::controllers
