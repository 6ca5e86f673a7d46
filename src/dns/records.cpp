// SPDX-License-Identifier: Apache-2.0
#include "dns/records.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "api/ip.h"
#include "base/ascii.h"

namespace keelson::dns {
namespace {

using core::v1::Service;
using discovery::v1::Endpoint;
using discovery::v1::EndpointSlice;

constexpr std::uint32_t kTtl = 5;  // Short: endpoints come and go.
constexpr std::string_view kByAddress = "address", kByService = "service";
constexpr std::string_view kServiceName = "kubernetes.io/service-name";

bool is_headless(const Service& service) { return service.spec.clusterIP == "None"; }

// Cuts the last label off `name` and returns it.
std::string_view pop_label(std::string_view& name) {
  const auto dot = name.rfind('.');
  const std::string_view label = dot == std::string_view::npos ? name : name.substr(dot + 1);
  name = dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
  return label;
}

void add_address(std::vector<Record>& to, const std::string& name, const std::string& ip,
                 const Query* query) {
  auto data = address_data(ip);
  if (!data) return;
  const Type type = data->size() == 4 ? Type::A : Type::Aaaa;
  if (query && !query->is_for(type)) return;
  to.push_back({name, type, kTtl, std::move(*data)});
}

// The name of an endpoint within its service: its hostname, or its address with dashes.
std::string endpoint_host(const Endpoint& endpoint) {
  if (endpoint.hostname && !endpoint.hostname->empty()) return *endpoint.hostname;
  std::string text = endpoint.addresses.empty() ? "" : endpoint.addresses.front();
  std::ranges::replace(text, '.', '-');
  std::ranges::replace(text, ':', '-');
  return text;
}

bool is_listed(const Endpoint& endpoint) {
  return endpoint.conditions.ready.value_or(true) && !endpoint.addresses.empty();
}

// "10.0.43.10.in-addr.arpa" is 10.43.0.10; nothing for other names.
std::optional<std::string> reverse_address(std::string_view name) {
  std::string address;
  if (name.ends_with(".in-addr.arpa")) {
    name.remove_suffix(13);
    for (int i = 0; i < 4; ++i) {
      const std::string_view label = pop_label(name);
      int number = -1;
      const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), number);
      if (error != std::errc() || end != label.data() + label.size() || number < 0 || number > 255)
        return std::nullopt;
      if (i) address += '.';
      address += label;
    }
    return name.empty() ? std::optional(address) : std::nullopt;
  }
  if (name.ends_with(".ip6.arpa")) {
    name.remove_suffix(9);
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < 32; ++i) {
      const std::string_view label = pop_label(name);
      unsigned digit = 0;
      const char* stop = std::from_chars(label.data(), label.data() + label.size(), digit, 16).ptr;
      if (label.size() != 1 || stop != label.data() + 1) return std::nullopt;
      bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] << 4 | digit);
    }
    return name.empty() ? std::optional(api::IpAddress::v6(bytes).text()) : std::nullopt;
  }
  return std::nullopt;
}

// As reverse_address() spells it.
std::string canonical(const std::string& ip) {
  const auto address = api::IpAddress::parse(ip);
  return address ? address->text() : ip;
}

bool has_addresses(const EndpointSlice& slice) { return slice.addressType != "FQDN"; }

}  // namespace

Records::Records(client::InformerSet& informers, std::string cluster_domain)
    : services_(informers.of<Service>()),
      slices_(informers.of<EndpointSlice>()),
      namespaces_(informers.of<core::v1::Namespace>()),
      domain_(std::move(cluster_domain)) {
  services_.add_index(std::string(kByAddress), [](const api::Object& object) {
    const Service& service = object.as<Service>();
    std::vector<std::string> addresses;
    if (is_headless(service)) return addresses;
    for (const auto& ip : service.spec.clusterIPs) addresses.push_back(canonical(ip));
    return addresses;
  });
  slices_.add_index(std::string(kByService), [](const api::Object& object) {
    const std::string* service = object.find_label(kServiceName);
    return service ? std::vector{object.namespace_() + "/" + *service} : std::vector<std::string>();
  });
  slices_.add_index(std::string(kByAddress), [](const api::Object& object) {
    std::vector<std::string> addresses;
    for (const auto& endpoint : object.as<EndpointSlice>().endpoints) {
      if (!endpoint.hostname) continue;
      for (const auto& ip : endpoint.addresses) addresses.push_back(canonical(ip));
    }
    return addresses;
  });
}

std::string Records::service_name(const Service& service) const {
  return service.metadata.name + "." + service.metadata.namespace_ + ".svc." + domain_;
}

Record Records::soa() const {
  return {domain_, Type::Soa, kTtl,
          soa_data("ns.dns." + domain_, "hostmaster." + domain_, 1, kTtl)};
}

Records::Slices Records::slices_of(const Service& service) const {
  return slices_.by_index<EndpointSlice>(kByService,
                                         service.metadata.namespace_ + "/" + service.metadata.name);
}

std::optional<Answer> Records::answer(const Query& query) const {
  std::string_view name = query.name;
  if (name.ends_with(".arpa")) return answer_reverse(query);
  if (name != domain_ && !(name.ends_with(domain_) && name.size() > domain_.size() &&
                           name[name.size() - domain_.size() - 1] == '.'))
    return std::nullopt;

  Answer answer;
  std::string_view relative =
      name == domain_ ? std::string_view() : name.substr(0, name.size() - domain_.size() - 1);
  if (relative.empty()) {
    if (query.is_for(Type::Soa)) answer.answers.push_back(soa());
    if (query.is_for(Type::Ns)) {
      answer.answers.push_back({domain_, Type::Ns, kTtl, name_data("ns.dns." + domain_)});
      add_name_server(answer.additional, nullptr);
    }
  } else if (relative == "dns-version") {
    if (query.is_for(Type::Txt))
      answer.answers.push_back({query.name, Type::Txt, kTtl, text_data("1.1.0")});
  } else {
    const std::string_view kind = pop_label(relative);
    if (kind == "svc") {
      answer_service(relative, query, answer);
    } else if (kind == "pod") {
      answer_pod(relative, query, answer);
    } else if (kind == "dns" && (relative.empty() || relative == "ns")) {
      if (!relative.empty()) add_name_server(answer.answers, &query);
    } else {
      answer.code = Code::NxDomain;
    }
  }
  if (answer.answers.empty()) answer.authority.push_back(soa());
  return answer;
}

void Records::add_name_server(std::vector<Record>& to, const Query* query) const {
  const auto service = services_.find<Service>({"kube-system", "kube-dns"});
  if (!service || is_headless(*service)) return;
  for (const auto& ip : service->spec.clusterIPs) add_address(to, "ns.dns." + domain_, ip, query);
}

// `relative` is what stands before ".svc.": "", "ns", "service.ns", "host.service.ns",
// "_port._protocol.service.ns".
void Records::answer_service(std::string_view relative, const Query& query, Answer& answer) const {
  if (relative.empty()) return;
  const std::string namespace_(pop_label(relative));
  if (relative.empty()) {
    if (!namespaces_.find({"", namespace_})) answer.code = Code::NxDomain;
    return;
  }
  const std::string name(pop_label(relative));
  const auto service = services_.find<Service>({namespace_, name});
  if (!service) {
    answer.code = Code::NxDomain;
    return;
  }
  const Slices slices = slices_of(*service);
  if (service->spec.type == "ExternalName") {
    if (!relative.empty()) {
      answer.code = Code::NxDomain;
    } else if (address_data(service->spec.externalName)) {
      add_address(answer.answers, query.name, service->spec.externalName, &query);
    } else {
      answer.answers.push_back(
          {query.name, Type::Cname, kTtl, name_data(lower_case(service->spec.externalName))});
    }
    return;
  }
  if (relative.starts_with("_")) {
    const std::string_view protocol = pop_label(relative);
    if (relative.empty() || !protocol.starts_with('_')) {
      answer.code = Code::NxDomain;
      return;
    }
    answer_srv(*service, slices, relative.substr(1), protocol.substr(1), query, answer);
  } else if (relative.empty() && !is_headless(*service)) {
    answer_cluster_ip(*service, query, answer);
  } else {
    answer_headless(*service, slices, relative, query, answer);
  }
}

void Records::answer_cluster_ip(const Service& service, const Query& query, Answer& answer) const {
  for (const auto& ip : service.spec.clusterIPs)
    add_address(answer.answers, query.name, ip, &query);
  if (!query.is_for(Type::Srv)) return;
  // Without a port's name: all of them.
  for (const auto& port : service.spec.ports)
    answer.answers.push_back({query.name, Type::Srv, kTtl,
                              srv_data(0, 100, static_cast<std::uint16_t>(port.port), query.name)});
}

void Records::answer_headless(const Service& service, const Slices& slices, std::string_view host,
                              const Query& query, Answer& answer) const {
  // A headless service that has nobody ready does not resolve.
  bool known = false;
  for (const auto& slice : slices) {
    if (!has_addresses(*slice)) continue;
    for (const auto& endpoint : slice->endpoints) {
      if (!is_listed(endpoint)) continue;
      if (!host.empty() && lower_case(endpoint_host(endpoint)) != host) continue;
      known = true;
      if (query.is_for(Type::Srv)) {
        const std::string target = endpoint_host(endpoint) + "." + service_name(service);
        for (const auto& port : slice->ports)
          answer.answers.push_back(
              {query.name, Type::Srv, kTtl,
               srv_data(0, 100, static_cast<std::uint16_t>(port.port.value_or(0)), target)});
        add_address(answer.additional, target, endpoint.addresses.front(), nullptr);
      } else {
        add_address(answer.answers, query.name, endpoint.addresses.front(), &query);
      }
    }
  }
  if (!known) answer.code = Code::NxDomain;
}

void Records::answer_srv(const Service& service, const Slices& slices, std::string_view port,
                         std::string_view protocol, const Query& query, Answer& answer) const {
  bool known = false;
  if (!is_headless(service)) {
    for (const auto& candidate : service.spec.ports) {
      if (lower_case(candidate.name) != port || lower_case(candidate.protocol) != protocol)
        continue;
      known = true;
      if (!query.is_for(Type::Srv)) continue;
      const std::string target = service_name(service);
      answer.answers.push_back(
          {query.name, Type::Srv, kTtl,
           srv_data(0, 100, static_cast<std::uint16_t>(candidate.port), target)});
      for (const auto& ip : service.spec.clusterIPs)
        add_address(answer.additional, target, ip, nullptr);
    }
  } else {
    for (const auto& slice : slices) {
      if (!has_addresses(*slice)) continue;
      for (const auto& candidate : slice->ports) {
        if (lower_case(candidate.name.value_or("")) != port ||
            lower_case(candidate.protocol.value_or("TCP")) != protocol)
          continue;
        for (const auto& endpoint : slice->endpoints) {
          if (!is_listed(endpoint)) continue;
          known = true;
          if (!query.is_for(Type::Srv)) continue;
          const std::string target = endpoint_host(endpoint) + "." + service_name(service);
          answer.answers.push_back(
              {query.name, Type::Srv, kTtl,
               srv_data(0, 100, static_cast<std::uint16_t>(candidate.port.value_or(0)), target)});
          add_address(answer.additional, target, endpoint.addresses.front(), nullptr);
        }
      }
    }
  }
  if (!known) answer.code = Code::NxDomain;
}

// "10-42-0-7.default": an address spelled out; it is not checked that there is such a pod.
void Records::answer_pod(std::string_view relative, const Query& query, Answer& answer) const {
  if (relative.empty()) return;
  const std::string namespace_(pop_label(relative));
  if (!namespaces_.find({"", namespace_})) {
    answer.code = Code::NxDomain;
    return;
  }
  if (relative.empty()) return;
  std::string ip(relative);
  std::ranges::replace(ip, '-', '.');
  if (!address_data(ip)) {
    ip = relative;
    std::ranges::replace(ip, '-', ':');
  }
  if (!address_data(ip)) {
    answer.code = Code::NxDomain;
    return;
  }
  add_address(answer.answers, query.name, ip, &query);
}

std::optional<Answer> Records::answer_reverse(const Query& query) const {
  const auto ip = reverse_address(query.name);
  if (!ip) return std::nullopt;
  Answer answer;
  const auto services = services_.by_index<Service>(kByAddress, *ip);
  for (const auto& service : services)
    answer.answers.push_back({query.name, Type::Ptr, kTtl, name_data(service_name(*service))});
  if (services.empty()) {
    for (const auto& slice : slices_.by_index<EndpointSlice>(kByAddress, *ip)) {
      const auto label = slice->metadata.labels.find(kServiceName);
      if (label == slice->metadata.labels.end()) continue;
      for (const auto& endpoint : slice->endpoints) {
        if (!endpoint.hostname || !is_listed(endpoint) ||
            std::ranges::find(endpoint.addresses, *ip, canonical) == endpoint.addresses.end())
          continue;
        answer.answers.push_back({query.name, Type::Ptr, kTtl,
                                  name_data(*endpoint.hostname + "." + label->second + "." +
                                            slice->metadata.namespace_ + ".svc." + domain_)});
      }
    }
  }
  // Not one of ours: somebody else may know.
  if (answer.answers.empty()) return std::nullopt;
  if (!query.is_for(Type::Ptr)) answer.answers.clear();
  return answer;
}

}  // namespace keelson::dns
