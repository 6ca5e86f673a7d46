// SPDX-License-Identifier: Apache-2.0
#include <iomanip>
#include <sstream>

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "apiserver/admission/plugins/plugins.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using api::Quantity;
using core::v1::LimitRange;
using core::v1::LimitRangeItem;
using core::v1::PersistentVolumeClaim;
using core::v1::Pod;

using Amounts = std::map<std::string, Quantity, std::less<>>;
using Errors = std::vector<std::string>;

constexpr std::string_view kAnnotation = "kubernetes.io/limit-ranger";

// What something asks for, as a LimitRange sees it.
struct Usage {
  const Amounts& requests;
  const Amounts& limits;
};

const Quantity* find(const Amounts& amounts, std::string_view name) {
  const auto found = amounts.find(name);
  return found == amounts.end() ? nullptr : &found->second;
}

std::string ratio_text(double ratio) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(6) << ratio;
  return out.str();
}

// "minimum cpu usage per Container is 1"
std::string bound_text(std::string_view bound, std::string_view resource, std::string_view type,
                       const Quantity& enforced) {
  std::string out(bound);
  out.append(" ").append(resource).append(" usage per ").append(type).append(" is ");
  return out.append(enforced.text());
}

void check_minimum(const LimitRangeItem& item, Usage usage, bool limits_too, Errors& errors) {
  for (const auto& [name, enforced] : item.min) {
    const std::string text = bound_text("minimum", name, item.type, enforced);
    const Quantity* request = find(usage.requests, name);
    const Quantity* limit = limits_too ? find(usage.limits, name) : nullptr;
    if (request == nullptr) {
      errors.push_back(text + ".  No request is specified");
    } else if (*request < enforced) {
      errors.push_back(text + ", but request is " + request->text());
    } else if (limit != nullptr && *limit < enforced) {
      errors.push_back(text + ", but limit is " + limit->text());
    }
  }
}

// A claim has requests only.
void check_maximum(const LimitRangeItem& item, Usage usage, bool limits_too, Errors& errors) {
  for (const auto& [name, enforced] : item.max) {
    const std::string text = bound_text("maximum", name, item.type, enforced);
    const Quantity* request = find(usage.requests, name);
    const Quantity* limit = find(usage.limits, name);
    if (limits_too && limit == nullptr) {
      errors.push_back(text + ".  No limit is specified");
    } else if (!limits_too && request == nullptr) {
      errors.push_back(text + ".  No request is specified");
    } else if (limits_too && *limit > enforced) {
      errors.push_back(text + ", but limit is " + limit->text());
    } else if (request != nullptr && *request > enforced) {
      errors.push_back(text + ", but request is " + request->text());
    }
  }
}

void check_ratio(const LimitRangeItem& item, Usage usage, Errors& errors) {
  for (const auto& [name, enforced] : item.maxLimitRequestRatio) {
    const std::string text =
        name + " max limit to request ratio per " + item.type + " is " + enforced.text();
    const Quantity* request = find(usage.requests, name);
    const Quantity* limit = find(usage.limits, name);
    if (request == nullptr || request->is_zero()) {
      errors.push_back(text + ", but no request is specified or request is 0");
    } else if (limit == nullptr || limit->is_zero()) {
      errors.push_back(text + ", but no limit is specified or limit is 0");
    } else if (const double ratio = limit->as_double() / request->as_double();
               ratio > enforced.as_double()) {
      errors.push_back(text + ", but provided ratio is " + ratio_text(ratio));
    }
  }
}

void check_pod(const LimitRange& range, const Pod& pod, Errors& errors) {
  for (const LimitRangeItem& item : range.spec.limits) {
    const auto check = [&](const Amounts& requests, const Amounts& limits) {
      const Usage usage{requests, limits};
      check_minimum(item, usage, true, errors);
      check_maximum(item, usage, true, errors);
      check_ratio(item, usage, errors);
    };
    if (item.type == "Container") {
      for (const auto* containers : {&pod.spec.containers, &pod.spec.initContainers}) {
        for (const auto& container : *containers) {
          check(container.resources.requests, container.resources.limits);
        }
      }
    } else if (item.type == "Pod") {
      check(podspec::pod_requests(pod), podspec::pod_limits(pod));
    }
  }
}

void check_claim(const LimitRange& range, const PersistentVolumeClaim& claim, Errors& errors) {
  for (const LimitRangeItem& item : range.spec.limits) {
    if (item.type != "PersistentVolumeClaim") continue;
    const Usage usage{claim.spec.resources.requests, claim.spec.resources.limits};
    check_minimum(item, usage, false, errors);
    check_maximum(item, usage, false, errors);
  }
}

// Adds what is missing to `to`; returns the names of what was added.
std::string add_missing(json::object& to, const Amounts& from) {
  std::string names;
  for (const auto& [name, amount] : from) {
    if (to.contains(name)) continue;
    to[name] = amount.text();
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

class LimitRanger final : public AdmissionPlugin {
 public:
  explicit LimitRanger(CacheSet& caches) : ranges_(caches.find(api::resource_of<LimitRange>())) {
    CHECK(ranges_ != nullptr);
  }

  std::string_view name() const override { return "LimitRanger"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    if (!is_request_for(request, "", "pods") || request.operation != Operation::Create) {
      co_return Result<void>{};
    }
    std::string said;
    for (const auto& object : ranges_of(request.key.namespace_)) {
      for (const LimitRangeItem& item : object->as<LimitRange>().spec.limits) {
        if (item.type == "Container") set_defaults(*request.object, item, said);
      }
    }
    if (!said.empty()) {
      api::object_at(*request.object, {"metadata", "annotations"})[kAnnotation] =
          "LimitRanger plugin set: " + said;
    }
    co_return Result<void>{};
  }

  Task<Result<void>> validate(const AdmissionRequest& request) override {
    Errors errors;
    if (is_request_for(request, "", "pods") && request.operation == Operation::Create) {
      const auto ranges = ranges_of(request.key.namespace_);
      if (ranges.empty()) co_return Result<void>{};
      CO_TRY(const Pod pod, api::decode<Pod>(*request.object));
      for (const auto& range : ranges) check_pod(range->as<LimitRange>(), pod, errors);
    } else if (is_request_for(request, "", "persistentvolumeclaims") && request.object != nullptr) {
      const auto ranges = ranges_of(request.key.namespace_);
      if (ranges.empty()) co_return Result<void>{};
      CO_TRY(const auto claim, api::decode<PersistentVolumeClaim>(*request.object));
      for (const auto& range : ranges) check_claim(range->as<LimitRange>(), claim, errors);
    }
    if (errors.empty()) co_return Result<void>{};
    std::string text = errors.front();
    if (errors.size() > 1) {
      text.insert(0, "[");
      for (std::size_t i = 1; i < errors.size(); ++i) text.append(", ").append(errors[i]);
      text += "]";
    }
    co_return fail(admission_forbidden(request, text));
  }

 private:
  std::vector<api::ObjectPtr> ranges_of(const std::string& namespace_) const {
    std::vector<api::ObjectPtr> found;
    // Most clusters have none, and asking for the state would make the cache copy itself.
    if (ranges_->size() == 0) return found;
    ranges_->state().objects.each_from({namespace_, {}}, [&](const api::ObjectPtr& object) {
      if (object->namespace_() != namespace_) return false;
      found.push_back(object);
      return true;
    });
    return found;
  }

  static void set_defaults(api::Document& pod, const LimitRangeItem& item, std::string& said) {
    for (const std::string_view list : {"containers", "initContainers"}) {
      auto* containers = api::find_at(pod, {"spec", list});
      if (containers == nullptr || !containers->is_array()) continue;
      for (auto& container : containers->get_array()) {
        if (!container.is_object()) continue;
        const auto add = [&](std::string_view field, const Amounts& amounts,
                             std::string_view what) {
          if (amounts.empty()) return;
          const auto names = add_missing(api::object_at(container, {"resources", field}), amounts);
          if (names.empty()) return;
          if (!said.empty()) said += "; ";
          said.append(names).append(what);
          said.append(list == "containers" ? " for container " : " for init container ");
          said.append(api::string_at(container, {"name"}));
        };
        add("requests", item.defaultRequest, " request");
        add("limits", item.default_, " limit");
      }
    }
  }

  const std::shared_ptr<WatchCache> ranges_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_limit_ranger(CacheSet& caches) {
  return std::make_unique<LimitRanger>(caches);
}

}  // namespace keelson::apiserver
