// SPDX-License-Identifier: Apache-2.0
#include "api/codec/json.h"
#include "api/node/v1.h"
#include "apiserver/admission/plugins/plugins.h"

namespace keelson::apiserver {
namespace {

using node::v1::RuntimeClass;

class RuntimeClassAdmission final : public AdmissionPlugin {
 public:
  explicit RuntimeClassAdmission(CacheSet& caches) : caches_(caches) {}

  std::string_view name() const override { return "RuntimeClass"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    if (!is_request_for(request, "", "pods") || request.operation != Operation::Create) {
      co_return Result<void>{};
    }
    api::Document& pod = *request.object;
    const std::string class_name(api::string_at(pod, {"spec", "runtimeClassName"}));
    const auto* overhead = api::find_at(pod, {"spec", "overhead"});
    if (class_name.empty()) {
      if (overhead != nullptr) {
        co_return fail(admission_forbidden(
            request,
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined "
            "Overhead"));
      }
      co_return Result<void>{};
    }
    CO_TRY(const auto object,
           co_await find_admission_object(caches_, api::resource_of<RuntimeClass>(),
                                          api::ObjectKey{{}, class_name}));
    if (!object) {
      co_return fail(admission_forbidden(
          request, "pod rejected: RuntimeClass \"" + class_name + "\" not found"));
    }
    CO_TRY(const auto found, api::parse_json(object->json()));
    co_return apply(request, found);
  }

 private:
  static Result<void> apply(AdmissionRequest& request, const api::Document& runtime_class) {
    api::Document& pod = *request.object;
    auto& spec = api::object_at(pod, {"spec"});
    const auto* fixed = api::find_at(runtime_class, {"overhead", "podFixed"});
    const auto* overhead = api::find_at(pod, {"spec", "overhead"});
    if (overhead != nullptr && (fixed == nullptr || *overhead != *fixed)) {
      return fail(admission_forbidden(
          request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"));
    }
    if (fixed != nullptr) spec["overhead"] = *fixed;

    const auto* selector = api::find_at(runtime_class, {"scheduling", "nodeSelector"});
    if (selector != nullptr && selector->is_object()) {
      auto& own = api::object_at(pod, {"spec", "nodeSelector"});
      for (const auto& [key, value] : selector->get_object()) {
        const auto* present = own.if_contains(key);
        if (present != nullptr && *present != value) {
          return fail(admission_forbidden(
              request, "conflict: runtimeClass.scheduling.nodeSelector[" + std::string(key) +
                           "] = " + std::string(value.as_string()) + "; pod.spec.nodeSelector[" +
                           std::string(key) + "] = " + std::string(present->as_string())));
        }
        own[key] = value;
      }
    }
    const auto* tolerations = api::find_at(runtime_class, {"scheduling", "tolerations"});
    if (tolerations != nullptr && tolerations->is_array()) {
      auto& own = array_at(pod, {"spec"}, "tolerations");
      for (const auto& toleration : tolerations->get_array()) {
        bool present = false;
        for (const auto& other : own) present = present || other == toleration;
        if (!present) own.push_back(toleration);
      }
    }
    return {};
  }

  CacheSet& caches_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_runtime_class_admission(CacheSet& caches) {
  return std::make_unique<RuntimeClassAdmission>(caches);
}

}  // namespace keelson::apiserver
