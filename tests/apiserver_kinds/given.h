// SPDX-License-Identifier: Apache-2.0
// Objects as the registry hands them to strategies, written as short JSON texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/document.h"
#include "api/validation/field_error.h"

namespace keelson::apiserver::testing {

// A valid object of the kind ("Pod", "Deployment", ...) with a JSON merge patch applied, normalised
// and defaulted. Fails the test when the texts are wrong.
api::Document given(std::string_view kind, std::string_view patch = "{}");

// "field: message" of each error, in order.
using Texts = std::vector<std::string>;
Texts texts(const api::FieldErrors& errors);
Texts validated(const api::Document& object);
Texts validated_update(const api::Document& now, const api::Document& before);
// As asked for by the version of that group.
Texts validated_create(const api::Document& object, std::string_view group = {});
Texts validated_update_by(const api::Document& now, const api::Document& before,
                          std::string_view group);
Texts validated_status_update(const api::Document& now, const api::Document& before);
Texts validated_subresource_update(const api::Document& now, const api::Document& before,
                                   std::string_view subresource);

// As the registry does for a new object, and for an update of /status.
void prepare_for_create(api::Document& object);
void prepare_for_status_update(api::Document& now, const api::Document& before);

struct BadObject {
  std::string_view patch;
  Texts expected;
};
// Each patch makes a valid object of the kind wrong in exactly that way.
void expect_refused(std::string_view kind, const std::vector<BadObject>& table);

}  // namespace keelson::apiserver::testing
