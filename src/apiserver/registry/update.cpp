// SPDX-License-Identifier: Apache-2.0
// PUT, and what it shares with PATCH and the subresources: from the present state to the next one,
// guarded by the revision that was read.
#include "api/codec/json.h"
#include "apiserver/registry/conversion/convert.h"
#include "apiserver/registry/metadata.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/subresource_scope.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

// Attempts of a change that depends on nothing but the present state.
constexpr int kChangeRetries = 5;

void keep_member(api::Document& now, const api::Document& before, std::string_view name) {
  auto& object = now.get_object();
  if (const auto* value = api::find_at(before, {name})) {
    object[name] = *value;
  } else {
    object.erase(name);
  }
}

// An update of /status: everything but the status is as it was.
void keep_all_but_status(api::Document& now, const api::Document& before, bool keep_metadata) {
  json::object& from = now.get_object();
  json::object next;
  const auto take = [&](std::string_view name) {
    if (auto* const value = from.if_contains(name)) next.emplace(name, std::move(*value));
  };
  for (const auto& [name, value] : before.get_object()) {
    if (name == "status" || (name == "metadata" && !keep_metadata)) {
      take(name);
    } else {
      next.emplace(name, value);
    }
  }
  if (!next.contains("status")) take("status");
  now = std::move(next);
}

// Whether `bytes` are what the store has of `before`. Their sizes differ by the resource version
// that is spliced in, which tells most of those apart that changed.
bool is_unchanged(const std::string& bytes, const api::Object& before) {
  const std::string version = std::to_string(before.resource_version());
  const std::size_t spliced = std::string_view(R"(,"resourceVersion":"")").size() + version.size();
  return bytes.size() + spliced == before.json().size() && bytes == before.stored();
}

// Whether something still keeps an object that is to be deleted.
bool is_held(const Strategy& strategy, const api::Document& document) {
  if (!finalizers_of(document).empty()) return true;
  api::Document copy = document;
  return strategy.holds_deletion(copy);
}

}  // namespace

Task<Result<Written>> Registry::update(CallContext& call, const api::Resource& resource,
                                       api::ObjectKey key, std::string subresource, Body body) {
  Target target = target_of(resource, std::move(key), std::move(subresource));
  CO_TRY(api::Document document, accept(std::move(body), resource, call));
  CO_TRY_OK(match_namespace(document, resource, target.key.namespace_));
  CO_TRY_OK(match_name(document, target.key.name));

  if (resource.create_on_update && target.subresource.empty()) {
    CO_TRY(const auto before, co_await current(target, false));
    if (!before) co_return co_await create_by_update(call, target, std::move(document));
  }
  const UpdateRules rules{.requires_version = !resource.unconditional_update,
                          .conflict_retries = kChangeRetries};
  co_return co_await update_with(
      call, std::move(target),
      [document = std::move(document)](const api::Document&) -> Result<api::Document> {
        return document;
      },
      rules);
}

Task<Result<Written>> Registry::create_by_update(CallContext& call, const Target& target,
                                                 api::Document document) {
  if (authorizer_ != nullptr) {
    RequestInfo creation = call.info;
    creation.verb = "create";
    CO_TRY_OK(require(*authorizer_, call.user, creation));
  }
  if (const auto uid = api::string_at(document, {"metadata", "uid"}); !uid.empty()) {
    co_return fail(precondition_conflict(target.requested, target.key, uid, ""));
  }
  metadata_of(document).erase("resourceVersion");
  convert(document, target.requested, target.stored);
  CO_TRY(auto created, co_await insert(call, target, std::move(document)));
  CO_TRY(auto shown, convert(std::move(created), target.stored, target.requested));
  co_return Written{std::move(shown), true};
}

Task<Result<Written>> Registry::change(CallContext& call, const api::Resource& resource,
                                       api::ObjectKey key, std::string subresource, Change change) {
  Target target = target_of(resource, std::move(key), std::move(subresource));
  Target stored = target_of(target.stored, target.key, target.subresource);
  const UpdateRules rules{.scoped = false, .conflict_retries = kChangeRetries};
  co_return co_await update_with(
      call, std::move(stored),
      [change](const api::Document& before) -> Result<api::Document> {
        api::Document next = before;
        TRY_OK(change(next));
        return next;
      },
      rules);
}

Task<Result<Written>> Registry::update_with(CallContext& call, Target target, Next next,
                                            UpdateRules rules) {
  // The cache may be behind: what it has decides nothing but a first attempt.
  bool from_store = false;
  for (int attempt = 0;; ++attempt) {
    CO_TRY(auto before, co_await current(target, from_store));
    if (!before) co_return fail(not_found(target.requested, target.key));
    CO_TRY(auto written, co_await try_update(call, target, next, rules, before));
    if (written) {
      CO_TRY(written->object, convert(std::move(written->object), target.stored, target.requested));
      co_return *std::move(written);
    }
    if (attempt >= rules.conflict_retries) {
      co_return fail(modified_conflict(target.requested, target.key));
    }
    from_store = true;
  }
}

Task<Result<std::optional<Written>>> Registry::try_update(CallContext& call, const Target& target,
                                                          const Next& next, UpdateRules rules,
                                                          api::ObjectPtr before) {
  const api::Resource& stored = target.stored;
  CO_TRY(api::Document old, api::parse_json(before->json()));
  const bool converts = &stored != &target.requested;
  api::Document shown;
  if (converts) {
    shown = old;
    convert(shown, stored, target.requested);
  }
  CO_TRY(api::Document document, next(converts ? shown : old));

  const std::string uid(api::string_at(document, {"metadata", "uid"}));
  if (!uid.empty() && uid != before->uid()) {
    co_return fail(precondition_conflict(target.requested, target.key, uid, before->uid()));
  }
  const std::string text(api::string_at(document, {"metadata", "resourceVersion"}));
  CO_TRY(const std::int64_t version, parse_resource_version(text));
  if (version == 0 && rules.requires_version) {
    api::FieldErrors errors;
    errors.invalid("metadata.resourceVersion", 0, "must be specified for an update");
    // Source: upstream, which has no kind at hand there.
    co_return fail(errors.status(target.requested.group, target.requested.plural, target.key.name));
  }
  if (version != 0 && version != before->resource_version()) {
    // Against the cache's state this may be the client's newer knowledge: the store decides.
    CO_TRY(const auto newest, co_await current(target, true));
    if (newest && newest->resource_version() == version) co_return std::nullopt;
    co_return fail(modified_conflict(target.requested, target.key));
  }
  convert(document, target.requested, stored);
  CO_TRY_OK(match_namespace(document, stored, target.key.namespace_));
  carry_over_identity(document, old);
  metadata_of(document)["resourceVersion"] = std::to_string(before->resource_version());

  AdmissionRequest admission{.call = call,
                             .operation = Operation::Update,
                             .resource = stored,
                             .key = target.key,
                             .object = &document,
                             .before = before};
  CO_TRY_OK(co_await parts_.admission.admit(admission));

  const bool has_status = stored.find_subresource("status") != nullptr;
  api::FieldErrors errors;
  if (target.subresource == "status") {
    keep_all_but_status(document, old, !target.strategy.status_updates_metadata(stored));
    carry_over_identity(document, old);
    target.strategy.prepare_for_status_update(document, old);
    errors = validate_metadata(document, stored, target.strategy);
    errors += validate_metadata_update(document, old);
    errors += target.strategy.validate_status_update(document, old);
  } else {
    if (target.subresource.empty()) {
      if (has_status) keep_member(document, old, "status");
    } else if (rules.scoped) {
      keep_outside_scope(document, old, target.subresource);
    }
    if (target.strategy.prepare_for_update(document, old, call) && stored.has_generation) {
      metadata_of(document)["generation"] = int_at(old, {"metadata", "generation"}) + 1;
    }
    errors = validate_metadata(document, stored, target.strategy);
    errors += validate_metadata_update(document, old);
    errors += target.subresource.empty()
                  ? target.strategy.validate_update_by(document, old, call)
                  : target.strategy.validate_subresource_update(document, old, target.subresource);
    for (auto& warning : target.strategy.warnings(document)) {
      call.warnings.push_back(std::move(warning));
    }
  }
  if (!errors.empty()) co_return fail(errors.status(stored.group, stored.kind, target.key.name));
  CO_TRY_OK(co_await parts_.admission.validate(admission));

  CO_TRY(auto written, co_await write(call, target, std::move(document), before));
  if (!written) co_return std::nullopt;
  co_return Written{*std::move(written), false};
}

Task<Result<std::optional<api::ObjectPtr>>> Registry::write(CallContext& call, const Target& target,
                                                            api::Document document,
                                                            const api::ObjectPtr& before) {
  const api::Resource& stored = target.stored;
  // The last finalizer has gone, so the deletion that waited for it happens now.
  const bool leaves = is_deleting(document) &&
                      int_at(document, {"metadata", "deletionGracePeriodSeconds"}) == 0 &&
                      !is_held(target.strategy, document);
  std::function<void()> undo;
  Allocation* const allocation = allocation_of(stored);
  if (allocation != nullptr && !leaves) {
    CO_TRY(undo, co_await allocation->reserve(&document, before.get(), call));
  }
  auto bytes = stored_bytes(std::move(document), stored);
  if (!bytes || call.dry_run) {
    if (undo) undo();
  }
  if (!bytes) co_return fail(std::move(bytes).error());
  if (leaves) {
    CO_TRY(auto last, api::Object::from_stored(*bytes, before->resource_version()));
    if (call.dry_run) co_return std::optional(std::move(last));
    co_return co_await erase(call, target, std::move(last));
  }
  if (call.dry_run) {
    CO_TRY(auto object, api::Object::from_stored(*bytes, before->resource_version()));
    co_return std::optional(std::move(object));
  }
  if (is_unchanged(*bytes, *before)) {
    if (undo) undo();
    co_return std::optional(before);
  }
  auto written = co_await parts_.storage.write(stored, target.key, *std::move(bytes),
                                               before->resource_version());
  if (!written) {
    if (undo) undo();
    if (written.error().is(Reason::Conflict)) co_return std::nullopt;
    co_return fail(std::move(written).error());
  }
  if (allocation != nullptr) allocation->written(written->get(), before.get());
  co_return std::optional(*std::move(written));
}

}  // namespace keelson::apiserver
