// SPDX-License-Identifier: Apache-2.0
// Schedules of cron: "*/15 8-18 * * mon-fri", "@hourly", "@every 90m".
// Source: crontab(5); the texts are those of the parser that upstream uses.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace keelson::apiserver {

// What is wrong with a schedule; nothing if it can be kept.
std::optional<std::string> find_schedule_error(std::string_view schedule);

// Whether the machine knows a time zone of that name. All names are taken for known where the
// machine has no time zones at all.
bool is_known_time_zone(const std::string& name);

}  // namespace keelson::apiserver
