// SPDX-License-Identifier: Apache-2.0
#include "apiserver/printers/printer.h"

#include <unordered_map>

#include "api/autoscaling/v1.h"
#include "api/codec/json.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

constexpr api::Column kDefaultColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Created At", "date", "", 0,
     "CreationTimestamp is the server's time of the object's creation."},
};

constexpr api::Column kScaleColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Desired", "integer", "", 0, "Replicas that are wanted."},
    {"Available", "integer", "", 0, "Replicas that were seen."},
    {"Age", "string", "", 0, "Time since the object was created."},
};

const api::Resource& scale_resource() {
  static const api::Resource kScale = [] {
    api::Resource scale{.group = "autoscaling", .version = "v1", .kind = "Scale"};
    scale.columns = kScaleColumns;
    scale.type = &api::type_of<autoscaling::v1::Scale>();
    return scale;
  }();
  return kScale;
}

using CellsOf = Cells (*)(const api::Object&, Wall);

const std::unordered_map<const api::Type*, CellsOf>& printers() {
  static const auto kPrinters = [] {
    std::unordered_map<const api::Type*, CellsOf> all;
    for (const auto group :
         {admissionregistration_printers, apiregistration_printers, apps_printers,
          autoscaling_printers, batch_printers, certificates_printers, coordination_printers,
          core_printers, discovery_printers, events_printers, flowcontrol_printers,
          networking_printers, node_printers, policy_printers, rbac_printers, resource_printers,
          scheduling_printers, storage_printers}) {
      for (const Printer& printer : group()) all.emplace(&printer.type(), printer.cells);
    }
    return all;
  }();
  return kPrinters;
}

// The row of a kind without a printer: what every object has.
Cells common_cells(std::span<const api::Column> columns, const api::Object& object, Wall now) {
  std::string created;
  if (const auto document = api::parse_json(object.json())) {
    created = api::string_at(*document, {"metadata", "creationTimestamp"});
  }
  Cells cells;
  for (const api::Column& column : columns) {
    if (&column == columns.data() || column.format == "name") {
      cells.emplace_back(object.name());
    } else if (column.name == "Created At") {
      cells.emplace_back(or_else(created, kUnknown));
    } else if (column.name == "Age") {
      const auto time = api::Time::parse(created);
      cells.emplace_back(time ? age(*time, now) : std::string(kUnknown));
    } else {
      cells.emplace_back(kUnknown);
    }
  }
  return cells;
}

}  // namespace

const api::Resource& printed_as(const api::Resource& resource, const api::Object& object) {
  // Resources are constants of the tables: none is a temporary.
  // NOLINTNEXTLINE(bugprone-return-const-ref-from-parameter)
  if (object.kind() == resource.kind) return resource;
  const api::Resource& scale = scale_resource();
  return object.kind() == scale.kind ? scale : resource;
}

std::span<const api::Column> columns_of(const api::Resource& resource) {
  return resource.columns.empty() ? kDefaultColumns : resource.columns;
}

boost::json::array cells_of(const api::Resource& resource, const api::Object& object, Wall now) {
  const auto columns = columns_of(resource);
  // A subresource may be of another kind than its resource.
  if (object.kind() == resource.kind && object.api_version() == resource.api_version()) {
    const auto found = printers().find(resource.type);
    if (found != printers().end()) {
      Cells cells = found->second(object, now);
      // Columns and cells must agree, or clients would show the wrong ones.
      if (cells.size() == columns.size()) return cells;
    }
  }
  return common_cells(columns, object, now);
}

}  // namespace keelson::apiserver
