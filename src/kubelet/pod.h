// SPDX-License-Identifier: Apache-2.0
// Small questions about a pod, asked all over the kubelet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/core/v1.h"
#include "client/event_recorder.h"
#include "podspec/resources.h"

namespace keelson::kubelet {

namespace v1 = keelson::core::v1;
using PodPtr = std::shared_ptr<const v1::Pod>;

using podspec::is_sidecar;

// Init containers first, in the order of the spec.
std::vector<const v1::Container*> all_containers(const v1::Pod& pod);
// Null if there is none of that name.
const v1::Container* find_container(const v1::Pod& pod, std::string_view name);
bool is_init_container(const v1::Pod& pod, std::string_view name);

bool is_deleting(const v1::Pod& pod);
// Succeeded or Failed.
bool is_terminal(const v1::PodStatus& status);

// "default/web(1a2b...)": how logs and errors name a pod.
std::string describe(const v1::Pod& pod);
// "web_default(1a2b...)": how messages of container states name it; upstream's format.Pod.
std::string format_pod(const v1::Pod& pod);

// Changes when a running container no longer is what the spec asks for: its name or its image.
// Source: upstream HashContainer, fields as of v1.36; FNV-1 32 bits.
std::uint64_t container_hash(const v1::Container& container);

// Seconds between the stop signal and SIGKILL: that of the deletion, else of the spec, else 30.
std::chrono::seconds grace_period(const v1::Pod& pod);

// The number of a port given by number or by the name of one of the container's ports.
Result<std::uint16_t> resolve_port(const api::IntOrString& port, const v1::Container& container);

client::EventTarget event_target(const v1::Pod& pod);
// With the field path of a container: "spec.containers{web}".
client::EventTarget event_target(const v1::Pod& pod, std::string_view container);

// Null, or the condition of that type.
const v1::PodCondition* find_condition(const v1::PodStatus& status, std::string_view type);

}  // namespace keelson::kubelet
