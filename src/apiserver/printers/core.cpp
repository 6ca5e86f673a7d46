// SPDX-License-Identifier: Apache-2.0
#include "api/core/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using namespace core::v1;

constexpr std::size_t kEndpointsShown = 3;
constexpr std::string_view kOldStorageClass = "volume.beta.kubernetes.io/storage-class";

std::string storage_in(const std::map<std::string, api::Quantity, std::less<>>& quantities) {
  const auto found = quantities.find(std::string_view("storage"));
  return found == quantities.end() ? api::Quantity().text() : found->second.text();
}

std::string storage_class(const Labels& annotations, std::string_view field) {
  const auto old = annotations.find(kOldStorageClass);
  return old == annotations.end() ? std::string(field) : old->second;
}

Cells event_row(const Event& event, Wall now) {
  EventRow row{.object = event.involvedObject,
               .type = event.type,
               .reason = event.reason,
               .component = event.source.component.empty() ? event.reportingComponent
                                                           : event.source.component,
               .instance = event.source.host.empty() ? event.reportingInstance : event.source.host,
               .message = event.message,
               .name = event.metadata.name};
  row.first_seen =
      event.firstTimestamp.is_set() ? age(event.firstTimestamp, now) : age(event.eventTime, now);
  row.last_seen = event.lastTimestamp.is_set() ? age(event.lastTimestamp, now) : row.first_seen;
  row.count = std::max(event.count, 1);
  if (event.series) {
    row.last_seen = age(event.series->lastObservedTime, now);
    row.count = event.series->count;
  }
  return event_cells(row);
}

Cells component_status_cells(const ComponentStatus& component) {
  std::string_view status = "Unknown", message, error;
  for (const auto& condition : component.conditions) {
    if (condition.type != "Healthy") continue;
    status = condition.status == "True" ? "Healthy" : "Unhealthy";
    message = condition.message;
    error = condition.error;
    break;
  }
  return {component.metadata.name, status, message, error};
}

Cells config_map_cells(const ConfigMap& map, Wall now) {
  return {map.metadata.name, map.data.size() + map.binaryData.size(), age_of(map, now)};
}

// Address and port of each, "10.0.0.1:80".
std::string endpoints_text(const Endpoints& endpoints) {
  std::vector<std::string> shown;
  std::size_t count = 0;
  const auto add = [&](std::string endpoint) {
    ++count;
    if (shown.size() < kEndpointsShown) shown.push_back(std::move(endpoint));
  };
  for (const auto& subset : endpoints.subsets) {
    if (subset.ports.empty()) {
      for (const auto& address : subset.addresses) add(address.ip);
    }
    for (const auto& port : subset.ports) {
      for (const auto& address : subset.addresses) {
        const bool v6 = address.ip.find(':') != std::string::npos;
        add((v6 ? "[" + address.ip + "]" : address.ip) + ":" + std::to_string(port.port));
      }
    }
  }
  return or_else(join_some(std::move(shown), count, kEndpointsShown), kNone);
}

Cells endpoints_cells(const Endpoints& endpoints, Wall now) {
  return {endpoints.metadata.name, endpoints_text(endpoints), age_of(endpoints, now)};
}

Cells namespace_cells(const Namespace& value, Wall now) {
  return {value.metadata.name, value.status.phase, age_of(value, now)};
}

Cells claim_cells(const PersistentVolumeClaim& claim, Wall now) {
  const bool bound = !claim.spec.volumeName.empty();
  return {claim.metadata.name,
          claim.metadata.deletionTimestamp ? std::string("Terminating") : claim.status.phase,
          claim.spec.volumeName,
          bound ? storage_in(claim.status.capacity) : std::string(),
          bound ? access_modes(claim.status.accessModes) : std::string(),
          storage_class(claim.metadata.annotations, claim.spec.storageClassName.value_or("")),
          or_else(claim.spec.volumeAttributesClassName, kUnset),
          age_of(claim, now),
          or_else(claim.spec.volumeMode, kUnset)};
}

Cells volume_cells(const PersistentVolume& volume, Wall now) {
  const auto& claim = volume.spec.claimRef;
  return {volume.metadata.name,
          storage_in(volume.spec.capacity),
          access_modes(volume.spec.accessModes),
          volume.spec.persistentVolumeReclaimPolicy,
          volume.metadata.deletionTimestamp ? std::string("Terminating") : volume.status.phase,
          claim ? claim->namespace_ + "/" + claim->name : std::string(),
          storage_class(volume.metadata.annotations, volume.spec.storageClassName),
          or_else(volume.spec.volumeAttributesClassName, kUnset),
          volume.status.reason,
          age_of(volume, now),
          or_else(volume.spec.volumeMode, kUnset)};
}

Cells pod_template_cells(const PodTemplate& value) {
  return {value.metadata.name, container_names(value.template_.spec),
          container_images(value.template_.spec), format_labels(value.template_.metadata.labels)};
}

Cells replication_controller_cells(const ReplicationController& controller, Wall now) {
  static const PodSpec kNoTemplate;
  const auto& pod = controller.spec.template_ ? controller.spec.template_->spec : kNoTemplate;
  return {controller.metadata.name,   controller.spec.replicas.value_or(0),
          controller.status.replicas, controller.status.readyReplicas,
          age_of(controller, now),    container_names(pod),
          container_images(pod),      format_labels(controller.spec.selector)};
}

// Used of hard, "pods: 3/10", in two cells: limits apart from all else.
Cells resource_quota_cells(const ResourceQuota& quota, Wall now) {
  std::vector<std::string> requests, limits;
  for (const auto& [name, hard] : quota.status.hard) {
    const auto used = quota.status.used.find(name);
    const api::Quantity amount = used == quota.status.used.end() ? api::Quantity() : used->second;
    auto& cell = name.starts_with("limits.") ? limits : requests;
    cell.push_back(name + ": " + amount.text() + "/" + hard.text());
  }
  return {quota.metadata.name, join(requests, ", "), join(limits, ", "), age_of(quota, now)};
}

Cells secret_cells(const Secret& secret, Wall now) {
  return {secret.metadata.name, secret.type, secret.data.size(), age_of(secret, now)};
}

Cells service_account_cells(const ServiceAccount& account, Wall now) {
  return {account.metadata.name, age_of(account, now)};
}

constexpr Printer kPrinters[] = {
    printer<ComponentStatus, component_status_cells>(),
    printer<ConfigMap, config_map_cells>(),
    printer<Endpoints, endpoints_cells>(),
    printer<Event, event_row>(),
    printer<Namespace, namespace_cells>(),
    printer<Node, node_cells>(),
    printer<PersistentVolume, volume_cells>(),
    printer<PersistentVolumeClaim, claim_cells>(),
    printer<Pod, pod_cells>(),
    printer<PodTemplate, pod_template_cells>(),
    printer<ReplicationController, replication_controller_cells>(),
    printer<ResourceQuota, resource_quota_cells>(),
    printer<Secret, secret_cells>(),
    printer<Service, service_cells>(),
    printer<ServiceAccount, service_account_cells>(),
};

}  // namespace

std::span<const Printer> core_printers() { return kPrinters; }

}  // namespace keelson::apiserver
