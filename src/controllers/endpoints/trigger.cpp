// SPDX-License-Identifier: Apache-2.0
#include "controllers/endpoints/trigger.h"

#include <limits>

#include "api/selector.h"
#include "controllers/pods.h"

namespace keelson::controllers {
namespace {

using core::v1::Pod;
using core::v1::Service;

// Pods by each of their labels; services by the first pair of their selector, which a pod that they
// select must carry. So neither side is searched through for a change of the other.
constexpr std::string_view kByLabel = "label";
constexpr std::string_view kBySelector = "selector";

std::string label_value(std::string_view namespace_, std::string_view key, std::string_view value) {
  std::string text(namespace_);
  return text.append("/").append(key).append("=").append(value);
}

bool selects(const Service& service, const api::Object& pod) {
  return !service.spec.selector.empty() &&
         std::ranges::all_of(service.spec.selector, [&pod](const auto& wanted) {
           const std::string* value = pod.find_label(wanted.first);
           return value && *value == wanted.second;
         });
}

// Whether a change of a pod can show in anybody's endpoints.
bool matters(const api::Object& before, const api::Object& now) {
  const Pod& a = before.as<Pod>();
  const Pod& b = now.as<Pod>();
  return before.labels() != now.labels() || before.is_deleting() != now.is_deleting() ||
         is_ready(a) != is_ready(b) || is_terminal(a) != is_terminal(b) ||
         a.status.podIP != b.status.podIP || !(a.status.podIPs == b.status.podIPs) ||
         a.spec.nodeName != b.spec.nodeName || a.spec.hostname != b.spec.hostname ||
         a.spec.subdomain != b.spec.subdomain;
}

}  // namespace

void watch_services_and_pods(ControllerContext& context, client::WorkQueue<ObjectKey>& queue) {
  client::Informer& services = context.informers.of<Service>();
  services.add_index(std::string(kBySelector), [](const api::Object& object) {
    const Service& service = object.as<Service>();
    std::vector<std::string> values;
    if (!service.spec.selector.empty()) {
      const auto& [key, value] = *service.spec.selector.begin();
      values.push_back(label_value(object.namespace_(), key, value));
    }
    return values;
  });
  services.add_handler([&queue](const ObjectPtr& before, const ObjectPtr& now) {
    queue.add((now ? now : before)->key());
  });
  client::Informer& pods = context.informers.of<Pod>();
  pods.add_index(std::string(kByLabel), [](const api::Object& object) {
    std::vector<std::string> values;
    for (const auto& [key, value] : object.labels()) {
      values.push_back(label_value(object.namespace_(), key, value));
    }
    return values;
  });
  pods.add_handler([&queue, &services](const ObjectPtr& before, const ObjectPtr& now) {
    if (before && now && !matters(*before, *now)) return;
    const auto wake = [&](const api::Object& pod) {
      for (const auto& [key, value] : pod.labels()) {
        for (const auto& object :
             services.by_index(kBySelector, label_value(pod.namespace_(), key, value))) {
          if (selects(object->as<Service>(), pod)) queue.add(object->key());
        }
      }
    };
    if (now) wake(*now);
    if (before && (!now || before->labels() != now->labels())) wake(*before);
  });
}

Task<bool> wait_services_and_pods(ControllerContext& context) {
  if (!co_await context.informers.of<Service>().wait_synced()) co_return false;
  const auto synced = co_await context.informers.of<Pod>().wait_synced();
  co_return synced.has_value();
}

std::vector<std::shared_ptr<const Pod>> selected_pods(ControllerContext& context,
                                                      const Service& service) {
  const client::Informer& pods = context.informers.of<Pod>();
  std::string rarest;
  std::size_t fewest = std::numeric_limits<std::size_t>::max();
  for (const auto& [key, value] : service.spec.selector) {
    std::string label = label_value(service.metadata.namespace_, key, value);
    const std::size_t count = pods.count_by_index(kByLabel, label);
    if (count >= fewest) continue;
    fewest = count;
    rarest = std::move(label);
  }
  std::vector<std::shared_ptr<const Pod>> selected;
  if (rarest.empty()) return selected;
  for (auto& object : pods.by_index(kByLabel, rarest)) {
    if (selects(service, *object)) selected.push_back(api::share<Pod>(std::move(object)));
  }
  return selected;
}

}  // namespace keelson::controllers
