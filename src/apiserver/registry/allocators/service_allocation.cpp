// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/allocators/service_allocation.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "api/core/v1.h"
#include "api/ip.h"
#include "apiserver/registry/allocators/number_pool.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using core::v1::Service;

constexpr std::string_view kHeadless = "None";
// Upstream's bands for addresses and ports that were chosen by hand.
constexpr std::uint32_t kAddressBandMin = 16, kAddressBandMax = 256, kAddressBandShare = 16;
constexpr std::uint32_t kPortBandMin = 16, kPortBandMax = 128, kPortBandShare = 32;

std::uint32_t band(std::uint32_t size, std::uint32_t share, std::uint32_t minimum,
                   std::uint32_t maximum) {
  const std::uint32_t wanted = std::clamp(size / share, minimum, maximum);
  return wanted >= size ? 0 : wanted;
}

// What a Service holds.
struct Holding {
  std::vector<std::uint32_t> addresses;
  std::vector<std::uint32_t> ports;
};

void add_once(std::vector<std::uint32_t>& list, std::int64_t number) {
  const auto value = static_cast<std::uint32_t>(number);
  if (number > 0 && std::ranges::find(list, value) == list.end()) list.push_back(value);
}

Holding holding_of(const api::Object* object) {
  Holding holding;
  if (object == nullptr) return holding;
  const auto& spec = object->as<Service>().spec;
  if (spec.type == "ExternalName") return holding;
  for (const auto& text : spec.clusterIPs) {
    const auto address = api::IpAddress::parse(text, true);
    if (address && address->is_v4()) holding.addresses.push_back(address->v4_value());
  }
  // One Service may use a port once for each protocol.
  for (const auto& port : spec.ports) add_once(holding.ports, port.nodePort);
  add_once(holding.ports, spec.healthCheckNodePort);
  return holding;
}

bool holds(const std::vector<std::uint32_t>& list, std::uint32_t number) {
  return std::ranges::find(list, number) != list.end();
}

std::string_view spec_text(const api::Document& service, std::string_view field) {
  return api::string_at(service, {"spec", field});
}

bool has_list(const api::Document& service, std::string_view field) {
  const auto* list = api::find_at(service, {"spec", field});
  return list != nullptr && list->is_array() && !list->get_array().empty();
}

bool is_false(const api::Document& service, std::string_view field) {
  const auto* value = api::find_at(service, {"spec", field});
  return value != nullptr && value->is_bool() && !value->get_bool();
}

bool wants_node_ports(const api::Document& service) {
  const auto type = spec_text(service, "type");
  if (type == "NodePort") return true;
  return type == "LoadBalancer" && !is_false(service, "allocateLoadBalancerNodePorts");
}

bool wants_health_port(const api::Document& service) {
  return spec_text(service, "type") == "LoadBalancer" &&
         spec_text(service, "externalTrafficPolicy") == "Local";
}

class ServiceAllocation final : public Allocation {
 public:
  ServiceAllocation(CacheSet& caches, Random& random, const ClusterSettings& settings)
      : caches_(caches),
        random_(random),
        range_(*api::IpPrefix::parse(settings.service_cidr)),
        addresses_(make_addresses(range_)),
        ports_(settings.node_port_first, settings.node_port_last,
               band(settings.node_port_last - settings.node_port_first + 1u, kPortBandShare,
                    kPortBandMin, kPortBandMax)),
        port_range_(std::to_string(settings.node_port_first) + "-" +
                    std::to_string(settings.node_port_last)) {}

  Task<Result<std::function<void()>>> reserve(api::Document* now, const api::Object* before,
                                              const CallContext&) override {
    std::lock_guard lock(mutex_);
    fill();
    if (now == nullptr) co_return std::function<void()>();
    Attempt attempt{*now, holding_of(before), {}};
    auto done = give(attempt);
    if (!done) {
      give_back(attempt.taken);
      co_return fail(std::move(done).error());
    }
    co_return [this, taken = std::move(attempt.taken)] {
      std::lock_guard undo_lock(mutex_);
      give_back(taken);
    };
  }

  void written(const api::Object* now, const api::Object* before) override {
    std::lock_guard lock(mutex_);
    fill();
    const Holding kept = holding_of(now);
    Holding left = holding_of(before);
    std::erase_if(left.addresses, [&](auto number) { return holds(kept.addresses, number); });
    std::erase_if(left.ports, [&](auto number) { return holds(kept.ports, number); });
    give_back(left);
  }

 private:
  // One Service being served.
  struct Attempt {
    api::Document& service;
    Holding before;
    Holding taken;

    Status invalid(const api::FieldErrors& errors) const {
      return errors.status("", "Service", api::string_at(service, {"metadata", "name"}));
    }
  };

  static NumberPool make_addresses(const api::IpPrefix& range) {
    // Without the addresses of the network itself and of its broadcasts.
    const std::uint32_t base = range.network().v4_value();
    const std::uint32_t size = (std::uint32_t{1} << (32 - range.length())) - 2;
    return {base + 1, base + size, band(size, kAddressBandShare, kAddressBandMin, kAddressBandMax)};
  }

  void fill() {
    if (filled_) return;
    filled_ = true;
    caches_.find(api::resource_of<Service>())
        ->state()
        .objects.each_from({}, [&](const api::ObjectPtr& object) {
          const Holding holding = holding_of(object.get());
          for (const auto address : holding.addresses) addresses_.try_take(address);
          for (const auto port : holding.ports) ports_.try_take(port);
          return true;
        });
  }

  void give_back(const Holding& holding) {
    for (const auto address : holding.addresses) addresses_.release(address);
    for (const auto port : holding.ports) ports_.release(port);
  }

  Result<void> give(Attempt& attempt) {
    if (spec_text(attempt.service, "type") == "ExternalName") return {};
    TRY_OK(set_families(attempt));
    TRY_OK(give_address(attempt));
    TRY_OK(give_ports(attempt));
    return give_health_port(attempt);
  }

  // The cluster has one family of addresses.
  static Result<void> set_families(Attempt& attempt) {
    api::Document& service = attempt.service;
    auto& spec = api::object_at(service, {"spec"});
    const bool headless = spec_text(service, "clusterIP") == kHeadless;
    const auto* selector = api::find_at(service, {"spec", "selector"});
    const bool selectorless =
        selector == nullptr || !selector->is_object() || selector->get_object().empty();
    const bool both = headless && selectorless;
    if (spec_text(service, "ipFamilyPolicy").empty()) {
      spec["ipFamilyPolicy"] = both ? "RequireDualStack" : "SingleStack";
    }
    const bool dual = spec_text(service, "ipFamilyPolicy") != "SingleStack";
    api::FieldErrors errors;
    if (!both) {
      if (spec_text(service, "ipFamilyPolicy") == "RequireDualStack") {
        errors.invalid("spec.ipFamilyPolicy", "RequireDualStack",
                       "this cluster is not configured for dual-stack services");
      }
      if (has_list(service, "ipFamilies")) {
        const auto& families = api::find_at(service, {"spec", "ipFamilies"})->get_array();
        for (std::size_t i = 0; i < families.size(); ++i) {
          if (families[i] == "IPv4") continue;
          errors.invalid(api::FieldPath("spec.ipFamilies").index(i), families[i],
                         "not configured on this cluster");
        }
      }
    }
    if (!errors.empty()) return fail(attempt.invalid(errors));
    if (!has_list(service, "ipFamilies")) {
      json::array families{"IPv4"};
      if (both && dual) families.emplace_back("IPv6");
      spec["ipFamilies"] = std::move(families);
    }
    return {};
  }

  Result<void> give_address(Attempt& attempt) {
    auto& spec = api::object_at(attempt.service, {"spec"});
    std::string wanted(spec_text(attempt.service, "clusterIP"));
    if (wanted.empty() && has_list(attempt.service, "clusterIPs")) {
      const auto& first = api::find_at(attempt.service, {"spec", "clusterIPs"})->get_array()[0];
      if (first.is_string()) wanted = first.get_string();
    }
    if (wanted == kHeadless) {
      spec["clusterIP"] = kHeadless;
      spec["clusterIPs"] = json::array{json::string(kHeadless)};
      return {};
    }
    std::uint32_t number = 0;
    if (wanted.empty()) {
      const auto found = addresses_.take(random_);
      if (!found) {
        return fail(Status::internal("failed to allocate a serviceIP: range is full"));
      }
      number = *found;
      attempt.taken.addresses.push_back(number);
      wanted = api::IpAddress::v4(number).text();
    } else {
      TRY_OK(take_wanted(attempt, wanted));
    }
    spec["clusterIP"] = wanted;
    spec["clusterIPs"] = json::array{json::string(wanted)};
    return {};
  }

  Result<void> take_wanted(Attempt& attempt, const std::string& wanted) {
    const auto address = api::IpAddress::parse(wanted, true);
    const auto refuse = [&](const std::string& why) {
      api::FieldErrors errors;
      errors.invalid("spec.clusterIPs", std::vector<std::string>{wanted},
                     "failed to allocate IP " + wanted + ": " + why);
      return fail(attempt.invalid(errors));
    };
    if (address && address->is_v4() && holds(attempt.before.addresses, address->v4_value())) {
      return {};
    }
    if (!address || !address->is_v4() || !addresses_.contains(address->v4_value())) {
      return refuse("the provided IP (" + wanted +
                    ") is not in the valid range. The range of valid IPs is " + range_.text());
    }
    if (!addresses_.try_take(address->v4_value()))
      return refuse("provided IP is already allocated");
    attempt.taken.addresses.push_back(address->v4_value());
    return {};
  }

  Result<void> give_ports(Attempt& attempt) {
    auto* ports = api::find_at(attempt.service, {"spec", "ports"});
    if (ports == nullptr || !ports->is_array()) return {};
    const bool wants = wants_node_ports(attempt.service);
    const auto type = spec_text(attempt.service, "type");
    if (type != "NodePort" && type != "LoadBalancer") return {};
    auto& list = ports->get_array();
    // Those that were asked for first, so that none of them is given to another port.
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::int64_t port = int_at(list[i], {"nodePort"});
      if (port == 0) continue;
      TRY_OK(take_port(attempt, port, api::FieldPath("spec.ports").index(i).child("nodePort")));
    }
    if (!wants) return {};
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!list[i].is_object() || int_at(list[i], {"nodePort"}) != 0) continue;
      // One number for both protocols of a port, as DNS has it; upstream does so too.
      std::int64_t number = shared_port(list, i);
      if (number == 0) {
        const auto found = ports_.take(random_);
        if (!found) {
          return fail(Status::internal("failed to allocate a nodePort: range is full"));
        }
        attempt.taken.ports.push_back(*found);
        number = *found;
      }
      list[i].get_object()["nodePort"] = number;
    }
    return {};
  }

  static std::int64_t shared_port(const json::array& list, std::size_t index) {
    const std::int64_t port = int_at(list[index], {"port"});
    for (std::size_t i = 0; i < index; ++i) {
      if (int_at(list[i], {"port"}) != port) continue;
      const std::int64_t number = int_at(list[i], {"nodePort"});
      // The same number twice for one protocol would be two ports on one socket.
      const auto protocol = api::string_at(list[index], {"protocol"});
      const bool clashes = std::ranges::any_of(list, [&](const json::value& other) {
        return int_at(other, {"nodePort"}) == number &&
               api::string_at(other, {"protocol"}) == protocol;
      });
      if (number != 0 && !clashes) return number;
    }
    return 0;
  }

  Result<void> take_port(Attempt& attempt, std::int64_t port, const api::FieldPath& field) {
    const auto number = static_cast<std::uint32_t>(port);
    if (holds(attempt.before.ports, number) || holds(attempt.taken.ports, number)) return {};
    api::FieldErrors errors;
    if (port < 0 || !ports_.contains(number)) {
      errors.invalid(
          field, port,
          "provided port is not in the valid range. The range of valid ports is " + port_range_);
    } else if (!ports_.try_take(number)) {
      errors.invalid(field, port, "provided port is already allocated");
    }
    if (!errors.empty()) return fail(attempt.invalid(errors));
    attempt.taken.ports.push_back(number);
    return {};
  }

  Result<void> give_health_port(Attempt& attempt) {
    if (!wants_health_port(attempt.service)) return {};
    const std::int64_t port = int_at(attempt.service, {"spec", "healthCheckNodePort"});
    if (port != 0) return take_port(attempt, port, "spec.healthCheckNodePort");
    const auto found = ports_.take(random_);
    if (!found) {
      return fail(Status::internal("failed to allocate a HealthCheck NodePort: range is full"));
    }
    attempt.taken.ports.push_back(*found);
    api::object_at(attempt.service, {"spec"})["healthCheckNodePort"] = std::int64_t{*found};
    return {};
  }

  CacheSet& caches_;
  Random& random_;
  const api::IpPrefix range_;

  std::mutex mutex_;
  NumberPool addresses_, ports_;
  const std::string port_range_;
  bool filled_ = false;
};

}  // namespace

std::unique_ptr<Allocation> make_service_allocation(CacheSet& caches, Random& random,
                                                    const ClusterSettings& settings) {
  return std::make_unique<ServiceAllocation>(caches, random, settings);
}

}  // namespace keelson::apiserver
