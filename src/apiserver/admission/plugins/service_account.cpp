// SPDX-License-Identifier: Apache-2.0
#include "api/codec/json.h"
#include "api/core/v1.h"
#include "apiserver/admission/plugins/plugins.h"
#include "podspec/annotations.h"
#include "podspec/references.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using core::v1::Pod;
using core::v1::ServiceAccount;

constexpr std::string_view kDefaultAccount = "default";
constexpr std::string_view kMountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr std::string_view kVolumePrefix = "kube-api-access-";
// The account "default" of a new namespace is made by a controller, so it may be a moment away.
constexpr int kDefaultAttempts = 10;
constexpr auto kAttemptPause = 100ms;

json::object token_volume(const std::string& name) {
  return {
      {"name", name},
      {"projected",
       {{"defaultMode", 420},
        {"sources",
         json::array{
             json::object{
                 {"serviceAccountToken", {{"expirationSeconds", 3607}, {"path", "token"}}}},
             json::object{
                 {"configMap",
                  {{"name", "kube-root-ca.crt"},
                   {"items", json::array{json::object{{"key", "ca.crt"}, {"path", "ca.crt"}}}}}}},
             json::object{{"downwardAPI",
                           {{"items", json::array{json::object{
                                          {"path", "namespace"},
                                          {"fieldRef",
                                           {{"apiVersion", "v1"},
                                            {"fieldPath", "metadata.namespace"}}}}}}}}}}}}}};
}

bool mounts_something(const json::object& container) {
  const auto* mounts = container.if_contains("volumeMounts");
  if (mounts == nullptr || !mounts->is_array()) return false;
  for (const auto& mount : mounts->get_array()) {
    if (api::string_at(mount, {"mountPath"}) == kMountPath) return true;
  }
  return false;
}

class ServiceAccountAdmission final : public AdmissionPlugin {
 public:
  ServiceAccountAdmission(CacheSet& caches, Random& random) : caches_(caches), random_(random) {}

  std::string_view name() const override { return "ServiceAccount"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    if (!is_request_for(request, "", "pods") || request.operation != Operation::Create) {
      co_return Result<void>{};
    }
    api::Document& pod = *request.object;
    if (api::find_at(pod, {"metadata", "annotations", podspec::kMirrorAnnotation}) != nullptr) {
      co_return check_mirror(request);
    }
    auto& spec = api::object_at(pod, {"spec"});
    std::string account_name(api::string_at(pod, {"spec", "serviceAccountName"}));
    if (account_name.empty()) account_name = kDefaultAccount;
    spec["serviceAccountName"] = account_name;
    spec["serviceAccount"] = account_name;

    CO_TRY(const auto object, co_await find_account({request.key.namespace_, account_name}));
    if (!object) {
      co_return fail(admission_forbidden(
          request, "error looking up service account " + request.key.namespace_ + "/" +
                       account_name + ": serviceaccount \"" + account_name + "\" not found"));
    }
    const auto& account = object->as<ServiceAccount>();
    if (wants_token(pod, account)) mount_token(pod);
    const auto* secrets = api::find_at(pod, {"spec", "imagePullSecrets"});
    const bool has_secrets = secrets && secrets->is_array() && !secrets->get_array().empty();
    if (!has_secrets && !account.imagePullSecrets.empty()) {
      auto& list = array_at(pod, {"spec"}, "imagePullSecrets");
      for (const auto& secret : account.imagePullSecrets) {
        list.push_back(json::object{{"name", secret.name}});
      }
    }
    co_return Result<void>{};
  }

 private:
  static Result<void> check_mirror(const AdmissionRequest& request) {
    TRY(const Pod pod, api::decode<Pod>(*request.object));
    if (!pod.spec.serviceAccountName.empty()) {
      return fail(admission_forbidden(request, "a mirror pod may not reference service accounts"));
    }
    if (!podspec::secrets_of(pod).empty()) {
      return fail(admission_forbidden(request, "a mirror pod may not reference secrets"));
    }
    for (const auto& volume : pod.spec.volumes) {
      if (!volume.projected) continue;
      for (const auto& source : volume.projected->sources) {
        if (!source.serviceAccountToken) continue;
        return fail(admission_forbidden(
            request, "a mirror pod may not use ServiceAccountToken volume projections"));
      }
    }
    return {};
  }

  Task<Result<api::ObjectPtr>> find_account(api::ObjectKey key) {
    const int attempts = key.name == kDefaultAccount ? kDefaultAttempts : 1;
    for (int attempt = 1;; ++attempt) {
      CO_TRY(auto object,
             co_await find_admission_object(caches_, api::resource_of<ServiceAccount>(), key));
      if (object || attempt >= attempts) co_return object;
      CO_TRY_OK(co_await sleep_for(kAttemptPause));
    }
  }

  static bool wants_token(const api::Document& pod, const ServiceAccount& account) {
    if (const auto* own = api::find_at(pod, {"spec", "automountServiceAccountToken"});
        own != nullptr && own->is_bool()) {
      return own->get_bool();
    }
    return account.automountServiceAccountToken.value_or(true);
  }

  // Into all containers that have nothing at that place.
  void mount_token(api::Document& pod) {
    std::string volume;
    bool present = false;
    if (const auto* volumes = api::find_at(pod, {"spec", "volumes"});
        volumes != nullptr && volumes->is_array()) {
      for (const auto& other : volumes->get_array()) {
        const std::string_view other_name = api::string_at(other, {"name"});
        if (!other_name.starts_with(kVolumePrefix)) continue;
        volume = other_name;
        present = true;
        break;
      }
    }
    if (!present) volume.append(kVolumePrefix).append(random_.suffix(5));
    bool needed = false;
    for (const std::string_view list : {"containers", "initContainers"}) {
      auto* containers = api::find_at(pod, {"spec", list});
      if (containers == nullptr || !containers->is_array()) continue;
      for (auto& container : containers->get_array()) {
        if (!container.is_object() || mounts_something(container.get_object())) continue;
        array_at(container, {}, "volumeMounts")
            .push_back(
                json::object{{"name", volume}, {"readOnly", true}, {"mountPath", kMountPath}});
        needed = true;
      }
    }
    if (needed && !present) array_at(pod, {"spec"}, "volumes").push_back(token_volume(volume));
  }

  CacheSet& caches_;
  Random& random_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_service_account_admission(CacheSet& caches, Random& random) {
  return std::make_unique<ServiceAccountAdmission>(caches, random);
}

}  // namespace keelson::apiserver
