// SPDX-License-Identifier: Apache-2.0
// Source: upstream, generateSelector in pkg/registry/batch/job.
#include "apiserver/registry/kinds/batch_job.h"

namespace keelson::apiserver {
namespace {

void set_if_missing(boost::json::object& labels, std::string_view key, std::string_view value) {
  if (!labels.contains(key)) labels[key] = value;
}

}  // namespace

void JobStrategy::prepare_for_create(api::Document& object, const CallContext&) const {
  const auto* manual = api::find_at(object, {"spec", "manualSelector"});
  if (manual != nullptr && manual->is_bool() && manual->get_bool()) return;
  const std::string name(api::string_at(object, {"metadata", "name"}));
  const std::string uid(api::string_at(object, {"metadata", "uid"}));
  auto& labels = api::object_at(object, {"spec", "template", "metadata", "labels"});
  set_if_missing(labels, "job-name", name);
  set_if_missing(labels, "batch.kubernetes.io/job-name", name);
  set_if_missing(labels, "controller-uid", uid);
  set_if_missing(labels, "batch.kubernetes.io/controller-uid", uid);
  set_if_missing(api::object_at(object, {"spec", "selector", "matchLabels"}),
                 "batch.kubernetes.io/controller-uid", uid);
}

}  // namespace keelson::apiserver
