// SPDX-License-Identifier: Apache-2.0
// POST: system fields, admission, preparation, validation, and the write.
#include "api/codec/json.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/conversion/convert.h"
#include "apiserver/registry/metadata.h"
#include "apiserver/registry/registry.h"

namespace keelson::apiserver {
namespace {

// Upstream's maxNameGenerationCreateAttempts.
constexpr int kNameAttempts = 8;
constexpr int kNameRetrySeconds = 1;

Status name_taken(const api::Resource& resource, const std::string& name, bool generated) {
  Status exists = Status::already_exists(resource.group, resource.plural, name);
  if (!generated) return exists;
  const std::string text =
      exists.message() + ", the server was not able to generate a unique name for the object";
  return Status(Reason::AlreadyExists, text)
      .with_details(exists.details())
      .with_retry_after(kNameRetrySeconds);
}

}  // namespace

Task<Result<Written>> Registry::create(CallContext& call, const api::Resource& resource,
                                       api::ObjectKey key, Body body) {
  Target target = target_of(resource, std::move(key));
  CO_TRY(api::Document document, accept(std::move(body), resource, call));
  CO_TRY_OK(match_namespace(document, resource, target.key.namespace_));
  if (const auto version = api::string_at(document, {"metadata", "resourceVersion"});
      !version.empty() && version != "0") {
    co_return fail(
        Status(Reason::Unknown, "resourceVersion should not be set on objects to be created"));
  }
  convert(document, resource, target.stored);
  const std::string base(api::string_at(document, {"metadata", "generateName"}));
  const bool generated = api::string_at(document, {"metadata", "name"}).empty() && !base.empty();
  if (!generated) {
    auto object = co_await insert(call, target, std::move(document));
    if (!object) co_return fail(std::move(object).error());
    CO_TRY(auto shown, convert(*std::move(object), target.stored, resource));
    co_return Written{std::move(shown), true};
  }
  for (int attempt = 1;; ++attempt) {
    auto object = co_await insert(call, target, document);
    if (object) {
      CO_TRY(auto shown, convert(*std::move(object), target.stored, resource));
      co_return Written{std::move(shown), true};
    }
    if (!object.error().is(Reason::AlreadyExists) || attempt >= kNameAttempts) {
      co_return fail(std::move(object).error());
    }
  }
}

Task<Result<api::ObjectPtr>> Registry::insert(CallContext& call, const Target& target,
                                              api::Document document) {
  const api::Resource& stored = target.stored;
  AdmissionRequest admission{
      .call = call,
      .operation = Operation::Create,
      .resource = stored,
      .key = {target.key.namespace_, std::string(api::string_at(document, {"metadata", "name"}))},
      .object = &document,
      .before = nullptr};
  CO_TRY_OK(co_await parts_.admission.admit(admission));

  auto& metadata = metadata_of(document);
  const bool generated = api::string_at(document, {"metadata", "name"}).empty() &&
                         !api::string_at(document, {"metadata", "generateName"}).empty();
  if (generated) {
    metadata["name"] =
        generate_name(api::string_at(document, {"metadata", "generateName"}), parts_.random);
  }
  begin_life(document, stored, call.now, parts_.random);
  if (stored.find_subresource("status") != nullptr && !target.strategy.keeps_status_of_new()) {
    document.get_object().erase("status");
  }
  target.strategy.prepare_for_create(document, call);

  api::FieldErrors errors = validate_metadata(document, stored, target.strategy);
  const auto finalizers = finalizers_of(document);
  for (std::size_t i = 0; i < finalizers.size(); ++i) {
    errors += api::validate_builtin_finalizer(
        finalizers[i], api::FieldPath("metadata").child("finalizers").index(i));
  }
  errors += target.strategy.validate_create(document, call);
  admission.key.name = api::string_at(document, {"metadata", "name"});
  if (!errors.empty()) co_return fail(errors.status(stored.group, stored.kind, admission.key.name));
  for (auto& warning : target.strategy.warnings(document)) {
    call.warnings.push_back(std::move(warning));
  }
  CO_TRY_OK(co_await parts_.admission.validate(admission));

  const api::ObjectKey key = admission.key;
  const Status exists = name_taken(target.requested, key.name, generated);
  if (call.dry_run) {
    CO_TRY(const auto cache, co_await consistent_cache(stored));
    if (cache->find(key)) co_return fail(exists);
  }
  std::function<void()> undo;
  Allocation* const allocation = allocation_of(stored);
  if (allocation != nullptr) {
    CO_TRY(undo, co_await allocation->reserve(&document, nullptr, call));
  }
  auto bytes = stored_bytes(std::move(document), stored);
  if (call.dry_run) {
    if (undo) undo();
    if (!bytes) co_return fail(std::move(bytes).error());
    co_return api::Object::from_json(*std::move(bytes));
  }
  Result<api::ObjectPtr> written =
      bytes ? co_await parts_.storage.write(stored, key, *std::move(bytes), 0)
            : Result<api::ObjectPtr>(fail(std::move(bytes).error()));
  if (!written) {
    if (undo) undo();
    if (!written.error().is(Reason::Conflict)) co_return fail(std::move(written).error());
    CO_TRY(const auto present, co_await parts_.storage.read(stored, key));
    if (present && present->is_deleting()) {
      co_return fail(Status(exists).with_context("object is being deleted"));
    }
    co_return fail(exists);
  }
  if (allocation != nullptr) allocation->written(written->get(), nullptr);
  co_return written;
}

}  // namespace keelson::apiserver
