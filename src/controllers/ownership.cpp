// SPDX-License-Identifier: Apache-2.0
#include "controllers/ownership.h"

namespace keelson::controllers {

const meta::v1::OwnerReference* controller_of(const meta::v1::ObjectMeta& metadata) {
  for (const auto& reference : metadata.ownerReferences) {
    if (reference.controller.value_or(false)) return &reference;
  }
  return nullptr;
}

Claim claim(const meta::v1::ObjectMeta& object, const meta::v1::ObjectMeta& owner, bool matches) {
  const bool owner_leaves = owner.deletionTimestamp.has_value();
  if (const auto* controller = controller_of(object)) {
    if (controller->uid != owner.uid) return Claim::Ignore;
    if (matches) return Claim::Mine;
    // An owner on its way out keeps its claim: the garbage collector decides.
    return owner_leaves ? Claim::Ignore : Claim::Release;
  }
  if (owner_leaves || !matches || object.deletionTimestamp) return Claim::Ignore;
  return Claim::Adopt;
}

std::string adopt_patch(const meta::v1::OwnerReference& owner, const std::string& uid,
                        const std::string& finalizer) {
  boost::json::object reference{{"apiVersion", owner.apiVersion},
                                {"kind", owner.kind},
                                {"name", owner.name},
                                {"uid", owner.uid},
                                {"controller", true},
                                {"blockOwnerDeletion", true}};
  boost::json::object metadata{{"ownerReferences", boost::json::array{std::move(reference)}},
                               {"uid", uid}};
  if (!finalizer.empty()) metadata["finalizers"] = boost::json::array{finalizer};
  return boost::json::serialize(boost::json::object{{"metadata", std::move(metadata)}});
}

std::string release_patch(const std::string& owner_uid, const std::string& uid) {
  boost::json::object reference{{"$patch", "delete"}, {"uid", owner_uid}};
  return boost::json::serialize(boost::json::object{
      {"metadata", {{"ownerReferences", boost::json::array{std::move(reference)}}, {"uid", uid}}}});
}

}  // namespace keelson::controllers
