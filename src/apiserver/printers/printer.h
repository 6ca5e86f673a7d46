// SPDX-License-Identifier: Apache-2.0
// Tables as kubectl shows them. The columns of a kind are in its Resource; the cells are made here.
// Source: Kubernetes documentation, "Receiving resources as Tables".
#pragma once

#include <boost/json/array.hpp>
#include <span>

#include "api/document.h"
#include "api/object.h"
#include "api/schema.h"
#include "base/executor.h"

namespace keelson::apiserver {

// The columns of a resource; Name and Created At where its kind declares none.
std::span<const api::Column> columns_of(const api::Resource& resource);
// One cell a column. `object` is of `resource`'s version; ages are as of `now`.
boost::json::array cells_of(const api::Resource& resource, const api::Object& object, Wall now);

}  // namespace keelson::apiserver
