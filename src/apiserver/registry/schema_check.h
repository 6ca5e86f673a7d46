// SPDX-License-Identifier: Apache-2.0
// What the tables of the API alone say about an object: values of closed enumerations, and limits
// declared for fields. Metadata and status are not looked at.
// Source: apimachinery, util/validation/field NotSupported; api/validate.
#pragma once

#include "api/document.h"
#include "api/schema.h"
#include "api/validation/field_error.h"

namespace keelson::apiserver {

// `document` is of `type`, normalised and defaulted.
api::FieldErrors validate_by_schema(const api::Document& document, const api::Type& type);
// By the apiVersion and kind of the document; nothing for kinds without tables.
api::FieldErrors validate_by_schema(const api::Document& document);

}  // namespace keelson::apiserver
