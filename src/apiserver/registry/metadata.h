// SPDX-License-Identifier: Apache-2.0
// The part of every object that the server itself keeps: names, identity, times, finalizers.
// Source: apimachinery pkg/api/validation ObjectMeta; apiserver pkg/registry/rest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/document.h"
#include "api/schema.h"
#include "api/validation/field_error.h"
#include "apiserver/registry/strategy.h"
#include "apiserver/request.h"
#include "base/random.h"

namespace keelson::apiserver {

// The metadata of a document; made if it has none.
boost::json::object& metadata_of(api::Document& document);
// Text form of a time as the API writes it.
std::string time_text(Wall time);

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

std::vector<std::string> finalizers_of(const api::Document& document);
void set_finalizers(api::Document& document, const std::vector<std::string>& finalizers);
// metadata.deletionTimestamp is set.
bool is_deleting(const api::Document& document);
// 0 where it is absent.
std::int64_t int_at(const api::Document& document, std::initializer_list<std::string_view> path);

// Names made from generateName: the base, cut so that the suffix fits, and five characters.
std::string generate_name(std::string_view base, Random& random);

}  // namespace keelson::apiserver
