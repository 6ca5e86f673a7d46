// SPDX-License-Identifier: Apache-2.0
// Versions of one stored kind into each other. Most differ in nothing but their name; those that do
// have a file of their own here.
#pragma once

#include "api/document.h"
#include "api/object.h"
#include "api/schema.h"

namespace keelson::apiserver {

// The version in which objects of a resource are stored; itself for most.
const api::Resource& stored_form(const api::Resource& resource);

// `document` is of version `from`, and becomes one of `to`: another version of the same kind.
void convert(api::Document& document, const api::Resource& from, const api::Resource& to);
// Errors: Internal when a stored object does not parse.
Result<api::ObjectPtr> convert(api::ObjectPtr object, const api::Resource& from,
                               const api::Resource& to);

// events.k8s.io/v1 and core/v1.
void event_to_core(api::Document& event);
void event_from_core(api::Document& event);
// autoscaling/v1 and v2.
void autoscaler_to_v2(api::Document& autoscaler);
void autoscaler_from_v2(api::Document& autoscaler);

}  // namespace keelson::apiserver
