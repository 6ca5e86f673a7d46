// SPDX-License-Identifier: Apache-2.0
#include "kubelet/field_path.h"

#include "api/quote.h"

namespace keelson::kubelet {

namespace {

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += ',';
    out += part;
  }
  return out;
}

std::string lines(const std::map<std::string, std::string, std::less<>>& map) {
  std::string out;
  for (const auto& [key, value] : map) {
    if (!out.empty()) out += '\n';
    out += key + "=" + api::quoted(value);
  }
  return out;
}

// The key of `prefix['key']`; nothing if `path` is not of that form.
std::optional<std::string_view> subscript(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  if (path.size() < 4 || !path.starts_with("['") || !path.ends_with("']")) return std::nullopt;
  return path.substr(2, path.size() - 4);
}

std::string entry(const std::map<std::string, std::string, std::less<>>& map,
                  std::string_view key) {
  const auto found = map.find(key);
  return found == map.end() ? std::string() : found->second;
}

}  // namespace

Result<std::string> field_value(const v1::Pod& pod, std::string_view path, const NodeValues& node) {
  if (const auto key = subscript(path, "metadata.labels")) return entry(pod.metadata.labels, *key);
  if (const auto key = subscript(path, "metadata.annotations")) {
    return entry(pod.metadata.annotations, *key);
  }
  if (path == "metadata.name") return pod.metadata.name;
  if (path == "metadata.namespace") return pod.metadata.namespace_;
  if (path == "metadata.uid") return pod.metadata.uid;
  if (path == "metadata.labels") return lines(pod.metadata.labels);
  if (path == "metadata.annotations") return lines(pod.metadata.annotations);
  if (path == "spec.nodeName") return node.node_name;
  if (path == "spec.serviceAccountName") return pod.spec.serviceAccountName;
  if (path == "status.hostIP") return node.host_ips.empty() ? std::string() : node.host_ips[0];
  if (path == "status.hostIPs") return join(node.host_ips);
  if (path == "status.podIP") return node.pod_ips.empty() ? std::string() : node.pod_ips[0];
  if (path == "status.podIPs") return join(node.pod_ips);
  return fail(Status::bad_request("unsupported fieldPath: " + std::string(path)));
}

Result<std::string> resource_value(const v1::Pod& pod, const v1::ResourceFieldSelector& selector,
                                   std::string_view default_container, const NodeValues& node) {
  const std::string_view name =
      selector.containerName.empty() ? default_container : std::string_view(selector.containerName);
  const v1::Container* container = find_container(pod, name);
  if (!container) {
    return fail(Status::bad_request("container " + std::string(name) + " not found"));
  }
  std::string_view resource = selector.resource;
  const bool of_limits = resource.starts_with("limits.");
  if (!of_limits && !resource.starts_with("requests.")) {
    return fail(Status::bad_request("unsupported container resource : " + selector.resource));
  }
  resource.remove_prefix(resource.find('.') + 1);
  const bool known = resource == "cpu" || resource == "memory" || resource == "ephemeral-storage" ||
                     resource.starts_with("hugepages-");
  if (!known) {
    return fail(Status::bad_request("unsupported container resource : " + selector.resource));
  }

  api::Quantity amount;
  const auto& list = of_limits ? container->resources.limits : container->resources.requests;
  if (const auto found = list.find(resource); found != list.end()) {
    amount = found->second;
  } else if (of_limits) {
    if (const auto all = node.allocatable.find(resource); all != node.allocatable.end()) {
      amount = all->second;
    }
  }
  // Rounded up, as upstream does: whole cores (or whatever the divisor says), whole bytes.
  __int128 divisor = selector.divisor.nano_value();
  if (divisor <= 0) divisor = 1'000'000'000;
  const __int128 quotient = (amount.nano_value() + divisor - 1) / divisor;
  return std::to_string(static_cast<std::int64_t>(quotient));
}

}  // namespace keelson::kubelet
