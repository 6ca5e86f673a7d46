// SPDX-License-Identifier: Apache-2.0
#include "kubelet/cri/grpc_runtime.h"

#include "kubelet/cri/labels.h"

namespace keelson::cri {

namespace {

constexpr std::string_view kRuntimeService = "/runtime.v1.RuntimeService/";
constexpr std::string_view kImageService = "/runtime.v1.ImageService/";

template <class Response>
Result<Response> parse(std::string_view method, const std::string& bytes) {
  Response response;
  if (!response.ParseFromString(bytes)) {
    return fail(
        Status::internal("container runtime sent a malformed answer to " + std::string(method)));
  }
  return response;
}

template <class Repeated>
auto to_vector(Repeated* items) {
  using Item = std::remove_reference_t<decltype(*items->begin())>;
  std::vector<Item> out;
  out.reserve(static_cast<std::size_t>(items->size()));
  for (auto& item : *items) out.push_back(std::move(item));
  return out;
}

Result<void> gone_is_done(Result<void> result) {
  if (!result && result.error().is(Reason::NotFound)) return {};
  return result;
}

class GrpcEvents final : public EventStream {
 public:
  explicit GrpcEvents(std::unique_ptr<net::GrpcStream> stream) : stream_(std::move(stream)) {}

  Task<Result<v1::ContainerEventResponse>> next() override {
    CO_TRY(auto message, co_await stream_->receive());
    if (!message) co_return fail(Status::unavailable("container runtime ended its event stream"));
    co_return parse<v1::ContainerEventResponse>("GetContainerEvents", *message);
  }

 private:
  std::unique_ptr<net::GrpcStream> stream_;
};

class GrpcRuntime final : public Runtime {
 public:
  GrpcRuntime(std::unique_ptr<net::GrpcChannel> channel, GrpcRuntimeOptions options)
      : channel_(std::move(channel)), options_(options) {}

  Task<Result<v1::VersionResponse>> version() override {
    v1::VersionRequest request;
    request.set_version("v1");
    CO_TRY(auto response, co_await call<v1::VersionResponse>(kRuntimeService, "Version", request));
    if (response.runtime_api_version() != "v1") {
      co_return fail(Status::unavailable("container runtime " + response.runtime_name() + " " +
                                         response.runtime_version() + " speaks CRI \"" +
                                         response.runtime_api_version() + "\", not v1"));
    }
    co_return response;
  }

  Task<Result<v1::RuntimeStatus>> status() override {
    CO_TRY(auto response,
           co_await call<v1::StatusResponse>(kRuntimeService, "Status", v1::StatusRequest()));
    co_return std::move(*response.mutable_status());
  }

  Task<Result<void>> update_pod_cidr(std::string cidr) override {
    v1::UpdateRuntimeConfigRequest request;
    request.mutable_runtime_config()->mutable_network_config()->set_pod_cidr(std::move(cidr));
    co_return co_await call_void<v1::UpdateRuntimeConfigResponse>("UpdateRuntimeConfig", request);
  }

  Task<Result<std::string>> run_sandbox(v1::PodSandboxConfig config,
                                        std::string runtime_handler) override {
    v1::RunPodSandboxRequest request;
    *request.mutable_config() = std::move(config);
    request.set_runtime_handler(std::move(runtime_handler));
    // Network plugins take their time: upstream allows twice the usual.
    CO_TRY(auto response,
           co_await call<v1::RunPodSandboxResponse>(kRuntimeService, "RunPodSandbox", request,
                                                    options_.request_timeout * 2));
    co_return std::move(*response.mutable_pod_sandbox_id());
  }

  Task<Result<void>> stop_sandbox(std::string id) override {
    v1::StopPodSandboxRequest request;
    request.set_pod_sandbox_id(std::move(id));
    co_return gone_is_done(
        co_await call_void<v1::StopPodSandboxResponse>("StopPodSandbox", request));
  }

  Task<Result<void>> remove_sandbox(std::string id) override {
    v1::RemovePodSandboxRequest request;
    request.set_pod_sandbox_id(std::move(id));
    co_return gone_is_done(
        co_await call_void<v1::RemovePodSandboxResponse>("RemovePodSandbox", request));
  }

  Task<Result<v1::PodSandboxStatus>> sandbox_status(std::string id) override {
    v1::PodSandboxStatusRequest request;
    request.set_pod_sandbox_id(std::move(id));
    CO_TRY(auto response, co_await call<v1::PodSandboxStatusResponse>(kRuntimeService,
                                                                      "PodSandboxStatus", request));
    co_return std::move(*response.mutable_status());
  }

  Task<Result<std::vector<v1::PodSandbox>>> list_sandboxes(std::string pod_uid) override {
    v1::ListPodSandboxRequest request;
    if (!pod_uid.empty()) {
      (*request.mutable_filter()->mutable_label_selector())[kPodUidLabel] = std::move(pod_uid);
    }
    CO_TRY(auto response,
           co_await call<v1::ListPodSandboxResponse>(kRuntimeService, "ListPodSandbox", request));
    co_return to_vector(response.mutable_items());
  }

  Task<Result<std::string>> create_container(std::string sandbox_id, v1::ContainerConfig config,
                                             v1::PodSandboxConfig sandbox_config) override {
    v1::CreateContainerRequest request;
    request.set_pod_sandbox_id(std::move(sandbox_id));
    *request.mutable_config() = std::move(config);
    *request.mutable_sandbox_config() = std::move(sandbox_config);
    CO_TRY(auto response,
           co_await call<v1::CreateContainerResponse>(kRuntimeService, "CreateContainer", request));
    co_return std::move(*response.mutable_container_id());
  }

  Task<Result<void>> start_container(std::string id) override {
    v1::StartContainerRequest request;
    request.set_container_id(std::move(id));
    co_return co_await call_void<v1::StartContainerResponse>("StartContainer", request);
  }

  Task<Result<void>> stop_container(std::string id, std::chrono::seconds grace) override {
    v1::StopContainerRequest request;
    request.set_container_id(std::move(id));
    request.set_timeout(grace.count());
    co_return gone_is_done(co_await call_void<v1::StopContainerResponse>(
        "StopContainer", request, options_.request_timeout + grace));
  }

  Task<Result<void>> remove_container(std::string id) override {
    v1::RemoveContainerRequest request;
    request.set_container_id(std::move(id));
    co_return gone_is_done(
        co_await call_void<v1::RemoveContainerResponse>("RemoveContainer", request));
  }

  Task<Result<std::vector<v1::Container>>> list_containers(std::string pod_uid) override {
    v1::ListContainersRequest request;
    if (!pod_uid.empty()) {
      (*request.mutable_filter()->mutable_label_selector())[kPodUidLabel] = std::move(pod_uid);
    }
    CO_TRY(auto response,
           co_await call<v1::ListContainersResponse>(kRuntimeService, "ListContainers", request));
    co_return to_vector(response.mutable_containers());
  }

  Task<Result<v1::ContainerStatus>> container_status(std::string id) override {
    v1::ContainerStatusRequest request;
    request.set_container_id(std::move(id));
    CO_TRY(auto response,
           co_await call<v1::ContainerStatusResponse>(kRuntimeService, "ContainerStatus", request));
    co_return std::move(*response.mutable_status());
  }

  Task<Result<void>> update_resources(std::string id, v1::LinuxContainerResources limits) override {
    v1::UpdateContainerResourcesRequest request;
    request.set_container_id(std::move(id));
    *request.mutable_linux() = std::move(limits);
    co_return co_await call_void<v1::UpdateContainerResourcesResponse>("UpdateContainerResources",
                                                                       request);
  }

  Task<Result<void>> reopen_log(std::string id) override {
    v1::ReopenContainerLogRequest request;
    request.set_container_id(std::move(id));
    co_return co_await call_void<v1::ReopenContainerLogResponse>("ReopenContainerLog", request);
  }

  Task<Result<v1::ExecSyncResponse>> exec_sync(std::string id, std::vector<std::string> command,
                                               std::chrono::seconds timeout) override {
    v1::ExecSyncRequest request;
    request.set_container_id(std::move(id));
    for (auto& word : command) request.add_cmd(std::move(word));
    request.set_timeout(timeout.count());
    const Duration limit = timeout.count() == 0 ? Duration(std::chrono::hours(24))
                                                : options_.request_timeout + timeout;
    co_return co_await call<v1::ExecSyncResponse>(kRuntimeService, "ExecSync", request, limit);
  }

  Task<Result<std::string>> exec_url(v1::ExecRequest request) override {
    CO_TRY(auto response, co_await call<v1::ExecResponse>(kRuntimeService, "Exec", request));
    co_return std::move(*response.mutable_url());
  }

  Task<Result<std::string>> attach_url(v1::AttachRequest request) override {
    CO_TRY(auto response, co_await call<v1::AttachResponse>(kRuntimeService, "Attach", request));
    co_return std::move(*response.mutable_url());
  }

  Task<Result<std::string>> port_forward_url(v1::PortForwardRequest request) override {
    CO_TRY(auto response,
           co_await call<v1::PortForwardResponse>(kRuntimeService, "PortForward", request));
    co_return std::move(*response.mutable_url());
  }

  Task<Result<std::vector<v1::ContainerStats>>> container_stats() override {
    CO_TRY(auto response,
           co_await call<v1::ListContainerStatsResponse>(kRuntimeService, "ListContainerStats",
                                                         v1::ListContainerStatsRequest()));
    co_return to_vector(response.mutable_stats());
  }

  Task<Result<std::unique_ptr<EventStream>>> events() override {
    CO_TRY(auto stream, co_await channel_->open(method(kRuntimeService, "GetContainerEvents")));
    CO_TRY_OK(co_await stream->send(v1::GetEventsRequest().SerializeAsString()));
    CO_TRY_OK(co_await stream->done_sending());
    co_return std::unique_ptr<EventStream>(std::make_unique<GrpcEvents>(std::move(stream)));
  }

  Task<Result<std::vector<v1::Image>>> list_images() override {
    CO_TRY(auto response, co_await call<v1::ListImagesResponse>(kImageService, "ListImages",
                                                                v1::ListImagesRequest()));
    co_return to_vector(response.mutable_images());
  }

  Task<Result<std::optional<v1::Image>>> image_status(std::string image) override {
    v1::ImageStatusRequest request;
    request.mutable_image()->set_image(std::move(image));
    CO_TRY(auto response,
           co_await call<v1::ImageStatusResponse>(kImageService, "ImageStatus", request));
    if (!response.has_image()) co_return std::optional<v1::Image>();
    co_return std::optional<v1::Image>(std::move(*response.mutable_image()));
  }

  Task<Result<std::string>> pull_image(std::string image, const v1::AuthConfig* auth,
                                       v1::PodSandboxConfig sandbox_config) override {
    v1::PullImageRequest request;
    request.mutable_image()->set_image(std::move(image));
    if (auth) *request.mutable_auth() = *auth;
    *request.mutable_sandbox_config() = std::move(sandbox_config);
    CO_TRY(auto response, co_await call<v1::PullImageResponse>(kImageService, "PullImage", request,
                                                               options_.pull_timeout));
    co_return std::move(*response.mutable_image_ref());
  }

  Task<Result<void>> remove_image(std::string image) override {
    v1::RemoveImageRequest request;
    request.mutable_image()->set_image(std::move(image));
    auto response = co_await call<v1::RemoveImageResponse>(kImageService, "RemoveImage", request);
    if (!response) co_return gone_is_done(fail(std::move(response).error()));
    co_return Result<void>{};
  }

  Task<Result<v1::FilesystemUsage>> image_filesystem() override {
    CO_TRY(auto response, co_await call<v1::ImageFsInfoResponse>(kImageService, "ImageFsInfo",
                                                                 v1::ImageFsInfoRequest()));
    if (response.image_filesystems().empty()) {
      co_return fail(Status::unavailable("container runtime tells of no image file system"));
    }
    co_return std::move(*response.mutable_image_filesystems(0));
  }

 private:
  static std::string method(std::string_view service, std::string_view name) {
    return std::string(service).append(name);
  }

  template <class Response, class Request>
  Task<Result<Response>> call(std::string_view service, std::string_view name,
                              const Request& request) {
    return send<Response>(service, name, request.SerializeAsString(), options_.request_timeout);
  }
  template <class Response, class Request>
  Task<Result<Response>> call(std::string_view service, std::string_view name,
                              const Request& request, Duration timeout) {
    return send<Response>(service, name, request.SerializeAsString(), timeout);
  }

  // The names are literals, so views of them outlive the task.
  template <class Response>
  Task<Result<Response>> send(std::string_view service, std::string_view name, std::string message,
                              Duration timeout) {
    CO_TRY(auto bytes, co_await channel_->call(method(service, name), std::move(message), timeout));
    co_return parse<Response>(name, bytes);
  }

  template <class Response, class Request>
  Task<Result<void>> call_void(std::string_view name, const Request& request) {
    return send_void<Response>(name, request.SerializeAsString(), options_.request_timeout);
  }
  template <class Response, class Request>
  Task<Result<void>> call_void(std::string_view name, const Request& request, Duration timeout) {
    return send_void<Response>(name, request.SerializeAsString(), timeout);
  }
  template <class Response>
  Task<Result<void>> send_void(std::string_view name, std::string message, Duration timeout) {
    CO_TRY_OK(co_await send<Response>(kRuntimeService, name, std::move(message), timeout));
    co_return Result<void>{};
  }

  std::unique_ptr<net::GrpcChannel> channel_;
  const GrpcRuntimeOptions options_;
};

}  // namespace

std::unique_ptr<Runtime> make_grpc_runtime(std::unique_ptr<net::GrpcChannel> channel,
                                           GrpcRuntimeOptions options) {
  return std::make_unique<GrpcRuntime>(std::move(channel), options);
}

Result<std::string> socket_path_of_endpoint(std::string_view endpoint) {
  constexpr std::string_view kScheme = "unix://";
  if (endpoint.starts_with(kScheme)) endpoint.remove_prefix(kScheme.size());
  if (!endpoint.starts_with('/')) {
    return fail(Status::bad_request("container runtime endpoint \"" + std::string(endpoint) +
                                    "\" is not the path of a unix socket"));
  }
  return std::string(endpoint);
}

}  // namespace keelson::cri
