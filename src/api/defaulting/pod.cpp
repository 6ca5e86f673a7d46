// SPDX-License-Identifier: Apache-2.0
// Defaults of core/v1 pods, pod templates and their volumes.
#include <algorithm>
#include <string>
#include <string_view>

#include "api/defaulting/rules.h"
#include "api/quantity.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"core/v1.Pod", "spec.enableServiceLinks", When::Nil, "true"},
    {"core/v1.PodSpec", "dnsPolicy", When::Empty, R"("ClusterFirst")"},
    {"core/v1.PodSpec", "restartPolicy", When::Empty, R"("Always")"},
    {"core/v1.PodSpec", "securityContext", When::Nil, "{}"},
    {"core/v1.PodSpec", "terminationGracePeriodSeconds", When::Nil, "30"},
    {"core/v1.PodSpec", "schedulerName", When::Empty, R"("default-scheduler")"},
    {"core/v1.Container", "terminationMessagePath", When::Empty, R"("/dev/termination-log")"},
    {"core/v1.Container", "terminationMessagePolicy", When::Empty, R"("File")"},
    {"core/v1.EphemeralContainer", "terminationMessagePath", When::Empty,
     R"("/dev/termination-log")"},
    {"core/v1.EphemeralContainer", "terminationMessagePolicy", When::Empty, R"("File")"},
    {"core/v1.Probe", "timeoutSeconds", When::Zero, "1"},
    {"core/v1.Probe", "periodSeconds", When::Zero, "10"},
    {"core/v1.Probe", "successThreshold", When::Zero, "1"},
    {"core/v1.Probe", "failureThreshold", When::Zero, "3"},
    {"core/v1.HTTPGetAction", "path", When::Empty, R"("/")"},
    {"core/v1.HTTPGetAction", "scheme", When::Empty, R"("HTTP")"},
    {"core/v1.ObjectFieldSelector", "apiVersion", When::Empty, R"("v1")"},
    {"core/v1.SecretVolumeSource", "defaultMode", When::Nil, "420"},
    {"core/v1.ConfigMapVolumeSource", "defaultMode", When::Nil, "420"},
    {"core/v1.DownwardAPIVolumeSource", "defaultMode", When::Nil, "420"},
    {"core/v1.ProjectedVolumeSource", "defaultMode", When::Nil, "420"},
    {"core/v1.ServiceAccountTokenProjection", "expirationSeconds", When::Nil, "3600"},
    {"core/v1.HostPathVolumeSource", "type", When::Nil, R"("")"},
};

void volume(object& value, const Context&) {
  for (const auto& member : value) {
    if (member.key() != "name" && !member.value().is_null()) return;
  }
  value.insert_or_assign("emptyDir", object());
}

// Whether `name` can be an image's name: "registry:5000/path/image". Source: the grammar of
// distribution's image references.
bool is_image_name(std::string_view name) {
  const std::size_t slash = name.find('/');
  const std::string_view domain = name.substr(0, slash == name.npos ? 0 : slash);
  const bool has_domain = domain.find_first_of(".:") != domain.npos || domain == "localhost" ||
                          std::ranges::any_of(domain, [](char c) { return c >= 'A' && c <= 'Z'; });
  const std::string_view path = has_domain ? name.substr(slash + 1) : name;
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (path.empty() || !is_word(path.front()) || !is_word(path.back())) return false;
  return std::ranges::all_of(
      path, [&](char c) { return is_word(c) || c == '.' || c == '_' || c == '-' || c == '/'; });
}

// Always for what may change under its name: the tag latest, or neither tag nor digest.
std::string_view pull_policy(std::string_view image) {
  const std::size_t at = image.find('@');
  const bool has_digest = at != image.npos;
  std::string_view name = image.substr(0, at), tag;
  const std::size_t colon = name.rfind(':');
  if (colon != name.npos && name.find('/', colon) == name.npos) {
    tag = name.substr(colon + 1);
    name = name.substr(0, colon);
  }
  if (!is_image_name(name)) return "IfNotPresent";
  return tag == "latest" || (tag.empty() && !has_digest) ? "Always" : "IfNotPresent";
}

void container(object& value, const Context&) {
  fill(value, "imagePullPolicy", When::Empty,
       boost::json::string_view(pull_policy(text_of(value, "image"))));
}

void image_volume(object& value, const Context&) {
  fill(value, "pullPolicy", When::Empty,
       boost::json::string_view(pull_policy(text_of(value, "reference"))));
}

using Amounts = std::map<std::string, Quantity>;

// resources[of] of a container or a pod's spec.
Amounts amounts_of(object& value, std::string_view of) {
  Amounts amounts;
  object* resources = find_object(value, "resources");
  object* map = resources ? find_object(*resources, of) : nullptr;
  if (!map) return amounts;
  for (const auto& amount : *map) {
    const auto* text = amount.value().if_string();
    const auto quantity =
        text ? Quantity::parse(std::string_view(*text)) : fail(Reason::Invalid, "");
    if (quantity) amounts[std::string(std::string_view(amount.key()))] = *quantity;
  }
  return amounts;
}

void add(Amounts& to, const Amounts& more) {
  for (const auto& [name, amount] : more) {
    const auto [found, added] = to.emplace(name, amount);
    if (!added) found->second += amount;
  }
}

void raise(Amounts& to, const Amounts& least) {
  for (const auto& [name, amount] : least) {
    const auto [found, added] = to.emplace(name, amount);
    if (!added && found->second < amount) found->second = amount;
  }
}

// What all containers need together: those that run side by side, or any init container with the
// sidecars started before it, whichever is more. Source: KEP-753.
Amounts total(object& spec, std::string_view of) {
  Amounts running, sidecars, starting;
  if (array* containers = find_list(spec, "containers")) {
    for (Document& each : *containers) {
      if (object* one = each.if_object()) add(running, amounts_of(*one, of));
    }
  }
  if (array* containers = find_list(spec, "initContainers")) {
    for (Document& each : *containers) {
      object* one = each.if_object();
      if (!one) continue;
      Amounts amounts = amounts_of(*one, of);
      if (text_of(*one, "restartPolicy") == "Always") {
        add(running, amounts);
        add(sidecars, amounts);
        raise(starting, sidecars);
      } else {
        add(amounts, sidecars);
        raise(starting, amounts);
      }
    }
  }
  raise(running, starting);
  return running;
}

bool is_huge_page(std::string_view resource) { return resource.starts_with("hugepages-"); }

// Resources of the pod as a whole, where it states some: what the containers say completes them.
void pod_level_resources(object& spec) {
  object* resources = find_object(spec, "resources");
  if (!resources) return;
  if (is_left_out(*resources, "limits", When::Empty) &&
      is_left_out(*resources, "requests", When::Empty)) {
    return;
  }
  const Amounts requested = amounts_of(spec, "requests");
  for (const auto& [name, amount] : total(spec, "limits")) {
    if (!is_huge_page(name) || requested.contains(name)) continue;
    if (object* limits = make_object(*resources, "limits")) limits->emplace(name, amount.text());
  }
  if (is_left_out(*resources, "limits", When::Nil)) return;

  Amounts missing;
  for (const auto& [name, amount] : total(spec, "requests")) {
    if (name == "cpu" || name == "memory") missing.emplace(name, amount);
  }
  for (const auto& [name, amount] : amounts_of(spec, "limits")) {
    if (name == "cpu" || name == "memory" || is_huge_page(name)) missing.emplace(name, amount);
  }
  if (missing.empty()) return;
  if (object* requests = make_object(*resources, "requests")) {
    for (const auto& [name, amount] : missing) requests->emplace(name, amount.text());
  }
}

void requests_from_limits(object& one) {
  object* resources = find_object(one, "resources");
  object* limits = resources ? find_object(*resources, "limits") : nullptr;
  if (!limits || limits->empty()) return;
  const object amounts = *limits;
  if (object* requests = make_object(*resources, "requests")) {
    for (const auto& amount : amounts) requests->emplace(amount.key(), amount.value());
  }
}

void host_ports(object& one) {
  array* ports = find_list(one, "ports");
  if (!ports) return;
  for (Document& each : *ports) {
    object* port = each.if_object();
    const Document* number = port ? port->if_contains("containerPort") : nullptr;
    if (number) fill(*port, "hostPort", When::Zero, Document(*number));
  }
}

void pod(object& value, const Context&) {
  object* spec = find_object(value, "spec");
  if (!spec) return;
  const Document* network = spec->if_contains("hostNetwork");
  const bool host_network = network && network->is_bool() && network->get_bool();
  for (const std::string_view list : {"containers", "initContainers"}) {
    array* containers = find_list(*spec, list);
    if (!containers) continue;
    for (Document& each : *containers) {
      object* one = each.if_object();
      if (!one) continue;
      requests_from_limits(*one);
      if (host_network) host_ports(*one);
    }
  }
  pod_level_resources(*spec);
}

// `serviceAccount` is the old name of `serviceAccountName`, and says the same wherever that is set.
void service_account(object& value, const Context&) {
  const std::string name(text_of(value, "serviceAccountName").empty()
                             ? text_of(value, "serviceAccount")
                             : text_of(value, "serviceAccountName"));
  if (name.empty()) return;
  value.insert_or_assign("serviceAccountName", name);
  value.insert_or_assign("serviceAccount", name);
}

constexpr Function kFunctions[] = {
    {"core/v1.Pod", pod},
    {"core/v1.PodSpec", service_account},
    {"core/v1.Volume", volume},
    {"core/v1.ImageVolumeSource", image_volume},
    {"core/v1.Container", container},
    {"core/v1.EphemeralContainer", container},
};

}  // namespace

const Rules kPodRules = {kLiterals, kFunctions};

}  // namespace keelson::api::defaulting
