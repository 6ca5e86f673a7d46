// SPDX-License-Identifier: Apache-2.0
// POST: system fields, admission, preparation, validation, and the write.
#include "api/codec/json.h"
#include "apiserver/registry/conversion/convert.h"
#include "apiserver/registry/metadata.h"
#include "apiserver/registry/registry.h"

namespace keelson::apiserver {
namespace {

// Upstream's maxNameGenerationCreateAttempts.
constexpr int kNameAttempts = 8;

}  // namespace

Task<Result<Written>> Registry::create(CallContext& call, const api::Resource& resource,
                                       api::ObjectKey key, Body body) {
  Target target = target_of(resource, std::move(key));
  CO_TRY(api::Document document, accept(std::move(body), resource, call));
  CO_TRY_OK(match_namespace(document, resource, target.key.namespace_));
  if (!api::string_at(document, {"metadata", "resourceVersion"}).empty()) {
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
  if (api::string_at(document, {"metadata", "name"}).empty()) {
    const std::string base(api::string_at(document, {"metadata", "generateName"}));
    if (!base.empty()) metadata["name"] = generate_name(base, parts_.random);
  }
  begin_life(document, stored, call.now, parts_.random);
  if (stored.find_subresource("status") != nullptr) document.get_object().erase("status");
  target.strategy.prepare_for_create(document, call);

  api::FieldErrors errors = validate_metadata(document, stored, target.strategy);
  errors += target.strategy.validate(document);
  admission.key.name = api::string_at(document, {"metadata", "name"});
  if (!errors.empty()) co_return fail(errors.status(stored.group, stored.kind, admission.key.name));
  for (auto& warning : target.strategy.warnings(document)) {
    call.warnings.push_back(std::move(warning));
  }
  CO_TRY_OK(co_await parts_.admission.validate(admission));

  const api::ObjectKey key = admission.key;
  const Status exists =
      Status::already_exists(target.requested.group, target.requested.plural, key.name);
  if (call.dry_run) {
    CO_TRY(const auto cache, co_await consistent_cache(stored));
    if (cache->find(key)) co_return fail(exists);
    CO_TRY(std::string bytes, stored_bytes(std::move(document), stored));
    co_return api::Object::from_json(std::move(bytes));
  }

  std::function<void()> undo;
  Allocation* const allocation = allocation_of(stored);
  if (allocation != nullptr) {
    CO_TRY(undo, co_await allocation->reserve(&document, nullptr, call));
  }
  auto bytes = stored_bytes(std::move(document), stored);
  Result<api::ObjectPtr> written =
      bytes ? co_await parts_.storage.write(stored, key, *std::move(bytes), 0)
            : Result<api::ObjectPtr>(fail(std::move(bytes).error()));
  if (!written) {
    if (undo) undo();
    if (written.error().is(Reason::Conflict)) co_return fail(exists);
    co_return fail(std::move(written).error());
  }
  if (allocation != nullptr) allocation->written(written->get(), nullptr);
  co_return written;
}

}  // namespace keelson::apiserver
