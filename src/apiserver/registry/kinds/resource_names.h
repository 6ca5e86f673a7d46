// SPDX-License-Identifier: Apache-2.0
// Names and amounts of resources, by what they stand for. Source: upstream, pkg/apis/core/helper
// and pkg/apis/core/validation.
#pragma once

#include <string>
#include <string_view>

#include "api/quantity.h"
#include "api/validation/field_error.h"

namespace keelson::apiserver {

// Extended resources and huge pages are given out whole or not at all.
bool may_overcommit(std::string_view name);
bool is_quota_resource(std::string_view name);

void check_resource_name(const std::string& name, const api::FieldPath& path,
                         api::FieldErrors& errors);
void check_container_resource_name(const std::string& name, const api::FieldPath& path,
                                   api::FieldErrors& errors);
void check_quota_resource_name(const std::string& name, const api::FieldPath& path,
                               api::FieldErrors& errors);
// Not negative, and whole where the resource is counted.
void check_resource_amount(std::string_view name, const api::Quantity& amount,
                           const api::FieldPath& path, api::FieldErrors& errors);

}  // namespace keelson::apiserver
