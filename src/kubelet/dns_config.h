// SPDX-License-Identifier: Apache-2.0
// The resolver and the host names of a pod. Pure.
// Source: API reference, PodSpec.dnsPolicy, dnsConfig, hostname, subdomain; upstream network/dns.
#pragma once

#include <string>
#include <vector>

#include "kubelet/options.h"

namespace keelson::kubelet {

struct ResolverConfig {
  std::vector<std::string> servers, searches, options;
  bool operator==(const ResolverConfig&) const = default;
};

ResolverConfig parse_resolv_conf(std::string_view text);

// What the pod's /etc/resolv.conf says, by its policy. `host` is the node's.
ResolverConfig pod_resolver(const v1::Pod& pod, const KubeletOptions& options,
                            const ResolverConfig& host);

struct PodHostname {
  std::string name;
  std::string domain;  // "web.default.svc.cluster.local"; empty without subdomain.
};
PodHostname pod_hostname(const v1::Pod& pod, const KubeletOptions& options);
// What the kernel is to call the pod's machine: with the domain if setHostnameAsFQDN says so.
// Errors: BadRequest beyond the 64 characters that the kernel holds.
Result<std::string> kernel_hostname(const v1::Pod& pod, const PodHostname& hostname);

// /etc/hosts of a pod with its own network.
std::string hosts_file(const std::vector<std::string>& pod_ips, const PodHostname& hostname,
                       const std::vector<v1::HostAlias>& aliases);
// And of one on the node's network: that of the node with the aliases added.
std::string hosts_file_of_node(std::string_view node_hosts,
                               const std::vector<v1::HostAlias>& aliases);

}  // namespace keelson::kubelet
