// SPDX-License-Identifier: Apache-2.0
// The part of every object that the server itself keeps, by the rules of a write: names, identity,
// times.
// Source: apimachinery pkg/api/validation ObjectMeta; apiserver pkg/registry/rest.
#pragma once

#include <string>
#include <string_view>

#include "api/document.h"
#include "api/schema.h"
#include "api/validation/field_error.h"
#include "apiserver/context/document_metadata.h"
#include "apiserver/registry/strategy.h"
#include "base/random.h"

namespace keelson::apiserver {

// Sets what only the server may set on a new object.
void begin_life(api::Document& document, const api::Resource& resource, Wall now, Random& random);
// Replaces what clients may not change by what it was, where upstream does not rather refuse a
// change.
void carry_over_identity(api::Document& now, const api::Document& before);

// `namespace_` of the path against that of the body, which is set from it. Errors: BadRequest.
Result<void> match_namespace(api::Document& document, const api::Resource& resource,
                             std::string_view namespace_);
// Errors: BadRequest when the body names another object than the path, or none.
Result<void> match_name(const api::Document& document, std::string_view name);

api::FieldErrors validate_metadata(const api::Document& document, const api::Resource& resource,
                                   const Strategy& strategy);
api::FieldErrors validate_metadata_update(const api::Document& now, const api::Document& before);

// Names made from generateName: the base, cut so that the suffix fits, and five characters.
std::string generate_name(std::string_view base, Random& random);

}  // namespace keelson::apiserver
