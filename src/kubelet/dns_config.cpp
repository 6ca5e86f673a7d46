// SPDX-License-Identifier: Apache-2.0
#include "kubelet/dns_config.h"

namespace keelson::kubelet {

namespace {

// Limits of upstream's validation, which more than cover those of libc.
constexpr std::size_t kServerLimit = 3;
constexpr std::size_t kSearchLimit = 32;
constexpr std::size_t kSearchCharacters = 2048;
constexpr std::size_t kHostnameLimit = 63;
constexpr std::size_t kKernelHostnameLimit = 64;

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  while (true) {
    const auto start = line.find_first_not_of(" \t\r");
    if (start == std::string_view::npos) return out;
    const auto end = line.find_first_of(" \t\r", start);
    out.push_back(line.substr(start, end == std::string_view::npos ? end : end - start));
    if (end == std::string_view::npos) return out;
    line.remove_prefix(end);
  }
}

void add_once(std::vector<std::string>& list, const std::string& item) {
  if (std::ranges::find(list, item) == list.end()) list.push_back(item);
}

void merge_options(std::vector<std::string>& list,
                   const std::vector<v1::PodDNSConfigOption>& added) {
  for (const auto& option : added) {
    std::erase_if(list, [&](const std::string& have) {
      return have == option.name || have.starts_with(option.name + ":");
    });
    const bool has_value = option.value && !option.value->empty();
    list.push_back(has_value ? option.name + ":" + *option.value : option.name);
  }
}

void hold_to_limits(ResolverConfig& config) {
  if (config.servers.size() > kServerLimit) config.servers.resize(kServerLimit);
  if (config.searches.size() > kSearchLimit) config.searches.resize(kSearchLimit);
  std::size_t characters = 0;
  for (std::size_t i = 0; i < config.searches.size(); ++i) {
    characters += config.searches[i].size() + 1;
    if (characters > kSearchCharacters + 1) {
      config.searches.resize(i);
      break;
    }
  }
}

void append_aliases(std::string& out, const std::vector<v1::HostAlias>& aliases) {
  if (aliases.empty()) return;
  out += "\n# Entries added by HostAliases.\n";
  for (const auto& alias : aliases) {
    out += alias.ip;
    for (const auto& name : alias.hostnames) out += "\t" + name;
    out += "\n";
  }
}

}  // namespace

ResolverConfig parse_resolv_conf(std::string_view text) {
  ResolverConfig config;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto fields = words(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (fields.size() < 2 || fields[0].starts_with('#') || fields[0].starts_with(';')) continue;
    if (fields[0] == "nameserver") config.servers.emplace_back(fields[1]);
    if (fields[0] == "search") {
      // The last line counts.
      config.searches.assign(fields.begin() + 1, fields.end());
    }
    if (fields[0] == "options") {
      config.options.insert(config.options.end(), fields.begin() + 1, fields.end());
    }
  }
  return config;
}

ResolverConfig pod_resolver(const v1::Pod& pod, const KubeletOptions& options,
                            const ResolverConfig& host) {
  std::string_view policy = pod.spec.dnsPolicy.empty() ? v1::DNSPolicy::ClusterFirst
                                                       : std::string_view(pod.spec.dnsPolicy);
  if (policy == v1::DNSPolicy::ClusterFirst && pod.spec.hostNetwork) {
    policy = v1::DNSPolicy::Default;
  }
  const bool cluster_first =
      policy == v1::DNSPolicy::ClusterFirst || policy == v1::DNSPolicy::ClusterFirstWithHostNet;
  ResolverConfig config;
  if (cluster_first && !options.cluster_dns.empty()) {
    config.servers = {options.cluster_dns};
    const std::string services = "svc." + options.cluster_domain;
    config.searches = {pod.metadata.namespace_ + "." + services, services, options.cluster_domain};
    for (const auto& search : host.searches) add_once(config.searches, search);
    config.options = {"ndots:5"};
  } else if (policy != v1::DNSPolicy::None) {
    config = host;
  }
  if (pod.spec.dnsConfig) {
    for (const auto& server : pod.spec.dnsConfig->nameservers) add_once(config.servers, server);
    for (const auto& search : pod.spec.dnsConfig->searches) add_once(config.searches, search);
    merge_options(config.options, pod.spec.dnsConfig->options);
  }
  hold_to_limits(config);
  return config;
}

PodHostname pod_hostname(const v1::Pod& pod, const KubeletOptions& options) {
  PodHostname out;
  if (pod.spec.hostnameOverride && !pod.spec.hostnameOverride->empty()) {
    out.name = *pod.spec.hostnameOverride;
    return out;
  }
  out.name = pod.spec.hostname.empty() ? pod.metadata.name : pod.spec.hostname;
  if (out.name.size() > kHostnameLimit) {
    out.name.resize(kHostnameLimit);
    while (out.name.ends_with('-') || out.name.ends_with('.')) out.name.pop_back();
  }
  if (!pod.spec.subdomain.empty()) {
    out.domain =
        pod.spec.subdomain + "." + pod.metadata.namespace_ + ".svc." + options.cluster_domain;
  }
  return out;
}

Result<std::string> kernel_hostname(const v1::Pod& pod, const PodHostname& hostname) {
  if (hostname.domain.empty() || !pod.spec.setHostnameAsFQDN.value_or(false)) return hostname.name;
  std::string full = hostname.name + "." + hostname.domain;
  if (full.size() > kKernelHostnameLimit) {
    return fail(Status::bad_request(
        "failed to construct FQDN from pod hostname and cluster domain, FQDN " + full +
        " is too long (" + std::to_string(kKernelHostnameLimit) + " characters is the max, " +
        std::to_string(full.size()) + " characters requested)"));
  }
  return full;
}

std::string hosts_file(const std::vector<std::string>& pod_ips, const PodHostname& hostname,
                       const std::vector<v1::HostAlias>& aliases) {
  std::string out =
      "# Kubernetes-managed hosts file.\n"
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n"
      "fe00::0\tip6-localnet\n"
      "fe00::0\tip6-mcastprefix\n"
      "fe00::1\tip6-allnodes\n"
      "fe00::2\tip6-allrouters\n";
  for (const auto& ip : pod_ips) {
    out += ip + "\t";
    if (!hostname.domain.empty()) out += hostname.name + "." + hostname.domain + "\t";
    out += hostname.name + "\n";
  }
  append_aliases(out, aliases);
  return out;
}

std::string hosts_file_of_node(std::string_view node_hosts,
                               const std::vector<v1::HostAlias>& aliases) {
  std::string out = "# Kubernetes-managed hosts file (host network).\n";
  out += node_hosts;
  append_aliases(out, aliases);
  return out;
}

}  // namespace keelson::kubelet
