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

// The resource whose columns and cells show `object`, which was read through `resource`: that one,
// but for a Scale read through a subresource.
const api::Resource& printed_as(const api::Resource& resource, const api::Object& object);

// The columns of a resource; Name and Created At where its kind declares none.
std::span<const api::Column> columns_of(const api::Resource& resource);
// One cell a column. Ages are as of `now`. Of an object that is not of `resource`'s kind and
// version, what every object has.
boost::json::array cells_of(const api::Resource& resource, const api::Object& object, Wall now);

}  // namespace keelson::apiserver
