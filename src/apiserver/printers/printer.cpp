// SPDX-License-Identifier: Apache-2.0
#include "apiserver/printers/printer.h"

#include "api/codec/json.h"

namespace keelson::apiserver {
namespace {

constexpr api::Column kDefaultColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Created At", "date", "", 0,
     "CreationTimestamp is the server's time of the object's creation."},
};

}  // namespace

std::span<const api::Column> columns_of(const api::Resource&) { return kDefaultColumns; }

boost::json::array cells_of(const api::Resource&, const api::Object& object, Wall) {
  boost::json::array cells;
  cells.emplace_back(object.name());
  const auto document = api::parse_json(object.json());
  if (document) {
    cells.emplace_back(api::string_at(*document, {"metadata", "creationTimestamp"}));
  } else {
    cells.emplace_back("<unknown>");
  }
  return cells;
}

}  // namespace keelson::apiserver
