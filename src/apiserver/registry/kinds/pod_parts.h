// SPDX-License-Identifier: Apache-2.0
// The parts of validate_pod_spec(), one file a subject. For the pod_*.cpp files of this folder
// only. `path` is that of the spec, unless said otherwise.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/core/v1.h"
#include "api/validation/field_error.h"
#include "apiserver/registry/kinds/pod_spec.h"

namespace keelson::apiserver {

// The volumes that nothing is wrong with, by name. They live as long as the spec.
using VolumeIndex = std::map<std::string_view, const core::v1::Volume*>;

// What the parts know of the pod.
struct PodContext {
  const core::v1::PodSpec& spec;
  const VolumeIndex& volumes;
  const NameSet& claims;  // Names of the resource claims.
  const PodRules& rules;

  bool has_user_namespace() const { return !spec.hostUsers.value_or(true); }
};

// --- pod_containers.cpp: all containers of the pod -----------------------------------------------
void check_containers(const PodContext& pod, const api::FieldPath& path, api::FieldErrors& errors);
// Calls visit(container, path) for each of them, as upstream's VisitContainersWithPath does.
template <class Visit>
void visit_containers(const core::v1::PodSpec& spec, const api::FieldPath& path, Visit visit) {
  const auto visit_list = [&](const auto& list, std::string_view member) {
    for (std::size_t i = 0; i < list.size(); ++i) visit(list[i], path.child(member).index(i));
  };
  visit_list(spec.initContainers, "initContainers");
  visit_list(spec.containers, "containers");
  visit_list(spec.ephemeralContainers, "ephemeralContainers");
}

// --- pod_environment.cpp; `path` is the container's ----------------------------------------------
void check_environment(const std::vector<core::v1::EnvVar>& variables,
                       const std::vector<core::v1::EnvFromSource>& sources,
                       const api::FieldPath& path, api::FieldErrors& errors);

// --- pod_downward_api.cpp: what containers may learn of their pod --------------------------------
enum class DownwardUse : std::uint8_t { Variable, File };
void check_field_reference(const core::v1::ObjectFieldSelector& field, DownwardUse use,
                           const api::FieldPath& path, api::FieldErrors& errors);
void check_resource_reference(const core::v1::ResourceFieldSelector& resource, DownwardUse use,
                              const api::FieldPath& path, api::FieldErrors& errors);
void check_downward_file(const core::v1::DownwardAPIVolumeFile& file, const api::FieldPath& path,
                         api::FieldErrors& errors);

// --- pod_mounts.cpp; `path` is the container's ---------------------------------------------------
void check_mounts(const std::vector<core::v1::VolumeMount>& mounts,
                  const std::vector<core::v1::VolumeDevice>& devices, bool privileged,
                  const PodContext& pod, const api::FieldPath& path, api::FieldErrors& errors);

// --- pod_probes.cpp: probes and hooks; `path` is the container's ---------------------------------
void check_life(const core::v1::Container& container, const core::v1::PodSpec& spec,
                const api::FieldPath& path, api::FieldErrors& errors);

// --- pod_resources.cpp ---------------------------------------------------------------------------
// `path` is that of the resources.
void check_container_resources(const core::v1::ResourceRequirements& resources,
                               const NameSet& claims, const api::FieldPath& path,
                               api::FieldErrors& errors);
// `path` is that of the list.
void check_resize_policies(const std::vector<core::v1::ContainerResizePolicy>& policies,
                           std::string_view restart_policy, const api::FieldPath& path,
                           api::FieldErrors& errors);
// The claims of the pod, which adds their names to `names`; `path` is that of the list.
void check_resource_claims(const std::vector<core::v1::PodResourceClaim>& claims, NameSet& names,
                           const api::FieldPath& path, api::FieldErrors& errors);
// What the pod as a whole needs and may use.
void check_pod_resources(const PodContext& pod, const api::FieldPath& path,
                         api::FieldErrors& errors);

// --- pod_security.cpp ----------------------------------------------------------------------------
// `path` is that of the context.
void check_container_security(const core::v1::SecurityContext& context, const PodContext& pod,
                              const api::FieldPath& path, api::FieldErrors& errors);
void check_pod_security(const core::v1::PodSpec& spec, const PodRules& rules,
                        const api::FieldPath& path, api::FieldErrors& errors);
void check_user_namespace(const PodContext& pod, const api::FieldPath& path,
                          api::FieldErrors& errors);
// Whether PodRules::host_sysctls is needed to go on.
bool breaks_host_sysctls(const core::v1::PodSpec& spec);

// --- pod_system.cpp: what does not go with the pod's operating system ----------------------------
void check_system(const core::v1::PodSpec& spec, const api::FieldPath& path,
                  api::FieldErrors& errors);

// --- pod_placement.cpp: rules for nodes and other pods -------------------------------------------
void check_placement(const core::v1::PodSpec& spec, const PodRules& rules,
                     const api::FieldPath& path, api::FieldErrors& errors);
// Whether PodRules::any_node_label_value is needed to go on.
bool breaks_node_label_value(const core::v1::PodSpec& spec);

// --- pod_volumes.cpp; `path` is that of the list -------------------------------------------------
VolumeIndex check_volumes(const std::vector<core::v1::Volume>& volumes, const PodRules& rules,
                          const api::FieldPath& path, api::FieldErrors& errors);

// --- pod_volume_files.cpp: files from secrets, config maps, the pod and the API server
// ------------ `path` is that of the volume.
void check_file_source(const core::v1::Volume& volume, const PodRules& rules,
                       const api::FieldPath& path, api::FieldErrors& errors);
// Whether PodRules::any_token_path is needed to go on.
bool breaks_token_path(const core::v1::PodSpec& spec);
void check_file_mode(const std::optional<std::int32_t>& mode, const api::FieldPath& path,
                     api::FieldErrors& errors);
// A path below another one: "a/b"; neither absolute nor with "..".
void check_descending_path(const std::string& text, const api::FieldPath& path,
                           api::FieldErrors& errors);
// Nor of a name that begins with "..", which is reserved. It may be empty.
void check_file_path(const std::string& text, const api::FieldPath& path, api::FieldErrors& errors);
bool has_backsteps(std::string_view text);

// --- pod_volume_storage.cpp: files from elsewhere ------------------------------------------------
// `path` is that of the volume.
void check_storage_source(const core::v1::Volume& volume, const PodRules& rules,
                          const api::FieldPath& path, api::FieldErrors& errors);

}  // namespace keelson::apiserver
