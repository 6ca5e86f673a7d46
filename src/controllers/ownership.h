// SPDX-License-Identifier: Apache-2.0
// Controller references: who manages an object, and claiming or letting go of what a selector says.
// Source: API conventions, ownerReferences; upstream's controller_ref_manager.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/core/v1.h"
#include "api/meta/v1.h"
#include "controllers/controller.h"

namespace keelson::controllers {

// The reference with controller true; null if there is none.
const meta::v1::OwnerReference* controller_of(const meta::v1::ObjectMeta& metadata);

template <class T>
meta::v1::OwnerReference controller_reference(const T& owner) {
  const api::Resource& resource = api::resource_of<T>();
  return {.apiVersion = resource.api_version(),
          .kind = std::string(resource.kind),
          .name = owner.metadata.name,
          .uid = owner.metadata.uid,
          .controller = true,
          .blockOwnerDeletion = true};
}

// The index of objects by the uid of their controller; "" for those that have none.
inline constexpr std::string_view kByController = "controller";
template <class T>
void index_by_controller(client::InformerSet& informers) {
  informers.of<T>().add_index(std::string(kByController),
                              [](const api::Object& object) -> std::vector<std::string> {
                                const auto* controller = controller_of(object.as<T>().metadata);
                                return {controller ? controller->uid : std::string()};
                              });
}

// What to do with one object that the owner might own.
enum class Claim : std::uint8_t { Mine, Adopt, Release, Ignore };
// `matches`: the owner's selector finds it. An owner that is being deleted adopts nothing.
Claim claim(const meta::v1::ObjectMeta& object, const meta::v1::ObjectMeta& owner, bool matches);

// The strategic merge patches that adopt and release; both name the uid, so that a namesake made
// meanwhile is left alone. `finalizer`, unless empty, is added with the adoption.
std::string adopt_patch(const meta::v1::OwnerReference& owner, const std::string& uid,
                        const std::string& finalizer = {});
std::string release_patch(const std::string& owner_uid, const std::string& uid);

// Objects of an informer that `owner` owns, after adopting those that its selector finds and
// releasing those that it does not find any more. Adoption asks the server first whether the owner
// still exists. Errors: those of the writes.
template <class T, class Owner>
Task<Result<std::vector<std::shared_ptr<const T>>>> claim_objects(
    ControllerContext& context, const Owner& owner,
    std::function<bool(const meta::v1::ObjectMeta&)> matches, std::string finalizer = {}) {
  client::Informer& informer = context.informers.of<T>();
  auto candidates = informer.by_index<T>(kByController, owner.metadata.uid);
  for (auto& orphan : informer.by_index<T>(kByController, "")) {
    if (orphan->metadata.namespace_ == owner.metadata.namespace_)
      candidates.push_back(std::move(orphan));
  }
  std::vector<std::shared_ptr<const T>> mine;
  bool owner_checked = false;
  for (auto& object : candidates) {
    const ObjectKey key = key_of(*object);
    switch (claim(object->metadata, owner.metadata, matches(object->metadata))) {
      case Claim::Mine:
        mine.push_back(std::move(object));
        break;
      case Claim::Adopt: {
        if (!owner_checked) {
          CO_TRY(auto fresh, co_await context.client.get<Owner>(key_of(owner)));
          if (fresh->metadata.uid != owner.metadata.uid || fresh->metadata.deletionTimestamp)
            co_return mine;
          owner_checked = true;
        }
        auto adopted = co_await context.client.patch<T>(
            key, client::PatchType::Strategic,
            adopt_patch(controller_reference(owner), object->metadata.uid, finalizer));
        if (adopted) {
          mine.push_back(std::move(*adopted));
        } else if (!adopted.error().is(Reason::NotFound)) {
          co_return fail(std::move(adopted).error());
        }
        break;
      }
      case Claim::Release: {
        auto released = co_await context.client.patch<T>(
            key, client::PatchType::Strategic,
            release_patch(owner.metadata.uid, object->metadata.uid));
        // Gone, or a namesake with another uid: nothing of ours is left either way.
        if (!released && !released.error().is(Reason::NotFound) &&
            !released.error().is(Reason::Invalid) && !released.error().is(Reason::Conflict))
          co_return fail(std::move(released).error());
        break;
      }
      case Claim::Ignore:
        break;
    }
  }
  co_return mine;
}

}  // namespace keelson::controllers
