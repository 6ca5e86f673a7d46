// SPDX-License-Identifier: Apache-2.0
#include "controllers/node_ipam.h"

#include <arpa/inet.h>

#include <charconv>

#include "api/core/v1.h"
#include "base/log.h"

namespace keelson::controllers {
namespace {

using core::v1::Node;

struct Network {
  std::uint32_t address;
  int bits;
};

std::optional<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  in_addr address{};
  if (inet_pton(AF_INET, std::string(text.substr(0, slash)).c_str(), &address) != 1)
    return std::nullopt;
  int bits = 0;
  const std::string_view digits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc() || end != digits.data() + digits.size() || bits < 0 || bits > 32)
    return std::nullopt;
  return Network{ntohl(address.s_addr), bits};
}

class NodeIpamController final : public Controller {
 public:
  NodeIpamController(ControllerContext& context, CidrBlocks blocks)
      : context_(context), blocks_(std::move(blocks)), queue_(context.executor) {
    context.informers.of<Node>().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      if (!now) {
        for (const auto& block : before->as<Node>().spec.podCIDRs) blocks_.release(block);
      } else if (!before || before->as<Node>().spec.podCIDRs != now->as<Node>().spec.podCIDRs) {
        queue_.add(now->key());
      }
    });
  }

  std::string_view name() const override { return "node-ipam"; }

  Task<void> run() override {
    auto& nodes = context_.informers.of<Node>();
    if (!co_await nodes.wait_synced()) co_return;
    // What is given out already comes first, or it could be given twice.
    for (const auto& node : nodes.list<Node>()) {
      for (const auto& block : node->spec.podCIDRs) blocks_.occupy(block);
    }
    co_await client::run_workers<ObjectKey>(
        queue_, 1, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto node = context_.informers.of<Node>().find<Node>(key);
    if (!node) co_return client::Requeue::none();
    if (!node->spec.podCIDRs.empty()) {
      for (const auto& block : node->spec.podCIDRs) blocks_.occupy(block);
      co_return client::Requeue::none();
    }
    const auto block = blocks_.allocate();
    if (!block) {
      context_.events.record(event_target(*node), client::EventType::Normal, "CIDRNotAvailable",
                             "Node " + key.name + " status is now: CIDRNotAvailable");
      co_return fail(Status::internal("no pod CIDR is left for node " + key.name));
    }
    const std::string patch = boost::json::serialize(boost::json::object{
        {"spec", {{"podCIDR", *block}, {"podCIDRs", boost::json::array{*block}}}}});
    auto patched = co_await context_.client.patch<Node>(key, client::PatchType::Strategic, patch);
    if (!patched) {
      blocks_.release(*block);
      if (patched.error().is(Reason::NotFound)) co_return client::Requeue::none();
      co_return fail(std::move(patched).error());
    }
    log_info("Gave a node its pod CIDR", {{"node", key.name}, {"cidr", *block}});
    co_return client::Requeue::none();
  }

  ControllerContext& context_;
  CidrBlocks blocks_;
  client::WorkQueue<ObjectKey> queue_;
};

}  // namespace

Result<CidrBlocks> CidrBlocks::make(std::string_view cidr, int block_bits) {
  const auto network = parse_network(cidr);
  if (!network) return fail(Status::bad_request("invalid CIDR address: " + std::string(cidr)));
  if (block_bits < network->bits || block_bits > 32 || block_bits - network->bits > 16)
    return fail(Status::bad_request("node CIDR mask size " + std::to_string(block_bits) +
                                    " does not fit cluster CIDR " + std::string(cidr)));
  CidrBlocks blocks;
  const std::uint32_t mask = network->bits == 0 ? 0 : ~std::uint32_t{0} << (32 - network->bits);
  blocks.first_ = network->address & mask;
  blocks.block_bits_ = block_bits;
  blocks.count_ = std::uint32_t{1} << (block_bits - network->bits);
  return blocks;
}

std::optional<std::string> CidrBlocks::allocate() {
  for (std::uint32_t number = 0; number < count_; ++number) {
    if (!taken_.insert(number).second) continue;
    in_addr address{.s_addr = htonl(first_ + (number << (32 - block_bits_)))};
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address, text, sizeof text);
    return std::string(text) + "/" + std::to_string(block_bits_);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> CidrBlocks::find_number(std::string_view block) const {
  const auto network = parse_network(block);
  if (!network || network->bits != block_bits_ || network->address < first_) return std::nullopt;
  const std::uint32_t number = (network->address - first_) >> (32 - block_bits_);
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
