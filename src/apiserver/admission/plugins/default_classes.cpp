// SPDX-License-Identifier: Apache-2.0
// Upstream's DefaultStorageClass and DefaultIngressClass, which are the same rule twice.
#include "api/networking/v1.h"
#include "api/storage/v1.h"
#include "apiserver/admission/plugins/plugins.h"

namespace keelson::apiserver {
namespace {

class DefaultClasses final : public AdmissionPlugin {
 public:
  explicit DefaultClasses(CacheSet& caches) : caches_(caches) {}

  std::string_view name() const override { return "DefaultStorageClass"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    if (request.operation != Operation::Create) co_return Result<void>{};
    if (is_request_for(request, "", "persistentvolumeclaims")) {
      // An empty name is a choice: no class.
      if (api::find_at(*request.object, {"spec", "storageClassName"}) == nullptr) {
        set_default<storage::v1::StorageClass>(*request.object, "storageClassName",
                                               "storageclass.kubernetes.io/is-default-class");
      }
    } else if (is_request_for(request, "networking.k8s.io", "ingresses")) {
      if (api::find_at(*request.object, {"spec", "ingressClassName"}) == nullptr &&
          api::find_at(*request.object,
                       {"metadata", "annotations", "kubernetes.io/ingress.class"}) == nullptr) {
        set_default<networking::v1::IngressClass>(*request.object, "ingressClassName",
                                                  "ingressclass.kubernetes.io/is-default-class");
      }
    }
    co_return Result<void>{};
  }

 private:
  // The newest default; of those of one second the first by name.
  template <class Class>
  void set_default(api::Document& object, std::string_view field, std::string_view annotation) {
    api::ObjectPtr found;
    caches_.find(api::resource_of<Class>())
        ->state()
        .objects.each_from({}, [&](const api::ObjectPtr& candidate) {
          const auto& metadata = candidate->as<Class>().metadata;
          const auto mark = metadata.annotations.find(annotation);
          if (mark == metadata.annotations.end() || mark->second != "true") return true;
          if (!found ||
              metadata.creationTimestamp > found->as<Class>().metadata.creationTimestamp) {
            found = candidate;
          }
          return true;
        });
    if (found) api::object_at(object, {"spec"})[field] = found->name();
  }

  CacheSet& caches_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_default_classes(CacheSet& caches) {
  return std::make_unique<DefaultClasses>(caches);
}

}  // namespace keelson::apiserver
