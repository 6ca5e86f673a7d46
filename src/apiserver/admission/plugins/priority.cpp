// SPDX-License-Identifier: Apache-2.0
#include "api/core/v1.h"
#include "api/scheduling/v1.h"
#include "apiserver/admission/plugins/plugins.h"
#include "apiserver/context/document_metadata.h"

namespace keelson::apiserver {
namespace {

using scheduling::v1::PriorityClass;

class PriorityAdmission final : public AdmissionPlugin {
 public:
  explicit PriorityAdmission(CacheSet& caches) : caches_(caches) {}

  std::string_view name() const override { return "Priority"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    if (!is_request_for(request, "", "pods")) co_return Result<void>{};
    if (request.operation == Operation::Update) {
      keep_priority(*request.object, *request.before);
    } else if (request.operation == Operation::Create) {
      co_return co_await give_priority(request);
    }
    co_return Result<void>{};
  }

  Task<Result<void>> validate(const AdmissionRequest& request) override {
    const bool writes =
        request.operation == Operation::Create || request.operation == Operation::Update;
    if (!is_request_for(request, "scheduling.k8s.io", "priorityclasses") || !writes) {
      co_return Result<void>{};
    }
    const auto* wanted = api::find_at(*request.object, {"globalDefault"});
    if (wanted == nullptr || !wanted->is_bool() || !wanted->get_bool()) co_return Result<void>{};
    const auto other = default_class();
    if (other && other->name() != request.key.name) {
      co_return fail(admission_forbidden(request, "PriorityClass " + other->name() +
                                                      " is already marked as default. Only one "
                                                      "default can exist"));
    }
    co_return Result<void>{};
  }

 private:
  // Clients that do not know the field leave it out.
  static void keep_priority(api::Document& pod, const api::Object& before) {
    if (api::find_at(pod, {"spec", "priority"}) != nullptr) return;
    const auto& old = before.as<core::v1::Pod>();
    if (!old.spec.priority ||
        api::string_at(pod, {"spec", "priorityClassName"}) != old.spec.priorityClassName) {
      return;
    }
    api::object_at(pod, {"spec"})["priority"] = *old.spec.priority;
  }

  // Of several the one with the lowest value, as upstream.
  api::ObjectPtr default_class() const {
    api::ObjectPtr found;
    caches_.find(api::resource_of<PriorityClass>())
        ->state()
        .objects.each_from({}, [&](const api::ObjectPtr& object) {
          const auto& candidate = object->as<PriorityClass>();
          if (candidate.globalDefault &&
              (!found || candidate.value < found->as<PriorityClass>().value)) {
            found = object;
          }
          return true;
        });
    return found;
  }

  Task<Result<void>> give_priority(AdmissionRequest& request) {
    api::Document& pod = *request.object;
    auto& spec = api::object_at(pod, {"spec"});
    std::int64_t priority = 0;
    std::string policy = "PreemptLowerPriority";
    const std::string class_name(api::string_at(pod, {"spec", "priorityClassName"}));
    api::ObjectPtr object;
    if (class_name.empty()) {
      object = default_class();
    } else {
      CO_TRY(object, co_await find_admission_object(caches_, api::resource_of<PriorityClass>(),
                                                    api::ObjectKey{{}, class_name}));
      if (!object) {
        co_return fail(admission_forbidden(
            request, "no PriorityClass with name " + class_name + " was found"));
      }
    }
    if (object) {
      const auto& found = object->as<PriorityClass>();
      priority = found.value;
      if (found.preemptionPolicy) policy = *found.preemptionPolicy;
      spec["priorityClassName"] = object->name();
    }
    if (const auto* given = api::find_at(pod, {"spec", "priority"});
        given != nullptr && int_at(pod, {"spec", "priority"}) != priority) {
      co_return fail(admission_forbidden(
          request, "the integer value of priority (" +
                       std::to_string(int_at(pod, {"spec", "priority"})) +
                       ") must not be provided in pod spec; priority admission controller "
                       "computed " +
                       std::to_string(priority) + " from the given PriorityClass name"));
    }
    const std::string given_policy(api::string_at(pod, {"spec", "preemptionPolicy"}));
    if (!given_policy.empty() && given_policy != policy) {
      co_return fail(admission_forbidden(
          request, "the string value of PreemptionPolicy (" + given_policy +
                       ") must not be provided in pod spec; priority admission controller "
                       "computed " +
                       policy + " from the given PriorityClass name"));
    }
    spec["priority"] = priority;
    spec["preemptionPolicy"] = policy;
    co_return Result<void>{};
  }

  CacheSet& caches_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_priority_admission(CacheSet& caches) {
  return std::make_unique<PriorityAdmission>(caches);
}

}  // namespace keelson::apiserver
