// SPDX-License-Identifier: Apache-2.0
#include "controllers/garbage_collector/controller.h"

#include <algorithm>
#include <map>
#include <set>

#include "api/codec/json.h"
#include "base/log.h"
#include "controllers/garbage_collector/graph.h"

namespace keelson::controllers {
namespace gc {
namespace {

constexpr std::string_view kForeground = "foregroundDeletion";
constexpr std::string_view kOrphan = "orphan";
constexpr std::size_t kRememberedMax = 500;  // Upstream: the size of its absent owner cache.

class GarbageCollector final : public Controller {
 public:
  explicit GarbageCollector(ControllerContext& context)
      : context_(context), queue_(context.executor) {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (const api::GroupVersion* version : api::builtin_group_versions()) {
      if (!version->served_by_default) continue;
      for (const api::Resource& resource : version->resources) {
        if (!resource.has_verb("delete") || !resource.has_verb("watch") ||
            !seen.emplace(resource.group, resource.plural).second)
          continue;
        // Events own nothing and are owned by nothing, and there are many.
        if (resource.plural == "events") continue;
        resources_.push_back(&resource);
        context.informers.of(resource).add_handler(
            [this, &resource](const ObjectPtr& before, const ObjectPtr& now) {
              changed(resource, before, now);
            });
      }
    }
  }

  std::string_view name() const override { return "garbage-collector"; }

  Task<void> run() override {
    // An owner of a kind not yet listed would look like one that is gone.
    for (const api::Resource* resource : resources_) {
      if (!co_await context_.informers.of(*resource).wait_synced()) co_return;
    }
    co_await client::run_workers<std::string>(
        queue_, 20, name(), [this](std::string uid) { return reconcile(std::move(uid)); });
  }

 private:
  void changed(const api::Resource& resource, const ObjectPtr& before, const ObjectPtr& now) {
    if (!now) {
      graph_.remove(before->uid());
      for (const auto& dependent : graph_.dependents(before->uid())) queue_.add(dependent);
      // Owners that wait in the foreground for this one.
      for (const auto& owner : node_of(resource, *before).owners) queue_.add(owner.uid);
      return;
    }
    // A deletion and a new object of the same name may come as one change.
    if (before && before->uid() != now->uid()) changed(resource, before, nullptr);
    const Node& node = graph_.set(node_of(resource, *now));
    absent_.erase(node.uid);
    if (!node.owners.empty() || node.deleting) queue_.add(node.uid);
    if (node.deleting && node.has_finalizer(kForeground)) {
      for (const auto& dependent : graph_.dependents(node.uid)) queue_.add(dependent);
    }
  }

  Task<Result<client::Requeue>> reconcile(std::string uid) {
    const Node* known = graph_.find(uid);
    if (!known) co_return client::Requeue::none();
    const Node node = *known;  // The graph changes during the waits below.
    if (node.deleting && node.has_finalizer(kOrphan)) co_return co_await orphan(node);
    if (node.deleting && node.has_finalizer(kForeground)) co_return co_await foreground(node);
    if (node.deleting || node.owners.empty()) co_return client::Requeue::none();
    co_return co_await judge(node);
  }

  // Removes the object if all owners are gone; takes the gone ones off its list otherwise.
  Task<Result<client::Requeue>> judge(const Node& node) {
    std::vector<std::string> gone;
    bool held = false, held_in_foreground = false;
    for (const auto& owner : node.owners) {
      CO_TRY(const Presence presence, co_await look_up(node, owner));
      if (presence == Presence::Absent) {
        gone.push_back(owner.uid);
        continue;
      }
      const Node* present = graph_.find(owner.uid);
      if (present && present->deleting && present->has_finalizer(kForeground)) {
        held_in_foreground = true;
      } else {
        held = true;
      }
    }
    if (held) {
      // Owners that leave in the foreground do not take along what somebody else still holds.
      for (const auto& owner : node.owners) {
        const Node* present = graph_.find(owner.uid);
        if (present && present->deleting && present->has_finalizer(kForeground))
          gone.push_back(owner.uid);
      }
      if (!gone.empty()) CO_TRY_OK(co_await drop_owners(node, gone));
      co_return client::Requeue::none();
    }
    if (gone.empty() && !held_in_foreground) co_return client::Requeue::none();
    // With dependents that block, foreground goes on downwards.
    const bool blocks = held_in_foreground && !graph_.dependents(node.uid).empty();
    CO_TRY_OK(co_await remove(
        node, blocks ? client::Propagation::Foreground : client::Propagation::Default));
    co_return client::Requeue::none();
  }

  Task<Result<client::Requeue>> foreground(const Node& node) {
    bool blocked = false;
    for (const auto& uid : graph_.dependents(node.uid)) {
      const Node* dependent = graph_.find(uid);
      if (!dependent) continue;
      for (const auto& owner : dependent->owners) {
        if (owner.uid == node.uid && owner.blockOwnerDeletion.value_or(false)) blocked = true;
      }
      if (!dependent->deleting) queue_.add(uid);
    }
    if (blocked) co_return client::Requeue::none();  // The last dependent's end brings us back.
    CO_TRY_OK(co_await drop_finalizer(node, kForeground));
    co_return client::Requeue::none();
  }

  Task<Result<client::Requeue>> orphan(const Node& node) {
    for (const auto& uid : graph_.dependents(node.uid)) {
      const Node* dependent = graph_.find(uid);
      if (!dependent) continue;
      const Node copy = *dependent;
      CO_TRY_OK(co_await drop_owners(copy, {node.uid}));
    }
    CO_TRY_OK(co_await drop_finalizer(node, kOrphan));
    co_return client::Requeue::none();
  }

  enum class Presence : std::uint8_t { Present, Absent };

  // Whether an owner exists: the graph's yes is enough, its no is checked with the server.
  Task<Result<Presence>> look_up(const Node& node, const meta::v1::OwnerReference& owner) {
    if (const Node* present = graph_.find(owner.uid)) {
      const bool elsewhere =
          present->resource->namespaced && present->key.namespace_ != node.key.namespace_;
      if (elsewhere) report_elsewhere(node, owner);
      // An object of the cluster cannot be owned by one in a namespace. Nobody can tell what was
      // meant, so it stays.
      if (elsewhere && !node.resource->namespaced) co_return Presence::Present;
      // Where only the uid fits, the reference's own words are looked up.
      if (!elsewhere && present->key.name == owner.name && present->resource->kind == owner.kind)
        co_return Presence::Present;
    }
    if (absent_.contains(owner.uid)) co_return Presence::Absent;
    const auto slash = owner.apiVersion.find('/');
    const std::string_view group = slash == std::string::npos
                                       ? std::string_view()
                                       : std::string_view(owner.apiVersion).substr(0, slash);
    const std::string_view version = slash == std::string::npos
                                         ? owner.apiVersion
                                         : std::string_view(owner.apiVersion).substr(slash + 1);
    const api::Resource* resource = api::find_builtin_kind(group, version, owner.kind);
    // A kind that nobody knows may come back (a CRD being installed): never a reason to delete.
    if (!resource) co_return Presence::Present;
    if (resource->namespaced && !node.resource->namespaced) co_return Presence::Present;
    auto found = co_await context_.client.get(
        *resource, {resource->namespaced ? node.key.namespace_ : "", owner.name});
    if (found && (*found)->uid() == owner.uid) co_return Presence::Present;
    if (!found && !found.error().is(Reason::NotFound)) co_return fail(std::move(found).error());
    remember_absent(owner.uid);
    co_return Presence::Absent;
  }

  // Once an object and owner, however often it is looked at.
  void report_elsewhere(const Node& node, const meta::v1::OwnerReference& owner) {
    if (reported_.size() >= kRememberedMax) reported_.clear();
    if (!reported_.emplace(node.uid, owner.uid).second) return;
    context_.events.record({.api_version = node.resource->api_version(),
                            .kind = std::string(node.resource->kind),
                            .namespace_ = node.key.namespace_,
                            .name = node.key.name,
                            .uid = node.uid,
                            .resource_version = {},
                            .field_path = {}},
                           client::EventType::Warning, "OwnerRefInvalidNamespace",
                           "ownerRef [" + owner.apiVersion + "/" + owner.kind +
                               ", namespace: " + node.key.namespace_ + ", name: " + owner.name +
                               ", uid: " + owner.uid + "] does not exist in namespace \"" +
                               node.key.namespace_ + "\"");
  }

  void remember_absent(const std::string& uid) {
    // Bounded: forgetting only costs a look at the server.
    if (absent_.size() >= kRememberedMax) absent_.clear();
    absent_.insert(uid);
  }

  // Only the version that was judged: whoever adds an owner meanwhile wants it kept. A newer one
  // comes as an event, and is judged anew.
  Task<Result<void>> remove(const Node& node, client::Propagation propagation) {
    log_verbose(2, "Deleting object without owners",
                {{"resource", node.resource->group_resource()}, {"key", node.key.text()}});
    auto removed = co_await context_.client.remove(
        *node.resource, node.key,
        client::DeleteOptions{
            .propagation = propagation == client::Propagation::Default
                               ? client::Propagation::Background
                               : propagation,
            .precondition_uid = node.uid,
            .precondition_resource_version = std::to_string(node.resource_version)});
    if (!removed && !removed.error().is(Reason::NotFound) && !removed.error().is(Reason::Conflict))
      co_return fail(std::move(removed).error());
    co_return Result<void>{};
  }

  Task<Result<void>> drop_owners(const Node& node, const std::vector<std::string>& uids) {
    boost::json::array kept;
    for (const auto& owner : node.owners) {
      if (std::ranges::find(uids, owner.uid) == uids.end())
        kept.push_back(api::encode_document(owner));
    }
    co_return co_await patch(node, {{"ownerReferences", std::move(kept)}});
  }

  Task<Result<void>> drop_finalizer(const Node& node, std::string_view finalizer) {
    boost::json::array kept;
    for (const auto& name : node.finalizers) {
      if (name != finalizer) kept.emplace_back(name);
    }
    co_return co_await patch(node, {{"finalizers", std::move(kept)}});
  }

  // A merge patch of metadata, on the very version that was judged: lists are replaced
  // whole, and must not undo what somebody added meanwhile.
  Task<Result<void>> patch(const Node& node, boost::json::object metadata) {
    metadata["uid"] = node.uid;
    metadata["resourceVersion"] = std::to_string(node.resource_version);
    auto patched = co_await context_.client.patch(
        *node.resource, node.key, client::PatchType::Merge,
        boost::json::serialize(boost::json::object{{"metadata", std::move(metadata)}}), {});
    if (!patched && !patched.error().is(Reason::NotFound))
      co_return fail(std::move(patched).error());
    co_return Result<void>{};
  }

  ControllerContext& context_;
  client::WorkQueue<std::string> queue_;
  Graph graph_;
  std::vector<const api::Resource*> resources_;
  std::set<std::string> absent_;
  std::set<std::pair<std::string, std::string>> reported_;
};

}  // namespace
}  // namespace gc

std::unique_ptr<Controller> make_garbage_collector(ControllerContext& context) {
  return std::make_unique<gc::GarbageCollector>(context);
}

}  // namespace keelson::controllers
