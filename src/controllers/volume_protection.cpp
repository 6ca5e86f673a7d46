// SPDX-License-Identifier: Apache-2.0
#include "controllers/volume_protection.h"

#include <algorithm>

#include "api/core/v1.h"
#include "podspec/references.h"

namespace keelson::controllers {
namespace {

using core::v1::PersistentVolume;
using core::v1::PersistentVolumeClaim;
using core::v1::Pod;

constexpr std::string_view kClaimFinalizer = "kubernetes.io/pvc-protection";
constexpr std::string_view kVolumeFinalizer = "kubernetes.io/pv-protection";

template <class T>
bool has_finalizer(const T& object, std::string_view name) {
  return std::ranges::find(object.metadata.finalizers, name) != object.metadata.finalizers.end();
}

// Something is to be done once the object is free, or because it was made without protection.
template <class T>
bool needs_work(const T& object, std::string_view finalizer) {
  return object.metadata.deletionTimestamp.has_value() == has_finalizer(object, finalizer);
}

// Adds the finalizer, or takes it away.
template <class T>
Task<Result<client::Requeue>> set_finalizer(client::Client& client, T object,
                                            std::string_view finalizer, bool present) {
  auto& finalizers = object.metadata.finalizers;
  if (present) {
    finalizers.emplace_back(finalizer);
  } else {
    std::erase(finalizers, finalizer);
  }
  auto updated = co_await client.update(std::move(object));
  if (!updated && !updated.error().is(Reason::NotFound)) co_return fail(updated.error());
  co_return client::Requeue::none();
}

// A pod without a node will not start any more once its claim is going.
bool uses(const Pod& pod, std::string_view claim) {
  if (pod.spec.nodeName.empty()) return false;
  const auto claims = podspec::claims_of(pod);
  return std::ranges::find(claims, claim) != claims.end();
}

class ClaimProtection final : public Controller {
 public:
  explicit ClaimProtection(ControllerContext& context)
      : context_(context), queue_(context.executor) {
    context.informers.of<PersistentVolumeClaim>().add_handler(
        [this](const ObjectPtr&, const ObjectPtr& now) {
          if (now && needs_work(now->as<PersistentVolumeClaim>(), kClaimFinalizer)) {
            queue_.add(now->key());
          }
        });
    context.informers.of<Pod>().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      if (now || !before) return;
      for (auto& claim : podspec::claims_of(before->as<Pod>())) {
        queue_.add({before->namespace_(), std::move(claim)});
      }
    });
  }

  std::string_view name() const override { return "persistentvolumeclaim-protection"; }

  Task<void> run() override {
    if (!co_await context_.informers.of<PersistentVolumeClaim>().wait_synced()) co_return;
    if (!co_await context_.informers.of<Pod>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 2, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto claim =
        context_.informers.of<PersistentVolumeClaim>().find<PersistentVolumeClaim>(key);
    if (!claim || !needs_work(*claim, kClaimFinalizer)) co_return client::Requeue::none();
    if (!claim->metadata.deletionTimestamp) {
      co_return co_await set_finalizer(context_.client, *claim, kClaimFinalizer, true);
    }
    const auto used_by = [&](const auto& pods) {
      return std::ranges::any_of(pods, [&](const auto& pod) { return uses(*pod, key.name); });
    };
    if (used_by(context_.informers.of<Pod>().list<Pod>(key.namespace_))) {
      co_return client::Requeue::none();  // The pod's end brings it back.
    }
    // The copy here may not have seen the newest pod yet.
    CO_TRY(const auto pods, co_await context_.client.list<Pod>(key.namespace_));
    if (used_by(pods)) co_return client::Requeue::none();
    co_return co_await set_finalizer(context_.client, *claim, kClaimFinalizer, false);
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_;
};

class VolumeProtection final : public Controller {
 public:
  explicit VolumeProtection(ControllerContext& context)
      : context_(context), queue_(context.executor) {
    context.informers.of<PersistentVolume>().add_handler(
        [this](const ObjectPtr&, const ObjectPtr& now) {
          if (now && needs_work(now->as<PersistentVolume>(), kVolumeFinalizer)) {
            queue_.add(now->key());
          }
        });
  }

  std::string_view name() const override { return "persistentvolume-protection"; }

  Task<void> run() override {
    if (!co_await context_.informers.of<PersistentVolume>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 2, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto volume = context_.informers.of<PersistentVolume>().find<PersistentVolume>(key);
    if (!volume || !needs_work(*volume, kVolumeFinalizer)) co_return client::Requeue::none();
    const bool going = volume->metadata.deletionTimestamp.has_value();
    // A change of its phase brings it back.
    if (going && volume->status.phase == "Bound") co_return client::Requeue::none();
    co_return co_await set_finalizer(context_.client, *volume, kVolumeFinalizer, !going);
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_;
};

}  // namespace

std::unique_ptr<Controller> make_claim_protection_controller(ControllerContext& context) {
  return std::make_unique<ClaimProtection>(context);
}

std::unique_ptr<Controller> make_volume_protection_controller(ControllerContext& context) {
  return std::make_unique<VolumeProtection>(context);
}

}  // namespace keelson::controllers
