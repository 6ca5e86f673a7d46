// SPDX-License-Identifier: Apache-2.0
// PATCH: the present object, in the version that was asked for, with the patch applied, is the next
// state. Server-side apply will come in here as one more kind of patch.
#include "api/codec/json.h"
#include "api/patch/json_patch.h"
#include "api/patch/merge_patch.h"
#include "api/patch/strategic_merge.h"
#include "api/quote.h"
#include "apiserver/registry/metadata.h"
#include "apiserver/registry/registry.h"

namespace keelson::apiserver {
namespace {

// Upstream's maxRetryWhenPatchConflicts.
constexpr int kPatchRetries = 5;

// Source: upstream, which answers as if the patch were a field of something without a kind.
Status refusal(const std::string& shown, const Status& why) {
  api::FieldErrors errors;
  errors.invalid("patch", shown, why.message());
  return errors.status("", "", "");
}

}  // namespace

Result<api::Document> apply_patch(const api::Document& before, const api::Document& patch,
                                  PatchKind kind, const api::Type& type) {
  switch (kind) {
    case PatchKind::Json:
      return api::apply_json_patch(before, patch);
    case PatchKind::Merge:
      return api::apply_merge_patch(before, patch);
    case PatchKind::Strategic:
      return api::apply_strategic_merge_patch(before, patch, type);
  }
  return before;
}

Task<Result<Written>> Registry::patch(CallContext& call, const api::Resource& resource,
                                      api::ObjectKey key, std::string subresource, PatchKind kind,
                                      std::string patch_text) {
  Target target = target_of(resource, std::move(key), std::move(subresource));
  api::ParseFindings findings;
  auto parsed = api::parse_json(patch_text, {}, &findings);
  if (!parsed) co_return fail(Status::bad_request(parsed.error().message()));
  const api::Document patch = *std::move(parsed);
  const std::string name = target.key.name;
  auto next = [&call, &resource, &patch, &findings, kind,
               name](const api::Document& before) -> Result<api::Document> {
    TRY(api::Document patched, apply_patch(before, patch, kind, *resource.type));
    TRY_OK(accept_kind(patched, resource.group, resource.version, resource.kind));
    if (auto read = accept_fields(patched, findings.duplicates, *resource.type, call, {}); !read) {
      if (kind == PatchKind::Strategic) return fail(refusal(api::go_value(patch), read.error()));
      // Reading the fields has consumed what is to be shown.
      TRY(patched, apply_patch(before, patch, kind, *resource.type));
      return fail(refusal(api::go_json(patched), read.error()));
    }
    TRY_OK(match_name(patched, name));
    return patched;
  };
  const UpdateRules rules{.requires_version = !resource.unconditional_update,
                          .conflict_retries = kPatchRetries};
  co_return co_await update_with(call, std::move(target), std::move(next), rules);
}

}  // namespace keelson::apiserver
