// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "apiserver/registry/kinds/cron_schedule.h"
#include "given.h"

namespace keelson::apiserver::testing {
namespace {

TEST(CronSchedule, KnowsWhatIsWrong) {
  struct Case {
    std::string_view schedule, error;  // Empty: none.
  };
  const Case table[] = {
      {"* * * * *", ""},
      {"*/15 8-18 1,15 jan-mar MON-fri", ""},
      {"0 0 ? * 0", ""},
      {"@hourly", ""},
      {"@every 1h30m", ""},
      {"TZ=UTC 0 0 * * *", ""},
      {"", "empty spec string"},
      {"* * * *", "expected exactly 5 fields, found 4: [* * * *]"},
      {"61 * * * *", "end of range (61) above maximum (59): 61"},
      {"* * 0 * *", "beginning of range (0) below minimum (1): 0"},
      {"* * * * 7", "end of range (7) above maximum (6): 7"},
      {"5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"},
      {"*/0 * * * *", "step of range should be a positive number: */0"},
      {"1-2-3 * * * *", "too many hyphens: 1-2-3"},
      {"1/2/3 * * * *", "too many slashes: 1/2/3"},
      {"x * * * *", R"(failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax)"},
      {"@sometimes", "unrecognized descriptor: @sometimes"},
      {"TZ=Nowhere/City 0 0 * * *",
       "provided bad location Nowhere/City: unknown time zone Nowhere/City"},
  };
  for (const Case& c : table) {
    if (c.schedule.starts_with("TZ=Nowhere") && is_known_time_zone("Nowhere/City")) continue;
    EXPECT_EQ(find_schedule_error(c.schedule).value_or(""), c.error) << c.schedule;
  }
}

TEST(CronJobValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "CronJob",
      {
          {R"({"spec":{"schedule":""}})", {"spec.schedule: Required value"}},
          {R"({"spec":{"schedule":"often"}})",
           {R"(spec.schedule: Invalid value: "often": expected exactly 5 fields, found 1: [often])"}},
          {R"({"spec":{"schedule":"TZ=UTC 0 0 * * *"}})",
           {R"(spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use TZ or CRON_TZ in )"
            "schedule, use timeZone field instead"}},
          {R"({"spec":{"timeZone":""}})",
           {R"(spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string)"}},
          {R"({"spec":{"timeZone":"Local"}})",
           {R"(spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as )"
            "defined in https://www.iana.org/time-zones"}},
          {R"({"spec":{"timeZone":"../etc/passwd"}})",
           {R"(spec.timeZone: Invalid value: "../etc/passwd": unknown time zone ../etc/passwd)"}},
          {R"({"spec":{"startingDeadlineSeconds":-1}})",
           {"spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0"}},
          {R"({"spec":{"concurrencyPolicy":"Queue"}})",
           {R"(spec.concurrencyPolicy: Unsupported value: "Queue": supported values: "Allow", )"
            R"("Forbid", "Replace")"}},
          {R"({"spec":{"successfulJobsHistoryLimit":-1,"failedJobsHistoryLimit":-2}})",
           {"spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to "
            "0",
            "spec.failedJobsHistoryLimit: Invalid value: -2: must be greater than or equal to 0"}},
          {R"({"spec":{"jobTemplate":{"spec":{"selector":{"matchLabels":{"a":"b"}},"manualSelector":true}}}})",
           {R"(spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: )"
            "`selector` will be auto-generated",
            R"(spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: )"
            R"("nil", "false")"}},
          {R"({"spec":{"jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Always"}}}}}})",
           {R"(spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: )"
            R"("OnFailure", "Never")"}},
      });
}

TEST(CronJobValidation, LeavesRoomForTheNamesOfJobs) {
  const std::string name(53, 'a');
  const auto named = given("CronJob", R"({"metadata":{"name":")" + name + R"("}})");
  EXPECT_EQ(validated_create(named), Texts{"metadata.name: Invalid value: \"" + name +
                                           "\": must be no more than 52 characters"});
  EXPECT_EQ(validated_update(named, named), Texts());
}

TEST(CronJobUpdate, KeepsAnOldZoneInTheSchedule) {
  const auto before = given("CronJob", R"({"spec":{"schedule":"TZ=UTC 0 0 * * *"}})");
  EXPECT_EQ(validated_update(before, before), Texts());
  EXPECT_EQ(
      validated_update(
          given("CronJob", R"({"spec":{"schedule":"TZ=UTC 0 0 * * *","timeZone":"UTC"}})"), before),
      Texts{R"(spec.schedule: Invalid value: "TZ=UTC 0 0 * * *": cannot use both timeZone )"
            "field and TZ or CRON_TZ in schedule"});
}

TEST(JobRules, HoldIndexedJobsToTheirLimits) {
  expect_refused(
      "Job",
      {
          {R"({"spec":{"backoffLimitPerIndex":1}})",
           {"spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"}},
          {R"({"spec":{"completionMode":"Indexed","completions":2,"parallelism":1,"maxFailedIndexes":3}})",
           {"spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
            "spec.maxFailedIndexes: Invalid value: 3: must be less than or equal to completions"}},
          {R"({"spec":{"completionMode":"Indexed","completions":2,"parallelism":100001}})",
           {"spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when "
            "completion mode is Indexed"}},
          {R"({"spec":{"managedBy":"me"}})",
           {R"(spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as )"
            R"("acme.io/foo"))"}},
          {R"({"metadata":{"name":"a234567890123456789012345678901234567890123456789012345678901b"},"spec":{"completionMode":"Indexed","completions":2,"parallelism":1}})",
           {R"(metadata.name: Invalid value: )"
            R"("a234567890123456789012345678901234567890123456789012345678901b": will not able to )"
            "create pod with invalid DNS label: "
            "a234567890123456789012345678901234567890123456789012345678901b-1"}},
      });
}

TEST(JobRules, ReadFailurePolicies) {
  const auto with_rule = [](std::string_view rule) {
    return given("Job", R"({"spec":{"podFailurePolicy":{"rules":[)" + std::string(rule) + "]}}}");
  };
  struct Case {
    std::string_view rule;
    Texts expected;  // Without "spec.podFailurePolicy.rules[0]" before each.
  };
  const Case table[] = {
      {R"({"action":"Ignore","onExitCodes":{"operator":"NotIn","values":[0,1]}})", {}},
      {R"({"action":"Ignore"})",
       {": Invalid value: specifying one of OnExitCodes and OnPodConditions is required"}},
      {R"({"action":"FailIndex","onPodConditions":[{"type":"A"}]})",
       {R"(.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set)"}},
      {R"({"action":"FailJob","onExitCodes":{"containerName":"no","operator":"In","values":[2,1,0,1]}})",
       {R"(.onExitCodes.containerName: Invalid value: "no": must be one of the container or )"
        "initContainer names in the pod template",
        ".onExitCodes.values[2]: Invalid value: 0: must not be 0 for the In operator",
        ".onExitCodes.values[3]: Duplicate value: 1",
        ".onExitCodes.values: Invalid value: [2,1,0,1]: must be ordered"}},
  };
  for (const Case& c : table) {
    Texts expected;
    for (const auto& text : c.expected) expected.push_back("spec.podFailurePolicy.rules[0]" + text);
    EXPECT_EQ(validated(with_rule(c.rule)), expected) << c.rule;
  }
}

TEST(JobUpdate, ResizesIndexedJobsInStep) {
  const auto sized = [](int completions, int parallelism) {
    return given("Job", R"({"spec":{"completionMode":"Indexed","completions":)" +
                            std::to_string(completions) + R"(,"parallelism":)" +
                            std::to_string(parallelism) + "}}");
  };
  EXPECT_EQ(validated_update(sized(3, 3), sized(2, 2)), Texts());
  EXPECT_EQ(validated_update(sized(3, 2), sized(2, 2)),
            Texts{"spec.completions: Invalid value: 3: can only be modified in tandem with "
                  "spec.parallelism"});
}

}  // namespace
}  // namespace keelson::apiserver::testing
