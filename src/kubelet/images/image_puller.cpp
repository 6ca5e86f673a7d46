// SPDX-License-Identifier: Apache-2.0
#include "kubelet/images/image_puller.h"

#include "kubelet/images/image_name.h"

namespace keelson::kubelet {

namespace {

using client::EventType;

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

// As Go prints a duration, to the millisecond.
std::string duration_text(Duration duration) {
  return api::Duration{std::chrono::floor<std::chrono::milliseconds>(duration)}.text();
}

}  // namespace

std::string_view pull_policy(const v1::Container& container) {
  if (!container.imagePullPolicy.empty()) return container.imagePullPolicy;
  const auto name = parse_image_name(container.image);
  return name && name->tag == "latest" ? v1::PullPolicy::Always : v1::PullPolicy::IfNotPresent;
}

ImagePuller::ImagePuller(cri::Runtime& runtime, Executor& executor, ConfigSource& configs,
                         client::EventRecorder& events, Limits limits)
    : runtime_(runtime),
      executor_(executor),
      configs_(configs),
      events_(events),
      backoff_(limits.backoff, limits.backoff_limit) {}

Task<std::expected<cri::v1::Image, ImagePuller::Failure>> ImagePuller::ensure(
    PodPtr pod, const v1::Container* container, cri::v1::PodSandboxConfig sandbox) {
  const auto target = event_target(*pod, container->name);
  const auto name = parse_image_name(container->image);
  if (!name) {
    const std::string message = "Failed to apply default image tag " + quoted(container->image) +
                                ": " + name.error().message();
    events_.record(target, EventType::Warning, "InspectFailed", message);
    co_return std::unexpected(Failure{{"InvalidImageName", message}, std::chrono::minutes(1)});
  }

  auto present = co_await runtime_.image_status(container->image);
  if (!present) {
    const std::string message =
        "Failed to inspect image " + quoted(container->image) + ": " + present.error().message();
    events_.record(target, EventType::Warning, "InspectFailed", message);
    co_return std::unexpected(Failure{{"ImageInspectError", message}, std::chrono::seconds(10)});
  }
  const std::string_view policy = pull_policy(*container);
  if (*present && policy != v1::PullPolicy::Always) {
    events_.record(target, EventType::Normal, "Pulled",
                   "Container image " + quoted(container->image) +
                       " already present on machine and can be accessed by the pod");
    co_return std::move(**present);
  }
  if (policy == v1::PullPolicy::Never) {
    const std::string message =
        "Container image " + quoted(container->image) + " is not present with pull policy of Never";
    events_.record(target, EventType::Warning, "ErrImageNeverPull", message);
    co_return std::unexpected(Failure{{"ErrImageNeverPull", message}, std::chrono::seconds(10)});
  }
  co_return co_await pull(std::move(pod), container, std::move(sandbox));
}

Task<std::expected<cri::v1::Image, ImagePuller::Failure>> ImagePuller::pull(
    PodPtr pod, const v1::Container* container, cri::v1::PodSandboxConfig sandbox) {
  const auto target = event_target(*pod, container->name);
  const std::string& image = container->image;
  const std::string key = pod->metadata.uid + "_" + image;
  const Wall asked = executor_.now();
  if (const Duration wait = backoff_.remaining(key, backoff_.updated(key), asked);
      wait > Duration::zero()) {
    const std::string message = "Back-off pulling image " + quoted(image);
    events_.record(target, EventType::Normal, "BackOff", message);
    co_return std::unexpected(Failure{{"ImagePullBackOff", message}, wait});
  }

  const auto turn = co_await one_at_a_time_.lock();
  if (!turn) {
    co_return std::unexpected(Failure{{"ErrImagePull", turn.error().message()}, Duration::zero()});
  }
  events_.record(target, EventType::Normal, "Pulling", "Pulling image " + quoted(image));
  const Wall started = executor_.now();
  auto pulled = co_await pull_with_credentials(pod, image, std::move(sandbox));
  if (!pulled) {
    const std::string why = pulled.error().message();
    const std::string message = "Failed to pull image " + quoted(image) + ": " + why;
    events_.record(target, EventType::Warning, "Failed", message);
    backoff_.next(key, executor_.now(), executor_.now());
    // The next look finds the back-off and says so.
    co_return std::unexpected(Failure{{"ErrImagePull", why}, std::chrono::seconds(1)});
  }
  backoff_.forget(key);
  auto present = co_await runtime_.image_status(image);
  if (!present || !*present) {
    co_return std::unexpected(
        Failure{{"ErrImagePull", "pulled image " + quoted(image) + " is not there"},
                std::chrono::seconds(10)});
  }
  const Wall now = executor_.now();
  events_.record(target, EventType::Normal, "Pulled",
                 "Successfully pulled image " + quoted(image) + " in " +
                     duration_text(now - started) + " (" + duration_text(now - asked) +
                     " including waiting). Image size: " + std::to_string((*present)->size()) +
                     " bytes.");
  co_return std::move(**present);
}

Task<Result<std::string>> ImagePuller::pull_with_credentials(PodPtr pod, std::string image,
                                                             cri::v1::PodSandboxConfig sandbox) {
  CO_TRY(const ImageName name, parse_image_name(image));
  std::vector<RegistryCredentials> credentials;
  for (const auto& reference : pod->spec.imagePullSecrets) {
    auto secret = co_await configs_.secret({pod->metadata.namespace_, reference.name});
    if (!secret) {
      if (secret.error().is(Reason::Canceled)) co_return fail(std::move(secret).error());
      // Upstream's words and choice: the image may be public.
      events_.record(event_target(*pod), EventType::Warning, "FailedToRetrieveImagePullSecret",
                     "Unable to retrieve some image pull secrets (" + reference.name +
                         "); attempting to pull the image may not succeed.");
      continue;
    }
    for (const char* field : {".dockerconfigjson", ".dockercfg"}) {
      const auto data = (*secret)->data.find(field);
      if (data == (*secret)->data.end()) continue;
      CO_TRY(auto found, find_credentials(data->second, name));
      std::ranges::move(found, std::back_inserter(credentials));
    }
  }
  if (credentials.empty()) co_return co_await runtime_.pull_image(image, nullptr, sandbox);
  Result<std::string> result = fail(Status::internal("no credentials tried"));
  for (const auto& entry : credentials) {
    cri::v1::AuthConfig auth;
    auth.set_username(entry.username);
    auth.set_password(entry.password);
    auth.set_server_address(entry.server);
    result = co_await runtime_.pull_image(image, &auth, sandbox);
    if (result || result.error().is(Reason::Canceled)) break;
  }
  co_return result;
}

}  // namespace keelson::kubelet
