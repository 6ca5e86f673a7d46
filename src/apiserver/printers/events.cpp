// SPDX-License-Identifier: Apache-2.0
#include "api/events/v1.h"
#include "apiserver/printers/cells.h"
#include "base/ascii.h"

namespace keelson::apiserver {
namespace {

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

Cells new_event_cells(const events::v1::Event& event, Wall now) {
  const auto& source = event.deprecatedSource;
  EventRow row{.object = event.regarding,
               .type = event.type,
               .reason = event.reason,
               .component = source.component.empty() ? event.reportingController : source.component,
               .instance = source.host.empty() ? event.reportingInstance : source.host,
               .message = event.note,
               .name = event.metadata.name};
  row.first_seen = event.deprecatedFirstTimestamp.is_set()
                       ? age(event.deprecatedFirstTimestamp, now)
                       : age(event.eventTime, now);
  row.last_seen = event.deprecatedLastTimestamp.is_set() ? age(event.deprecatedLastTimestamp, now)
                                                         : row.first_seen;
  row.count = std::max(event.deprecatedCount, 1);
  if (event.series) {
    row.last_seen = age(event.series->lastObservedTime, now);
    row.count = event.series->count;
  }
  return event_cells(row);
}

constexpr Printer kPrinters[] = {printer<events::v1::Event, new_event_cells>()};

}  // namespace

Cells event_cells(const EventRow& row) {
  std::string object = lower_case(row.object.kind);
  if (!row.object.name.empty()) object += "/" + row.object.name;
  std::string source(row.component);
  if (!row.instance.empty()) source.append(", ").append(row.instance);
  return {row.last_seen,        row.type,       row.reason, object,  row.object.fieldPath, source,
          trimmed(row.message), row.first_seen, row.count,  row.name};
}

std::span<const Printer> events_printers() { return kPrinters; }

}  // namespace keelson::apiserver
