// SPDX-License-Identifier: Apache-2.0
// What clients send, brought into the form that the rest of the registry works on: of the right
// kind, normalised, defaulted; with the unknown and duplicate fields reported as the call asks.
#pragma once

#include <string>
#include <vector>

#include "api/document.h"
#include "api/schema.h"
#include "apiserver/context/request.h"

namespace keelson::apiserver {

// A body as it came from the wire.
struct Body {
  api::Document document;
  std::vector<std::string> duplicates;  // Fields that stood twice.
};

// Of the kind `kind` in `group`/`version`; a body without apiVersion and kind gets them.
// Errors: BadRequest with upstream's texts.
Result<api::Document> accept(Body body, std::string_view group, std::string_view version,
                             std::string_view kind, const api::Type& type, CallContext& call);
inline Result<api::Document> accept(Body body, const api::Resource& resource, CallContext& call) {
  return accept(std::move(body), resource.group, resource.version, resource.kind, *resource.type,
                call);
}

// The two steps of accept(): whether the kind is the right one, and its fields. `context` stands
// before what is said of the fields; it may be empty.
Result<void> accept_kind(api::Document& document, std::string_view group, std::string_view version,
                         std::string_view kind);
Result<void> accept_fields(api::Document& document, const std::vector<std::string>& duplicates,
                           const api::Type& type, CallContext& call, std::string_view context);

// Reports fields that were found wanting: as warnings, or as an error if the call is strict.
Result<void> report_fields(const std::vector<std::string>& unknown,
                           const std::vector<std::string>& duplicates, CallContext& call,
                           std::string_view context);

}  // namespace keelson::apiserver
