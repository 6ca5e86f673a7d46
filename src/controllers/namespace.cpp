// SPDX-License-Identifier: Apache-2.0
#include "controllers/namespace.h"

#include <map>
#include <set>

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "base/log.h"

namespace keelson::controllers {
namespace {

using core::v1::Namespace;
using core::v1::NamespaceCondition;
using core::v1::Pod;

constexpr auto kLookAgain = std::chrono::seconds(5);

// What is left of one namespace after an attempt to empty it.
struct Remains {
  std::map<std::string, std::size_t> by_resource;  // "pods.": 3
  std::map<std::string, std::size_t> by_finalizer;
  std::vector<std::string> failures;
  bool empty() const { return by_resource.empty() && failures.empty(); }
};

std::string list_counts(const std::map<std::string, std::size_t>& counts, std::string_view verb) {
  std::string text;
  for (const auto& [name, count] : counts) {
    if (!text.empty()) text += ", ";
    text.append(name)
        .append(" ")
        .append(verb)
        .append(" ")
        .append(std::to_string(count))
        .append(" resource instances");
  }
  return text;
}

std::string join(const std::vector<std::string>& texts) {
  std::string joined;
  for (const auto& text : texts) {
    if (!joined.empty()) joined += ", ";
    joined += text;
  }
  return joined;
}

class NamespaceController final : public Controller {
 public:
  explicit NamespaceController(ControllerContext& context)
      : context_(context), queue_(context.executor) {
    context.informers.of<Namespace>().add_handler([this](const ObjectPtr&, const ObjectPtr& now) {
      if (now && now->is_deleting()) queue_.add(now->key());
    });
    // The rest waits for the pods; the end of the last one is worth a look.
    context.informers.of<Pod>().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      if (now) return;
      const auto space = context_.informers.of<Namespace>().find({"", before->namespace_()});
      if (space && space->is_deleting()) queue_.add(space->key());
    });
  }

  std::string_view name() const override { return "namespace"; }

  Task<void> run() override {
    if (!co_await context_.informers.of<Namespace>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 10, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    auto current = co_await context_.client.get<Namespace>(key);
    if (!current) {
      if (current.error().is(Reason::NotFound)) co_return client::Requeue::none();
      co_return fail(std::move(current).error());
    }
    if (!(*current)->metadata.deletionTimestamp) co_return client::Requeue::none();
    if ((*current)->spec.finalizers.empty()) co_return client::Requeue::none();
    if ((*current)->status.phase != "Terminating") {
      Namespace next = **current;
      next.status.phase = "Terminating";
      CO_TRY(*current, co_await context_.client.update_status(std::move(next)));
    }

    Remains remains;
    // Pods go first, while the secrets, claims and policies that they rely on are still there.
    // Source: KEP-5080 (ordered namespace deletion).
    const api::Resource& pods = api::resource_of<Pod>();
    CO_TRY_OK(co_await empty(pods, key.name, remains));
    for (const api::Resource* resource : remains.empty() ? others() : Resources())
      CO_TRY_OK(co_await empty(*resource, key.name, remains));
    CO_TRY_OK(co_await report(**current, remains));
    if (!remains.empty()) {
      if (!remains.failures.empty()) co_return fail(Status::internal(remains.failures.front()));
      co_return client::Requeue::in(kLookAgain);
    }
    // finalize() takes the whole object with the finalizer gone; then the server removes it.
    CO_TRY(auto fresh, co_await context_.client.get<Namespace>(key));
    Namespace next = *fresh;
    std::erase(next.spec.finalizers, "kubernetes");
    auto finalized = co_await context_.client.update(std::move(next), {.subresource = "finalize"});
    if (!finalized && !finalized.error().is(Reason::NotFound))
      co_return fail(std::move(finalized).error());
    co_return client::Requeue::none();
  }

  using Resources = std::vector<const api::Resource*>;

  // What namespaces hold beside pods; each stored kind once, though it may be served in several
  // versions.
  static Resources others() {
    Resources found;
    std::set<std::pair<std::string_view, std::string_view>> seen{{"", "pods"}};
    for (const api::GroupVersion* version : api::builtin_group_versions()) {
      if (!version->served_by_default) continue;
      for (const api::Resource& resource : version->resources) {
        if (resource.namespaced && resource.has_verb("delete") && resource.has_verb("list") &&
            seen.emplace(resource.group, resource.plural).second)
          found.push_back(&resource);
      }
    }
    return found;
  }

  // Failures become part of `remains`: the other kinds go on. Errors: Canceled.
  Task<Result<void>> empty(const api::Resource& resource, std::string namespace_,
                           Remains& remains) {
    auto done = co_await try_empty(resource, namespace_, remains);
    if (!done && done.error().is(Reason::Canceled)) co_return done;
    if (!done) remains.failures.push_back(done.error().message());
    co_return Result<void>{};
  }

  Task<Result<void>> try_empty(const api::Resource& resource, std::string namespace_,
                               Remains& remains) {
    CO_TRY(auto found, co_await context_.client.list(resource, namespace_, {}));
    if (found.items.empty()) co_return Result<void>{};
    CO_TRY_OK(co_await context_.client.remove_collection(
        resource, namespace_, client::DeleteOptions{.propagation = client::Propagation::Background},
        {}));
    CO_TRY(found, co_await context_.client.list(resource, namespace_, {}));
    if (found.items.empty()) co_return Result<void>{};
    remains.by_resource[std::string(resource.plural) + "." + std::string(resource.group)] =
        found.items.size();
    for (const auto& item : found.items) {
      // Decoded apart: the shared typed value belongs to the kind's own struct.
      const auto metadata = api::decode_json<meta::v1::PartialObjectMetadata>(item->json());
      if (!metadata) continue;
      for (const auto& finalizer : metadata->metadata.finalizers) ++remains.by_finalizer[finalizer];
    }
    co_return Result<void>{};
  }

  Task<Result<void>> report(const Namespace& current, const Remains& remains) {
    Namespace next = current;
    set(next, "NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
        "All resources successfully discovered");
    set(next, "NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
        "All legacy kube types successfully parsed");
    const auto& failures = remains.failures;
    set(next, "NamespaceDeletionContentFailure", !failures.empty(),
        failures.empty() ? "ContentDeleted" : "ContentDeletionFailed",
        failures.empty() ? "All content successfully deleted, may be waiting on finalization"
                         : "Failed to delete all resource types, " +
                               std::to_string(failures.size()) + " remaining: " + join(failures));
    set(next, "NamespaceContentRemaining", !remains.by_resource.empty(),
        remains.by_resource.empty() ? "ContentRemoved" : "SomeResourcesRemain",
        remains.by_resource.empty()
            ? "All content successfully removed"
            : "Some resources are remaining: " + list_counts(remains.by_resource, "has"));
    set(next, "NamespaceFinalizersRemaining", !remains.by_finalizer.empty(),
        remains.by_finalizer.empty() ? "ContentHasNoFinalizers" : "SomeFinalizersRemain",
        remains.by_finalizer.empty() ? "All content-preserving finalizers finished"
                                     : "Some content in the namespace has finalizers remaining: " +
                                           list_counts(remains.by_finalizer, "in"));
    if (next.status == current.status) co_return Result<void>{};
    auto written = co_await context_.client.update_status(std::move(next));
    if (!written && !written.error().is(Reason::NotFound) && !written.error().is(Reason::Conflict))
      co_return fail(std::move(written).error());
    co_return Result<void>{};
  }

  void set(Namespace& object, std::string_view type, bool value, std::string reason,
           std::string message) {
    auto found = std::ranges::find(object.status.conditions, type, &NamespaceCondition::type);
    if (found == object.status.conditions.end()) {
      object.status.conditions.push_back({.type = std::string(type)});
      found = std::prev(object.status.conditions.end());
    }
    const std::string_view text = value ? "True" : "False";
    if (found->status != text) {
      found->status = text;
      found->lastTransitionTime = api::Time(context_.executor.now());
    }
    found->reason = std::move(reason);
    found->message = std::move(message);
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_;
};

}  // namespace

std::unique_ptr<Controller> make_namespace_controller(ControllerContext& context) {
  return std::make_unique<NamespaceController>(context);
}

}  // namespace keelson::controllers
