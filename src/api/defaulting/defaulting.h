// SPDX-License-Identifier: Apache-2.0
// Values that the server fills in where a client left them out, for each version of the API.
// Declared defaults come from the schema's tables (Field::default_json); the others from one small
// file a group in this folder, as literals or, where they depend on something, as functions.
// Source: the SetDefaults functions of kubernetes pkg/apis, with the feature gates at their
// defaults.
#pragma once

#include "api/document.h"
#include "api/schema.h"
#include "api/time.h"

namespace keelson::api {

// In place; applying it twice changes nothing more. `object` is a document of the resource's type;
// null counts as absent, and values of a wrong type are left alone. Members that are added come
// last in their objects: normalize() puts them in order. Applied to what clients send and to what
// was stored. `now` is for the one kind of field that defaults to the present (resource.k8s.io
// taints); unset: it stays absent. Does nothing for custom resources. Thread-safe.
void apply_defaults(Document& object, const Resource& resource, Time now = {});
void apply_defaults(Document& object, const Type& type, Time now = {});

}  // namespace keelson::api
