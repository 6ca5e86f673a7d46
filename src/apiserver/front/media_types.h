// SPDX-License-Identifier: Apache-2.0
// Which form a client sends and which it wants. Source: RFC 9110 (Accept), API concepts,
// "Alternate representations of resources".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apiserver/front/serializer.h"
#include "base/result.h"

namespace keelson::apiserver {

struct MediaType {
  std::string type;  // In lower case: "application/json"
  std::vector<std::pair<std::string, std::string>> parameters;
  double quality = 1;

  std::string_view parameter(std::string_view name) const;
};

MediaType parse_media_type(std::string_view text);
// In the client's order of preference.
std::vector<MediaType> parse_accept(std::string_view header);

// What is sent for an object.
enum class OutputForm : std::uint8_t { Object, Table, Partial };

struct Output {
  const Serializer* serializer = nullptr;
  OutputForm form = OutputForm::Object;
  std::string table_version = "v1";  // Of meta.k8s.io, for Table and Partial.
  bool pretty = false;
};

// What there is to choose from.
struct Offer {
  bool alternate = true;  // Tables and metadata.
  bool protobuf = true;   // Of the object itself; custom resources have none.
};

// The first form that the client accepts and we have; tables are never had in protobuf.
// Errors: NotAcceptable.
Result<Output> negotiate(std::string_view accept, const Offer& offer);

}  // namespace keelson::apiserver
