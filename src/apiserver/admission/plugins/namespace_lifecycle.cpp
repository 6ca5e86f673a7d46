// SPDX-License-Identifier: Apache-2.0
#include "api/core/v1.h"
#include "apiserver/admission/plugins/plugins.h"

namespace keelson::apiserver {
namespace {

using core::v1::Namespace;

class NamespaceLifecycle final : public AdmissionPlugin {
 public:
  explicit NamespaceLifecycle(CacheSet& caches) : caches_(caches) {}

  std::string_view name() const override { return "NamespaceLifecycle"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    if (request.resource.group.empty() && request.resource.plural == "namespaces") {
      if (request.operation == Operation::Delete && is_immortal(request.key.name)) {
        co_return fail(admission_forbidden(request, "this namespace may not be deleted"));
      }
      co_return Result<void>{};
    }
    if (!request.resource.namespaced || request.operation == Operation::Delete) {
      co_return Result<void>{};
    }
    const std::string namespace_ = request.key.namespace_;
    CO_TRY(const auto object, co_await find_admission_object(caches_, api::resource_of<Namespace>(),
                                                             api::ObjectKey{{}, namespace_}));
    if (!object) co_return fail(Status::not_found("", "namespaces", namespace_));
    if (request.operation != Operation::Create ||
        object->as<Namespace>().status.phase != "Terminating") {
      co_return Result<void>{};
    }
    Status status =
        admission_forbidden(request, "unable to create new content in namespace " + namespace_ +
                                         " because it is being terminated");
    StatusDetails details = status.details();
    details.causes.push_back({"NamespaceTerminating",
                              "namespace " + namespace_ + " is being terminated",
                              "metadata.namespace"});
    co_return fail(std::move(status).with_details(std::move(details)));
  }

 private:
  static bool is_immortal(std::string_view name) {
    return name == "default" || name == "kube-system" || name == "kube-public";
  }

  CacheSet& caches_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_namespace_lifecycle(CacheSet& caches) {
  return std::make_unique<NamespaceLifecycle>(caches);
}

}  // namespace keelson::apiserver
