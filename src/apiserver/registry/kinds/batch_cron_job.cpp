// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/batch_cron_job.h"

#include <algorithm>
#include <cctype>

#include "api/batch/v1.h"
#include "api/names.h"
#include "apiserver/registry/kinds/amounts.h"
#include "apiserver/registry/kinds/batch_job.h"
#include "apiserver/registry/kinds/cron_schedule.h"
#include "apiserver/registry/kinds/typed_check.h"
#include "base/ascii.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using batch::v1::CronJob;
using batch::v1::CronJobSpec;

// A Job's name is its CronJob's, a hyphen and a number of minutes.
constexpr std::size_t kNameLengthMax = api::kDns1035LabelLengthMax - 11;
constexpr std::size_t kZonePartLengthMax = 14;

bool names_zone(std::string_view schedule) { return schedule.find("TZ") != std::string_view::npos; }

// `old` is null when the object is new.
void check_schedule(const CronJobSpec& spec, const CronJobSpec* old, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("schedule");
  if (spec.schedule.empty()) {
    errors.required(path);
    return;
  }
  if (const auto error = find_schedule_error(spec.schedule)) {
    errors.invalid(path, spec.schedule, *error);
  }
  if (!names_zone(spec.schedule)) return;
  if (old == nullptr || !names_zone(old->schedule)) {
    errors.invalid(path, spec.schedule,
                   "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
  } else if (spec.timeZone) {
    errors.invalid(path, spec.schedule,
                   "cannot use both timeZone field and TZ or CRON_TZ in schedule");
  }
}

bool is_zone_part(std::string_view part) {
  return !part.empty() && part.size() <= kZonePartLengthMax && part != "." && part != ".." &&
         !part.starts_with('-') && std::ranges::all_of(part, [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == '+';
         });
}

bool is_zone_name(std::string_view name) {
  for (;;) {
    const auto slash = name.find('/');
    if (!is_zone_part(name.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

void check_time_zone(const std::string& zone, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("timeZone");
  if (zone.empty()) {
    errors.invalid(path, zone, "timeZone must be nil or non-empty string");
    return;
  }
  if (equal_ignoring_case(zone, "local")) {
    errors.invalid(path, zone,
                   "timeZone must be an explicit time zone as defined in "
                   "https://www.iana.org/time-zones");
  }
  if (!is_zone_name(zone) || !is_known_time_zone(zone)) {
    errors.invalid(path, zone, "unknown time zone " + zone);
  }
}

void check_cron_job(const CronJobSpec& spec, const CronJobSpec* old, FieldErrors& errors) {
  const FieldPath path("spec");
  check_schedule(spec, old, errors);
  check_count(spec.startingDeadlineSeconds, path.child("startingDeadlineSeconds"), errors);
  if (spec.timeZone && (old == nullptr || old->timeZone != spec.timeZone)) {
    check_time_zone(*spec.timeZone, errors);
  }
  if (spec.concurrencyPolicy.empty()) errors.required(path.child("concurrencyPolicy"));
  const FieldPath job_path = path.child("jobTemplate", "spec");
  const auto& job = spec.jobTemplate.spec;
  check_job_spec(job, job_path, errors);
  if (job.selector) {
    errors.invalid(job_path.child("selector"), api::encode_document(*job.selector),
                   "`selector` will be auto-generated");
  }
  if (job.manualSelector.value_or(false)) {
    errors.not_supported(job_path.child("manualSelector"), true, {"nil", "false"});
  }
  check_count(spec.successfulJobsHistoryLimit, path.child("successfulJobsHistoryLimit"), errors);
  check_count(spec.failedJobsHistoryLimit, path.child("failedJobsHistoryLimit"), errors);
}

}  // namespace

FieldErrors CronJobStrategy::validate(const api::Document& object) const {
  return check_typed<CronJob>(object, Strategy::validate(object),
                              [](const CronJob& cron_job, FieldErrors& errors) {
                                check_cron_job(cron_job.spec, nullptr, errors);
                              });
}

FieldErrors CronJobStrategy::validate_create(const api::Document& object,
                                             const CallContext&) const {
  FieldErrors errors = validate(object);
  const auto name = api::string_at(object, {"metadata", "name"});
  if (name.size() > kNameLengthMax) {
    errors.invalid(FieldPath("metadata").child("name"), name, "must be no more than 52 characters");
  }
  return errors;
}

FieldErrors CronJobStrategy::validate_update(const api::Document& now,
                                             const api::Document& before) const {
  return check_typed<CronJob>(now, Strategy::validate(now),
                              [&](const CronJob& cron_job, FieldErrors& errors) {
                                const auto old = api::decode<CronJob>(before);
                                check_cron_job(cron_job.spec, old ? &old->spec : nullptr, errors);
                              });
}

}  // namespace keelson::apiserver
