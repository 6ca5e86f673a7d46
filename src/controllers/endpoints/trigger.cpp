// SPDX-License-Identifier: Apache-2.0
#include "controllers/endpoints/trigger.h"

#include "api/selector.h"
#include "controllers/pods.h"

namespace keelson::controllers {
namespace {

using core::v1::Pod;
using core::v1::Service;

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
         is_ready(a) != is_ready(b) || is_finished(a) != is_finished(b) ||
         a.status.podIP != b.status.podIP || !(a.status.podIPs == b.status.podIPs) ||
         a.spec.nodeName != b.spec.nodeName || a.spec.hostname != b.spec.hostname ||
         a.spec.subdomain != b.spec.subdomain;
}

}  // namespace

void watch_services_and_pods(ControllerContext& context, client::WorkQueue<ObjectKey>& queue) {
  client::Informer& services = context.informers.of<Service>();
  services.add_handler([&queue](const ObjectPtr& before, const ObjectPtr& now) {
    queue.add((now ? now : before)->key());
  });
  context.informers.of<Pod>().add_handler(
      [&queue, &services](const ObjectPtr& before, const ObjectPtr& now) {
        if (before && now && !matters(*before, *now)) return;
        const ObjectPtr& any = now ? now : before;
        for (const auto& object : services.list(any->namespace_())) {
          const Service& service = object->as<Service>();
          if ((before && selects(service, *before)) || (now && selects(service, *now)))
            queue.add(object->key());
        }
      });
}

Task<bool> wait_services_and_pods(ControllerContext& context) {
  if (!co_await context.informers.of<Service>().wait_synced()) co_return false;
  const auto synced = co_await context.informers.of<Pod>().wait_synced();
  co_return synced.has_value();
}

std::vector<std::shared_ptr<const Pod>> selected_pods(ControllerContext& context,
                                                      const Service& service) {
  std::vector<std::shared_ptr<const Pod>> pods;
  for (auto& object : context.informers.of<Pod>().list(service.metadata.namespace_)) {
    if (selects(service, *object)) pods.push_back(api::share<Pod>(std::move(object)));
  }
  return pods;
}

}  // namespace keelson::controllers
