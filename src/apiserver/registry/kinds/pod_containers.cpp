// SPDX-License-Identifier: Apache-2.0
// Containers of all three sorts: names, ports, environment, mounts, resources, probes, hooks.
#include <algorithm>

#include "api/names.h"
#include "apiserver/registry/kinds/pod_spec.h"
#include "apiserver/registry/kinds/resource_names.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::Container;

void check_ports(const std::vector<core::v1::ContainerPort>& ports, bool host_network,
                 const FieldPath& path, FieldErrors& errors) {
  NameSet names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const auto& port = ports[i];
    const FieldPath at = path.index(i);
    if (!port.name.empty()) {
      const auto messages = api::validate_port_name(port.name);
      if (!messages.empty()) {
        errors.invalid_each(at.child("name"), port.name, messages);
      } else if (!names.insert(port.name).second) {
        errors.duplicate(at.child("name"), port.name);
      }
    }
    if (port.containerPort == 0) {
      errors.required(at.child("containerPort"));
    } else {
      errors.invalid_each(at.child("containerPort"), port.containerPort,
                          api::validate_port_number(port.containerPort));
    }
    if (port.hostPort != 0) {
      errors.invalid_each(at.child("hostPort"), port.hostPort,
                          api::validate_port_number(port.hostPort));
    }
    if (port.protocol.empty()) errors.required(at.child("protocol"));
    if (host_network && port.hostPort != 0 && port.hostPort != port.containerPort) {
      errors.invalid(at.child("containerPort"), port.containerPort,
                     "must match `hostPort` when `hostNetwork` is true");
    }
  }
}

void check_key(const std::string& name, const std::string& key, const FieldPath& path,
               FieldErrors& errors) {
  errors.invalid_each(path.child("name"), name, api::name_is_dns_subdomain(name, false));
  if (key.empty()) {
    errors.required(path.child("key"));
  } else {
    errors.invalid_each(path.child("key"), key, api::validate_config_map_key(key));
  }
}

void check_field(const core::v1::ObjectFieldSelector& field, const FieldPath& path,
                 FieldErrors& errors) {
  const FieldPath at = path.child("fieldPath");
  if (field.apiVersion.empty()) {
    errors.required(path.child("apiVersion"));
    return;
  }
  if (field.fieldPath.empty()) {
    errors.required(at);
    return;
  }
  const std::string_view text = field.fieldPath;
  if ((text.starts_with("metadata.labels['") || text.starts_with("metadata.annotations['")) &&
      text.ends_with("']")) {
    return;
  }
  constexpr std::string_view kFields[] = {"metadata.name",
                                          "metadata.namespace",
                                          "metadata.uid",
                                          "spec.nodeName",
                                          "spec.serviceAccountName",
                                          "status.hostIP",
                                          "status.hostIPs",
                                          "status.podIP",
                                          "status.podIPs"};
  // Known to the API, but not as variables.
  constexpr std::string_view kOtherFields[] = {"metadata.annotations", "metadata.labels",
                                               "spec.restartPolicy", "spec.schedulerName",
                                               "status.phase"};
  if (std::ranges::find(kFields, text) != std::end(kFields)) return;
  if (std::ranges::find(kOtherFields, text) != std::end(kOtherFields)) {
    errors.not_supported(at, text, kFields);
  } else {
    errors.invalid(at, text,
                   "error converting fieldPath: field label not supported: " + field.fieldPath);
  }
}

void check_source(const core::v1::EnvVar& variable, const FieldPath& path, FieldErrors& errors) {
  const auto& from = *variable.valueFrom;
  int sources = 0;
  if (from.fieldRef) {
    ++sources;
    check_field(*from.fieldRef, path.child("fieldRef"), errors);
  }
  if (from.resourceFieldRef) ++sources;
  if (from.configMapKeyRef) {
    ++sources;
    check_key(from.configMapKeyRef->name, from.configMapKeyRef->key, path.child("configMapKeyRef"),
              errors);
  }
  if (from.secretKeyRef) {
    ++sources;
    check_key(from.secretKeyRef->name, from.secretKeyRef->key, path.child("secretKeyRef"), errors);
  }
  if (from.fileKeyRef) ++sources;
  if (sources == 0) {
    errors.invalid(path, "",
                   "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or "
                   "`secretKeyRef`");
  } else if (!variable.value.empty()) {
    errors.invalid(path, "", "may not be specified when `value` is not empty");
  } else if (sources > 1) {
    errors.invalid(path, "", "may not have more than one field specified at a time");
  }
}

template <class C>
void check_environment(const C& container, const FieldPath& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < container.env.size(); ++i) {
    const auto& variable = container.env[i];
    const FieldPath at = path.child("env").index(i);
    if (variable.name.empty()) {
      errors.required(at.child("name"));
    } else {
      errors.invalid_each(at.child("name"), variable.name,
                          api::validate_relaxed_env_var_name(variable.name));
    }
    if (variable.valueFrom) check_source(variable, at.child("valueFrom"), errors);
  }
  for (std::size_t i = 0; i < container.envFrom.size(); ++i) {
    const auto& from = container.envFrom[i];
    const FieldPath at = path.child("envFrom").index(i);
    if (!from.prefix.empty()) {
      errors.invalid_each(at.child("prefix"), from.prefix,
                          api::validate_relaxed_env_var_name(from.prefix));
    }
    const auto check_name = [&](const std::string& name, std::string_view member) {
      errors.invalid_each(at.child(member, "name"), name, api::name_is_dns_subdomain(name, false));
    };
    if (from.configMapRef) check_name(from.configMapRef->name, "configMapRef");
    if (from.secretRef) check_name(from.secretRef->name, "secretRef");
    if (!from.configMapRef && !from.secretRef) {
      errors.invalid(at, "", "must specify one of: `configMapRef` or `secretRef`");
    } else if (from.configMapRef && from.secretRef) {
      errors.invalid(at, "", "may not have more than one field specified at a time");
    }
  }
}

template <class C>
void check_mounts(const C& container, const NameSet& volumes, const FieldPath& path,
                  FieldErrors& errors) {
  NameSet points;
  const bool privileged =
      container.securityContext && container.securityContext->privileged.value_or(false);
  for (std::size_t i = 0; i < container.volumeMounts.size(); ++i) {
    const auto& mount = container.volumeMounts[i];
    const FieldPath at = path.child("volumeMounts").index(i);
    if (mount.name.empty()) {
      errors.required(at.child("name"));
    } else if (!volumes.contains(mount.name)) {
      errors.not_found(at.child("name"), mount.name);
    }
    if (mount.mountPath.empty()) {
      errors.required(at.child("mountPath"));
    } else if (!points.insert(mount.mountPath).second) {
      errors.invalid(at.child("mountPath"), mount.mountPath, "must be unique");
    }
    if (!mount.subPath.empty()) {
      validate_descending_path(mount.subPath, at.child("subPath"), errors);
    }
    if (!mount.subPathExpr.empty()) {
      if (!mount.subPath.empty()) {
        errors.invalid(at.child("subPathExpr"), mount.subPathExpr,
                       "subPathExpr and subPath are mutually exclusive");
      }
      validate_descending_path(mount.subPathExpr, at.child("subPathExpr"), errors);
    }
    if (mount.mountPropagation == "Bidirectional" && !privileged) {
      errors.forbidden(at.child("mountPropagation"),
                       "Bidirectional mount propagation is available only to privileged "
                       "containers");
    }
  }
}

bool is_huge_pages(std::string_view name) { return name.starts_with(podspec::kHugePagesPrefix); }

void check_amount(const std::string& name, const api::Quantity& amount, const FieldPath& path,
                  FieldErrors& errors) {
  check_container_resource_name(name, path, errors);
  check_resource_amount(name, amount, path, errors);
  if (!is_huge_pages(name)) return;
  const auto page = api::Quantity::parse(name.substr(podspec::kHugePagesPrefix.size()));
  if (!page || page->sign() <= 0 || page->milli_value() % 1000 != 0 ||
      amount.value() % page->value() != 0) {
    errors.invalid(path, amount.text(),
                   amount.text() + " is not positive integer multiple of " + name);
  }
}

void check_resources(const core::v1::ResourceRequirements& resources, const FieldPath& path,
                     FieldErrors& errors) {
  for (const auto& [name, amount] : resources.limits) {
    check_amount(name, amount, path.child("limits").key(name), errors);
  }
  for (const auto& [name, amount] : resources.requests) {
    check_amount(name, amount, path.child("requests").key(name), errors);
    const auto limit = resources.limits.find(name);
    if (limit == resources.limits.end()) {
      if (!may_overcommit(name)) {
        errors.required(path.child("limits"), "Limit must be set for non overcommitable resources");
      }
    } else if (!may_overcommit(name) && amount.nano_value() != limit->second.nano_value()) {
      errors.invalid(path.child("requests"), amount.text(),
                     "must be equal to " + name + " limit of " + limit->second.text());
    } else if (amount.nano_value() > limit->second.nano_value()) {
      errors.invalid(path.child("requests"), amount.text(),
                     "must be less than or equal to " + name + " limit of " + limit->second.text());
    }
  }
  const auto named = [&](auto matches) {
    const auto by_name = [&](const auto& entry) { return matches(std::string_view(entry.first)); };
    return std::ranges::any_of(resources.limits, by_name) ||
           std::ranges::any_of(resources.requests, by_name);
  };
  const auto is_main = [](std::string_view name) {
    return name == podspec::kCpu || name == podspec::kMemory;
  };
  if (named(is_huge_pages) && !named(is_main)) {
    errors.forbidden(path, "HugePages require cpu or memory");
  }
}

void check_port(const api::IntOrString& port, const FieldPath& path, FieldErrors& errors) {
  if (port.is_int()) {
    errors.invalid_each(path, port.int_value(), api::validate_port_number(port.int_value()));
  } else {
    errors.invalid_each(path, port.string_value(), api::validate_port_name(port.string_value()));
  }
}

// What a probe and a lifecycle hook have in common; `others`: handlers that only one of them has.
template <class Handler>
void check_handler(const Handler& handler, bool other, const FieldPath& path, FieldErrors& errors) {
  int handlers = other ? 1 : 0;
  const auto one_more = [&](std::string_view name) {
    if (handlers++ > 0) {
      errors.forbidden(path.child(name), "may not specify more than 1 handler type");
      return false;
    }
    return true;
  };
  if (handler.exec && one_more("exec") && handler.exec->command.empty()) {
    errors.required(path.child("exec", "command"));
  }
  if (handler.httpGet && one_more("httpGet")) {
    const FieldPath at = path.child("httpGet");
    if (handler.httpGet->path.empty()) errors.required(at.child("path"));
    check_port(handler.httpGet->port, at.child("port"), errors);
    for (const auto& header : handler.httpGet->httpHeaders) {
      errors.invalid_each(at.child("httpHeaders"), header.name,
                          api::validate_http_header_name(header.name));
    }
  }
  if (handler.tcpSocket && one_more("tcpSocket")) {
    check_port(handler.tcpSocket->port, path.child("tcpSocket", "port"), errors);
  }
  if (handlers == 0) errors.required(path, "must specify a handler type");
}

enum class ProbeUse : std::uint8_t { Liveness, Readiness, Startup };

void check_probe(const core::v1::Probe& probe, ProbeUse use, const FieldPath& path,
                 FieldErrors& errors) {
  if (probe.grpc) {
    errors.invalid_each(path.child("grpc", "port"), probe.grpc->port,
                        api::validate_port_number(probe.grpc->port));
  }
  check_handler(probe, probe.grpc.has_value(), path, errors);
  const std::pair<std::string_view, std::int32_t> numbers[] = {
      {"initialDelaySeconds", probe.initialDelaySeconds},
      {"timeoutSeconds", probe.timeoutSeconds},
      {"periodSeconds", probe.periodSeconds},
      {"successThreshold", probe.successThreshold},
      {"failureThreshold", probe.failureThreshold}};
  for (const auto& [name, value] : numbers) {
    if (value < 0) errors.invalid(path.child(name), value, api::kNegativeMessage);
  }
  if (probe.terminationGracePeriodSeconds && *probe.terminationGracePeriodSeconds <= 0) {
    errors.invalid(path.child("terminationGracePeriodSeconds"),
                   *probe.terminationGracePeriodSeconds, "must be greater than 0");
  }
  if (use == ProbeUse::Readiness) {
    if (probe.terminationGracePeriodSeconds) {
      errors.invalid(path.child("terminationGracePeriodSeconds"),
                     *probe.terminationGracePeriodSeconds, "must not be set for readinessProbes");
    }
  } else if (probe.successThreshold != 1) {
    errors.invalid(path.child("successThreshold"), probe.successThreshold, "must be 1");
  }
}

// Probes and hooks; containers of other sorts have none.
void check_life(const Container& container, const FieldPath& path, FieldErrors& errors) {
  if (container.lifecycle) {
    const FieldPath at = path.child("lifecycle");
    const auto check = [&](const api::Box<core::v1::LifecycleHandler>& hook,
                           std::string_view name) {
      if (hook) check_handler(*hook, hook->sleep.has_value(), at.child(name), errors);
    };
    check(container.lifecycle->postStart, "postStart");
    check(container.lifecycle->preStop, "preStop");
  }
  const auto check = [&](const api::Box<core::v1::Probe>& probe, ProbeUse use,
                         std::string_view name) {
    if (probe) check_probe(*probe, use, path.child(name), errors);
  };
  check(container.livenessProbe, ProbeUse::Liveness, "livenessProbe");
  check(container.readinessProbe, ProbeUse::Readiness, "readinessProbe");
  check(container.startupProbe, ProbeUse::Startup, "startupProbe");
}

void forbid_life(const auto& container, std::string_view why, const FieldPath& path,
                 FieldErrors& errors) {
  if (container.lifecycle) errors.forbidden(path.child("lifecycle"), why);
  if (container.livenessProbe) errors.forbidden(path.child("livenessProbe"), why);
  if (container.readinessProbe) errors.forbidden(path.child("readinessProbe"), why);
  if (container.startupProbe) errors.forbidden(path.child("startupProbe"), why);
}

void check_security(const core::v1::SecurityContext& context, const FieldPath& path,
                    FieldErrors& errors) {
  if (context.runAsUser) {
    errors.invalid_each(path.child("runAsUser"), *context.runAsUser,
                        api::validate_user_id(*context.runAsUser));
  }
  if (context.runAsGroup) {
    errors.invalid_each(path.child("runAsGroup"), *context.runAsGroup,
                        api::validate_group_id(*context.runAsGroup));
  }
  if (context.allowPrivilegeEscalation && !*context.allowPrivilegeEscalation) {
    if (context.privileged.value_or(false)) {
      errors.invalid(path, nullptr,
                     "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    }
    if (context.capabilities) {
      for (const auto& capability : context.capabilities->add) {
        if (capability == "CAP_SYS_ADMIN") {
          errors.invalid(path, nullptr,
                         "cannot set `allowPrivilegeEscalation` to false and "
                         "`capabilities.Add` CAP_SYS_ADMIN");
        }
      }
    }
  }
}

template <class C>
void check_container(const C& container, const core::v1::PodSpec& spec, const NameSet& volumes,
                     NameSet& names, const FieldPath& path, FieldErrors& errors) {
  if (container.name.empty()) {
    errors.required(path.child("name"));
  } else {
    const auto messages = api::validate_dns1123_label(container.name);
    errors.invalid_each(path.child("name"), container.name, messages);
    if (messages.empty() && !names.insert(container.name).second) {
      errors.duplicate(path.child("name"), container.name);
    }
  }
  if (container.image.empty()) errors.required(path.child("image"));
  check_ports(container.ports, spec.hostNetwork, path.child("ports"), errors);
  check_environment(container, path, errors);
  check_mounts(container, volumes, path, errors);
  check_resources(container.resources, path.child("resources"), errors);
  if (container.securityContext) {
    check_security(*container.securityContext, path.child("securityContext"), errors);
  }
}

void check_host_ports(const std::vector<Container>& containers, const FieldPath& path,
                      FieldErrors& errors) {
  NameSet taken;
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const auto& ports = containers[i].ports;
    for (std::size_t j = 0; j < ports.size(); ++j) {
      if (ports[j].hostPort == 0) continue;
      const std::string text =
          ports[j].protocol + "/" + ports[j].hostIP + "/" + std::to_string(ports[j].hostPort);
      if (!taken.insert(text).second) {
        errors.duplicate(path.index(i).child("ports").index(j).child("hostPort"), text);
      }
    }
  }
}

}  // namespace

FieldErrors validate_containers(const core::v1::PodSpec& spec, const NameSet& volumes,
                                const FieldPath& path) {
  FieldErrors errors;
  NameSet names;
  const FieldPath containers = path.child("containers");
  if (spec.containers.empty()) errors.required(containers);
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    check_container(spec.containers[i], spec, volumes, names, containers.index(i), errors);
    check_life(spec.containers[i], containers.index(i), errors);
  }
  check_host_ports(spec.containers, containers, errors);
  for (std::size_t i = 0; i < spec.initContainers.size(); ++i) {
    const FieldPath at = path.child("initContainers").index(i);
    check_container(spec.initContainers[i], spec, volumes, names, at, errors);
    if (podspec::is_sidecar(spec.initContainers[i])) {
      check_life(spec.initContainers[i], at, errors);
    } else {
      forbid_life(spec.initContainers[i],
                  "may not be set for init containers without restartPolicy=Always", at, errors);
    }
  }
  for (std::size_t i = 0; i < spec.ephemeralContainers.size(); ++i) {
    const auto& container = spec.ephemeralContainers[i];
    const FieldPath at = path.child("ephemeralContainers").index(i);
    check_container(container, spec, volumes, names, at, errors);
    const auto is_target = [&](const Container& other) {
      return other.name == container.targetContainerName;
    };
    if (!container.targetContainerName.empty() &&
        std::ranges::none_of(spec.containers, is_target) &&
        std::ranges::none_of(spec.initContainers, is_target)) {
      errors.not_found(at.child("targetContainerName"), container.targetContainerName);
    }
    forbid_life(container, "cannot be set for an Ephemeral Container", at, errors);
  }
  return errors;
}

}  // namespace keelson::apiserver
