// SPDX-License-Identifier: Apache-2.0
#include "api/batch/v1.h"
#include "api/selector.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using namespace batch::v1;

std::string completions_of(const Job& job) {
  const std::string succeeded = std::to_string(job.status.succeeded);
  if (job.spec.completions) return succeeded + "/" + std::to_string(*job.spec.completions);
  // A work queue: one success of any worker is enough.
  const int parallelism = job.spec.parallelism.value_or(0);
  return parallelism > 1 ? succeeded + "/1 of " + std::to_string(parallelism) : succeeded + "/1";
}

std::string duration_of(const Job& job, Wall now) {
  if (!job.status.startTime) return {};
  const Wall end = job.status.completionTime ? Wall(job.status.completionTime->point()) : now;
  return human_duration(end - Wall(job.status.startTime->point()));
}

std::string_view status_of(const Job& job) {
  const auto& conditions = job.status.conditions;
  if (is_true(conditions, "Complete")) return "Complete";
  if (is_true(conditions, "Failed")) return "Failed";
  if (job.metadata.deletionTimestamp) return "Terminating";
  for (const std::string_view type : {"Suspended", "FailureTarget"}) {
    if (is_true(conditions, type)) return type;
  }
  return "Running";
}

Cells job_cells(const Job& job, Wall now) {
  const auto& pod = job.spec.template_.spec;
  return {job.metadata.name,     status_of(job),
          completions_of(job),   duration_of(job, now),
          age_of(job, now),      container_names(pod),
          container_images(pod), api::format_label_selector(job.spec.selector.get())};
}

Cells cron_job_cells(const CronJob& job, Wall now) {
  const auto& suspend = job.spec.suspend;
  const auto& last = job.status.lastScheduleTime;
  const auto& pod = job.spec.jobTemplate.spec.template_.spec;
  return {job.metadata.name,
          job.spec.schedule,
          or_else(job.spec.timeZone, kNone),
          suspend ? std::string_view(*suspend ? "True" : "False") : kUnset,
          job.status.active.size(),
          last ? age(*last, now) : std::string(kNone),
          age_of(job, now),
          container_names(pod),
          container_images(pod),
          api::format_label_selector(job.spec.jobTemplate.spec.selector.get())};
}

constexpr Printer kPrinters[] = {
    printer<CronJob, cron_job_cells>(),
    printer<Job, job_cells>(),
};

}  // namespace

std::span<const Printer> batch_printers() { return kPrinters; }

}  // namespace keelson::apiserver
