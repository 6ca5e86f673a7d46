// SPDX-License-Identifier: Apache-2.0
// The forms in which bodies travel. One entry a media type, so that another is a row.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "apiserver/registry/accept.h"
#include "base/result.h"

namespace keelson::apiserver {

enum class WireForm : std::uint8_t { Json, Yaml, Protobuf };

struct Serializer {
  WireForm form;
  std::string_view media_type;  // "application/json"
  // Errors: BadRequest.
  Result<Body> (*decode)(std::string_view bytes);
  // From compact JSON; null where that is the form itself. Errors: NotAcceptable for kinds that the
  // form does not have.
  Result<std::string> (*encode)(std::string_view json);
};

// The first is the default.
std::span<const Serializer> serializers();
// Null if there is none.
const Serializer* find_serializer(std::string_view media_type);
// "application/json, application/yaml" and so on.
std::string supported_media_types();

}  // namespace keelson::apiserver
