// SPDX-License-Identifier: Apache-2.0
// Errors and successes as Status objects. Source: meta/v1 Status.
#pragma once

#include <string>
#include <string_view>

#include "api/object.h"
#include "base/result.h"

namespace keelson::apiserver {

// `continue_` is put into the metadata where a list can go on in spite of the error.
std::string status_json(const Status& status, std::string_view continue_ = {});
// What a DELETE answers when the object is gone.
std::string deleted_json(const api::Resource& resource, const api::Object& object);

}  // namespace keelson::apiserver
