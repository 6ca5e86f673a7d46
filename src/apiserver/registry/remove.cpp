// SPDX-License-Identifier: Apache-2.0
// DELETE: at once, after a grace period, or once the last finalizer is gone.
// Source: apiserver pkg/registry/rest BeforeDelete and generic/registry Store.Delete.
#include <algorithm>

#include "api/codec/json.h"
#include "api/time.h"
#include "apiserver/registry/conversion/convert.h"
#include "apiserver/registry/metadata.h"
#include "apiserver/registry/registry.h"

namespace keelson::apiserver {
namespace {

constexpr int kDeleteRetries = 5;
constexpr std::string_view kOrphan = "orphan";
constexpr std::string_view kForeground = "foregroundDeletion";

// The finalizers that make the garbage collector treat the dependents as asked for.
void mark_dependents(api::Document& document, const Strategy& strategy,
                     DeleteQuery::Propagation propagation) {
  auto finalizers = finalizers_of(document);
  const auto has = [&](std::string_view name) {
    return std::ranges::find(finalizers, name) != finalizers.end();
  };
  bool orphan = false;
  bool foreground = false;
  switch (propagation) {
    case DeleteQuery::Propagation::Orphan:
      orphan = true;
      break;
    case DeleteQuery::Propagation::Foreground:
      foreground = true;
      break;
    case DeleteQuery::Propagation::Background:
      break;
    case DeleteQuery::Propagation::Default:
      // An earlier request's choice stands.
      orphan = has(kOrphan);
      foreground = has(kForeground);
      if (!orphan && !foreground) {
        orphan = strategy.default_dependents() == Strategy::Dependents::Orphan;
      }
      break;
  }
  const bool had_orphan = has(kOrphan);
  const bool had_foreground = has(kForeground);
  if (orphan == had_orphan && foreground == had_foreground) return;
  std::erase_if(finalizers,
                [](const auto& name) { return name == kOrphan || name == kForeground; });
  if (orphan) finalizers.emplace_back(kOrphan);
  if (foreground) finalizers.emplace_back(kForeground);
  set_finalizers(document, finalizers);
}

// Deleted at `when`; the generation counts it once.
void mark_deleted(api::Document& document, const api::Resource& stored, Wall when,
                  std::int64_t grace) {
  auto& metadata = metadata_of(document);
  const bool again = is_deleting(document);
  metadata["deletionTimestamp"] = time_text(when);
  metadata["deletionGracePeriodSeconds"] = grace;
  if (const auto generation = int_at(document, {"metadata", "generation"});
      stored.has_generation && generation > 0 && !again) {
    metadata["generation"] = generation + 1;
  }
}

// When the deletion that goes on was asked for.
Wall asked_at(const api::Document& document, std::int64_t grace) {
  const auto when = api::parse_rfc3339(api::string_at(document, {"metadata", "deletionTimestamp"}));
  CHECK(when.has_value());
  return std::chrono::time_point_cast<Wall::duration>(*when) - std::chrono::seconds(grace);
}

Status delete_conflict(const api::Resource& resource, const api::ObjectKey& key,
                       std::string_view what, std::string_view wanted, std::string_view actual,
                       std::string_view guess) {
  std::string why = "the ";
  why.append(what).append(" in the precondition (").append(wanted);
  why.append(") does not match the ").append(what).append(" in record (").append(actual);
  why.append("). The object might have been ").append(guess);
  // Source: upstream, which has the kind at hand there, not the resource.
  return Status::conflict(resource.group, resource.kind, key.name, why);
}

}  // namespace

Task<Result<Removed>> Registry::remove(CallContext& call, const api::Resource& resource,
                                       api::ObjectKey key, DeleteQuery query) {
  const Target target = target_of(resource, std::move(key));
  call.dry_run = call.dry_run || query.dry_run;
  bool from_store = false;
  for (int attempt = 0;; ++attempt) {
    CO_TRY(auto before, co_await current(target, from_store));
    if (!before) co_return fail(not_found(resource, target.key));
    CO_TRY(auto removed, co_await try_remove(call, target, query, before));
    if (removed) {
      CO_TRY(removed->object, convert(std::move(removed->object), target.stored, resource));
      co_return *std::move(removed);
    }
    if (attempt >= kDeleteRetries) co_return fail(modified_conflict(resource, target.key));
    from_store = true;
  }
}

Task<Result<std::optional<Removed>>> Registry::try_remove(CallContext& call, const Target& target,
                                                          const DeleteQuery& query,
                                                          api::ObjectPtr before) {
  if (!query.uid.empty() && query.uid != before->uid()) {
    co_return fail(delete_conflict(target.requested, target.key, "UID", query.uid, before->uid(),
                                   "deleted and then recreated"));
  }
  const std::string version = std::to_string(before->resource_version());
  if (!query.resource_version.empty() && query.resource_version != version) {
    co_return fail(delete_conflict(target.requested, target.key, "ResourceVersion",
                                   query.resource_version, version, "modified"));
  }
  AdmissionRequest admission{.call = call,
                             .operation = Operation::Delete,
                             .resource = target.stored,
                             .key = target.key,
                             .object = nullptr,
                             .before = before};
  CO_TRY_OK(co_await parts_.admission.admit(admission));
  CO_TRY_OK(co_await parts_.admission.validate(admission));

  CO_TRY(api::Document document, api::parse_json(before->json()));
  const std::int64_t old_grace = int_at(document, {"metadata", "deletionGracePeriodSeconds"});
  auto grace = target.strategy.grace_period(*before, query.grace_period_seconds);
  Wall when = call.now + std::chrono::seconds(grace.value_or(0));
  if (is_deleting(document)) {
    if (grace && old_grace > 0) {
      // Sooner is possible, later is not.
      if (query.grace_period_seconds.value_or(old_grace) >= old_grace) {
        co_return Removed{before, false};
      }
      grace = std::max<std::int64_t>(*query.grace_period_seconds, 0);
      when = asked_at(document, old_grace) + std::chrono::seconds(*grace);
    } else {
      grace.reset();
      when = asked_at(document, 0);
    }
  }
  mark_dependents(document, target.strategy, query.propagation);
  api::Document held = document;
  const bool kept_by_kind = target.strategy.holds_deletion(held);
  if (kept_by_kind) document = std::move(held);
  if (grace.value_or(0) == 0 && finalizers_of(document).empty() && !kept_by_kind) {
    CO_TRY(auto last, co_await erase(call, target, before));
    if (!last) co_return std::nullopt;
    co_return Removed{*std::move(last), true};
  }
  mark_deleted(document, target.stored, when, grace.value_or(0));
  CO_TRY(auto written, co_await write(call, target, std::move(document), before));
  if (!written) co_return std::nullopt;
  co_return Removed{*std::move(written), false};
}

Task<Result<std::optional<api::ObjectPtr>>> Registry::erase(CallContext& call, const Target& target,
                                                            api::ObjectPtr last) {
  if (call.dry_run) co_return std::optional(std::move(last));
  auto removed =
      co_await parts_.storage.remove(target.stored, target.key, last->resource_version());
  if (!removed) {
    if (removed.error().is(Reason::Conflict)) co_return std::nullopt;
    co_return fail(std::move(removed).error());
  }
  if (Allocation* const allocation = allocation_of(target.stored)) {
    allocation->written(nullptr, last.get());
  }
  co_return std::optional(std::move(last));
}

Task<Result<ListResult>> Registry::remove_collection(CallContext& call,
                                                     const api::Resource& resource,
                                                     std::string namespace_, ListQuery selection,
                                                     DeleteQuery query) {
  CO_TRY(ListResult found, co_await list(resource, namespace_, std::move(selection)));
  ListResult removed;
  removed.revision = found.revision;
  for (const auto& object : found.items) {
    auto done = co_await remove(call, resource, object->key(), query);
    if (done) {
      removed.items.push_back(std::move(done->object));
    } else if (!done.error().is(Reason::NotFound)) {
      co_return fail(std::move(done).error());
    }
  }
  co_return removed;
}

}  // namespace keelson::apiserver
