// SPDX-License-Identifier: Apache-2.0
#include "controllers/fixture.h"
#include "controllers/job/controller.h"
#include "controllers/job/plan.h"
#include "controllers/ttl_after_finished.h"

namespace keelson::controllers::job {
namespace {

using namespace batch::v1;

TEST(IndexSet, ReadsAndWritesRuns) {
  struct Case {
    std::string_view text;
    int completions;
    std::string expected;
    int size;
  };
  const Case cases[] = {
      {"", 10, "", 0},
      {"3", 10, "3", 1},
      {"1,3-5,7", 10, "1,3-5,7", 5},
      {"0-1", 10, "0,1", 2},
      {"2-9", 5, "2-4", 3},
      {"7", 5, "", 0},
      {"x,1,-2,4-3", 10, "1", 1},
      {"1,2,3", 10, "1-3", 3},
      {"4,0-3", 10, "0-4", 5},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto set = IndexSet::parse(c.text, c.completions);
    EXPECT_EQ(set.text(), c.expected);
    EXPECT_EQ(set.size(), c.size);
  }
  IndexSet set = IndexSet::parse("0-2,5", 10);
  EXPECT_TRUE(set.has(2) && !set.has(3) && set.has(5) && !set.has(6));
  EXPECT_EQ(set.next_absent(0), 3);
  EXPECT_EQ(set.next_absent(4), 4);
  EXPECT_EQ(set.next_absent(5), 6);
  EXPECT_EQ(set.overlap(IndexSet::parse("1-6", 10)), 3);
  set.insert(4);
  set.insert(3);
  EXPECT_EQ(set.text(), "0-5");
}

TEST(Backoff, DoublesUpToItsLimit) {
  const Wall last{1000s};
  for (const auto& [failures, expected] :
       {std::pair(0, 0s), std::pair(1, 10s), std::pair(2, 20s), std::pair(4, 80s),
        std::pair(7, 600s), std::pair(100, 600s)}) {
    SCOPED_TRACE(failures);
    EXPECT_EQ(backoff_left(failures, last, last), expected);
  }
  EXPECT_EQ(backoff_left(2, last, last + 15s), 5s);
  EXPECT_EQ(backoff_left(2, last, last + 60s), 0s);
}

TEST(FailurePolicy, TakesTheFirstRuleThatMatches) {
  Job job;
  job.spec.podFailurePolicy.ensure().rules = {
      {.action = "FailJob",
       .onExitCodes =
           PodFailurePolicyOnExitCodesRequirement{
               .containerName = "main", .operator_ = "In", .values = {42}}},
      {.action = "Ignore", .onPodConditions = {{.type = "DisruptionTarget", .status = "True"}}},
      {.action = "Count",
       .onExitCodes = PodFailurePolicyOnExitCodesRequirement{.operator_ = "NotIn", .values = {7}}},
  };
  struct Case {
    std::string_view name;
    int exit_code;
    bool disrupted;
    bool counts;
    std::string_view action;
    std::string fails_job;
  };
  const Case cases[] = {
      {"exit code listed", 42, false, true, "FailJob",
       "Container main for pod default/web failed with exit code 42 matching FailJob rule at index "
       "0"},
      {"disruption", 7, true, false, "Ignore", ""},
      {"exit code not listed", 1, false, true, "Count", ""},
      {"no rule", 7, false, true, "", ""},
      {"ended well", 0, false, true, "", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Pod pod = controllers::make_pod("web");
    pod.status.containerStatuses.push_back({.name = "main"});
    pod.status.containerStatuses[0].state.terminated.ensure().exitCode = c.exit_code;
    if (c.disrupted) set_condition(pod, "DisruptionTarget", "True", Wall{1s});
    const auto match = match_failure(job, pod);
    EXPECT_EQ(match.counts, c.counts);
    EXPECT_EQ(match.action, c.action);
    EXPECT_EQ(match.fails_job, c.fails_job);
  }
}

TEST(SuccessPolicy, AsksForIndexesForANumberOrForBoth) {
  struct Case {
    std::optional<std::string> indexes;
    std::optional<int> count;
    std::string_view succeeded;
    bool met;
  };
  const Case cases[] = {
      {"0", {}, "0", true},     {"0", {}, "1-4", false}, {"0-2", 2, "1,2", true},
      {"0-2", 2, "2-4", false}, {{}, 3, "1-3", true},    {{}, 3, "1,2", false},
      {"0-2", {}, "0-2", true}, {"0", 1, "", false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.succeeded);
    Job job;
    job.spec.completions = 5;
    job.spec.successPolicy.ensure().rules = {
        {.succeededIndexes = c.indexes, .succeededCount = c.count}};
    EXPECT_EQ(match_success(job, IndexSet::parse(c.succeeded, 5)).has_value(), c.met);
  }
}

class JobTest : public ControllerTest {
 protected:
  static Job make_job(int parallelism, std::optional<int> completions) {
    Job job;
    job.metadata.name = "work";
    job.metadata.namespace_ = "default";
    job.spec.parallelism = parallelism;
    job.spec.completions = completions;
    job.spec.backoffLimit = 6;
    job.spec.completionMode = "NonIndexed";
    job.spec.selector.ensure().matchLabels["app"] = "work";
    job.spec.template_ = make_template("work");
    job.spec.template_.spec.restartPolicy = "Never";
    return job;
  }
  static Job make_indexed(int parallelism, int completions) {
    Job job = make_job(parallelism, completions);
    job.spec.completionMode = "Indexed";
    return job;
  }
  void start_with(Job job) {
    api.add(std::move(job));
    start({make_job_controller, make_ttl_after_finished_controller});
    step();
  }
  // Longer than the controller gathers changes.
  void step(Duration duration = 3s) { executor.advance(duration); }
  const JobStatus& status() { return api.must_get<Job>(key("work")).status; }
  std::vector<PodPtr> active() {
    auto all = pods("work");
    std::erase_if(all, [](const PodPtr& pod) { return !is_active(*pod); });
    return all;
  }
  void end_pod(const PodPtr& pod, int exit_code, const std::string& node = "node-1") {
    change_pod(pod, [&](Pod& next) {
      next.spec.nodeName = node;
      next.status.phase = exit_code ? core::v1::PodPhase::Failed : core::v1::PodPhase::Succeeded;
      auto& container = next.status.containerStatuses.emplace_back();
      container.name = "main";
      auto& end = container.state.terminated.ensure();
      end.exitCode = exit_code;
      end.finishedAt = api::Time(executor.now());
    });
  }
  void end_active(int exit_code) {
    for (const auto& pod : active()) end_pod(pod, exit_code);
    step();
  }
  bool has(std::string_view type) {
    const auto* found = find_condition(status(), type);
    return found && found->status == "True";
  }
  std::string reason(std::string_view type) {
    const auto* found = find_condition(status(), type);
    return found ? found->reason : "";
  }
  std::set<int> active_indexes() {
    std::set<int> out;
    for (const auto& pod : active()) out.insert(completion_index(pod->metadata).value_or(-1));
    return out;
  }
  void expect_no_finalizers() {
    for (const auto& pod : pods("work")) EXPECT_FALSE(has_finalizer(pod->metadata));
  }
};

TEST_F(JobTest, RunsToItsCompletions) {
  start_with(make_job(2, 3));
  ASSERT_EQ(active().size(), 2u);
  EXPECT_TRUE(has_finalizer(active()[0]->metadata));
  EXPECT_EQ(status().active, 2);
  EXPECT_TRUE(status().startTime.has_value());

  end_active(0);
  EXPECT_EQ(status().succeeded, 2);
  ASSERT_EQ(active().size(), 1u);
  end_active(0);

  EXPECT_EQ(status().succeeded, 3);
  EXPECT_EQ(status().active, 0);
  EXPECT_EQ(reason("SuccessCriteriaMet"), "CompletionsReached");
  EXPECT_TRUE(has("Complete"));
  EXPECT_TRUE(status().completionTime.has_value());
  EXPECT_TRUE(has_event("work", "Completed: Job completed"));
  expect_no_finalizers();
}

TEST_F(JobTest, WithoutCompletionsTheFirstSuccessEndsIt) {
  start_with(make_job(3, std::nullopt));
  const auto all = active();
  ASSERT_EQ(all.size(), 3u);
  end_pod(all[0], 0);
  step();
  EXPECT_EQ(active().size(), 2u);
  EXPECT_FALSE(has("Complete"));
  end_active(0);
  EXPECT_TRUE(has("Complete"));
  EXPECT_EQ(status().succeeded, 3);
}

TEST_F(JobTest, FailedPodsAreReplacedLaterAndLaterAndAtLastNotAtAll) {
  Job job = make_job(1, 1);
  job.spec.backoffLimit = 2;
  start_with(job);

  end_active(1);
  EXPECT_EQ(status().failed, 1);
  EXPECT_TRUE(active().empty());
  step(10s);
  EXPECT_EQ(active().size(), 1u);

  end_active(1);
  step(10s);
  EXPECT_TRUE(active().empty());
  step(10s);
  EXPECT_EQ(active().size(), 1u);

  end_active(1);
  EXPECT_EQ(status().failed, 3);
  EXPECT_EQ(reason("FailureTarget"), "BackoffLimitExceeded");
  EXPECT_EQ(reason("Failed"), "BackoffLimitExceeded");
  EXPECT_TRUE(
      has_event("work", "BackoffLimitExceeded: Job has reached the specified backoff limit"));
  expect_no_finalizers();
}

TEST_F(JobTest, CountsEachPodOnceWhateverWritesFail) {
  start_with(make_job(10, 10));
  ASSERT_EQ(active().size(), 10u);
  api.fail_next(2, {.verb = "update", .resource = "jobs.batch"}, Status::unavailable("no"));
  api.fail_next(7, {.verb = "patch", .resource = "pods"}, Status::unavailable("no"));
  end_active(0);
  step(2min);

  EXPECT_EQ(status().succeeded, 10);
  EXPECT_TRUE(has("Complete"));
  EXPECT_TRUE(status().uncountedTerminatedPods->succeeded.empty());
  expect_no_finalizers();
}

TEST_F(JobTest, ADeletedPodIsCountedAsFailedAndReplaced) {
  start_with(make_job(1, 1));
  run_pod(active()[0]);
  api.erase<Pod>(key_of(*active()[0]));
  step();
  EXPECT_EQ(status().failed, 1);
  end_deleted_pods();
  step(30s);
  EXPECT_EQ(active().size(), 1u);
}

TEST_F(JobTest, WithPodReplacementPolicyFailedItWaitsForTheEnd) {
  Job job = make_job(1, 1);
  job.spec.podReplacementPolicy = "Failed";
  start_with(job);
  const auto pod = active()[0];
  run_pod(pod);
  api.erase<Pod>(key_of(*pod));
  step(1min);
  EXPECT_TRUE(active().empty());
  EXPECT_EQ(status().terminating, 1);
  EXPECT_EQ(status().failed, 0);

  end_pod(api.peek<Pod>(key_of(*pod)), 1);
  step(30s);
  EXPECT_EQ(status().failed, 1);
  EXPECT_EQ(active().size(), 1u);
}

TEST_F(JobTest, PastItsDeadlineItFailsAndEndsItsPods) {
  Job job = make_job(2, 2);
  job.spec.activeDeadlineSeconds = 60;
  start_with(job);
  for (const auto& pod : active()) run_pod(pod);
  step(50s);
  EXPECT_EQ(active().size(), 2u);
  step(10s);

  EXPECT_TRUE(active().empty());
  EXPECT_EQ(reason("FailureTarget"), "DeadlineExceeded");
  // Its pods are not gone yet.
  EXPECT_FALSE(has("Failed"));
  end_deleted_pods();
  step();
  EXPECT_EQ(reason("Failed"), "DeadlineExceeded");
  EXPECT_EQ(status().failed, 2);
}

TEST_F(JobTest, SuspendedItHasNoPodsAndLosesNoneOfItsTries) {
  start_with(make_job(2, 2));
  api.change<Job>(key("work"), [](Job& job) { job.spec.suspend = true; });
  step();
  EXPECT_TRUE(active().empty());
  EXPECT_EQ(reason("Suspended"), "JobSuspended");
  EXPECT_EQ(status().failed, 0);

  api.change<Job>(key("work"), [](Job& job) { job.spec.suspend = false; });
  step();
  EXPECT_EQ(active().size(), 2u);
  EXPECT_EQ(reason("Suspended"), "JobResumed");
  EXPECT_TRUE(has_event("work", "Resumed: Job resumed"));
}

TEST_F(JobTest, ItsDeadlineRestsWhileItIsSuspended) {
  Job job = make_job(1, 1);
  job.spec.activeDeadlineSeconds = 60;
  start_with(job);
  step(50s);
  api.change<Job>(key("work"), [](Job& next) { next.spec.suspend = true; });
  step(5min);
  EXPECT_FALSE(has("FailureTarget"));

  api.change<Job>(key("work"), [](Job& next) { next.spec.suspend = false; });
  step(50s);
  EXPECT_FALSE(has("FailureTarget"));
  EXPECT_EQ(active().size(), 1u);
  step(15s);
  EXPECT_EQ(reason("FailureTarget"), "DeadlineExceeded");
}

TEST_F(JobTest, LowerParallelismTakesPodsBackUncounted) {
  start_with(make_job(4, 4));
  api.change<Job>(key("work"), [](Job& job) { job.spec.parallelism = 1; });
  step();
  EXPECT_EQ(active().size(), 1u);
  EXPECT_EQ(status().failed, 0);
}

TEST_F(JobTest, GivesEachIndexItsPod) {
  start_with(make_indexed(2, 4));
  EXPECT_EQ(active_indexes(), (std::set{0, 1}));
  const auto first = active()[0];
  const std::string index =
      first->metadata.annotations.at(std::string(JobCompletionIndexAnnotation));
  EXPECT_EQ(first->metadata.labels.at(std::string(JobCompletionIndexAnnotation)), index);
  EXPECT_EQ(first->spec.hostname, "work-" + index);
  EXPECT_TRUE(first->metadata.name.starts_with("work-" + index + "-"));
  EXPECT_EQ(first->spec.containers[0].env.at(0).name, "JOB_COMPLETION_INDEX");

  end_active(0);
  EXPECT_EQ(status().completedIndexes, "0,1");
  EXPECT_EQ(active_indexes(), (std::set{2, 3}));
  end_active(0);
  EXPECT_EQ(status().completedIndexes, "0-3");
  EXPECT_EQ(status().succeeded, 4);
  EXPECT_TRUE(has("Complete"));
}

TEST_F(JobTest, WithALimitPerIndexOthersGoOn) {
  Job job = make_indexed(2, 2);
  job.spec.backoffLimitPerIndex = 1;
  job.spec.backoffLimit.reset();
  start_with(job);
  const auto fail_index = [this](int index) {
    for (const auto& pod : active()) {
      if (completion_index(pod->metadata) == index) end_pod(pod, 1);
    }
    step();
  };
  fail_index(0);
  EXPECT_EQ(active_indexes(), (std::set{1}));
  step(15s);
  ASSERT_EQ(active_indexes(), (std::set{0, 1}));
  for (const auto& pod : active()) {
    const bool retried = completion_index(pod->metadata) == 0;
    EXPECT_EQ(pod->metadata.annotations.at(std::string(JobIndexFailureCountAnnotation)),
              retried ? "1" : "0");
  }

  fail_index(0);
  EXPECT_EQ(status().failedIndexes, "0");
  EXPECT_FALSE(has("Failed"));
  end_active(0);
  EXPECT_EQ(status().completedIndexes, "1");
  EXPECT_EQ(reason("Failed"), "FailedIndexes");
  EXPECT_EQ(status().failed, 2);
  expect_no_finalizers();
}

TEST_F(JobTest, MoreFailedIndexesThanAllowedEndIt) {
  Job job = make_indexed(3, 3);
  job.spec.backoffLimitPerIndex = 0;
  job.spec.maxFailedIndexes = 1;
  start_with(job);
  const auto all = active();
  end_pod(all[0], 1);
  end_pod(all[1], 1);
  step();
  EXPECT_EQ(reason("FailureTarget"), "MaxFailedIndexesExceeded");
  end_deleted_pods();
  step();
  EXPECT_EQ(reason("Failed"), "MaxFailedIndexesExceeded");
}

TEST_F(JobTest, TheFailurePolicyEndsItOrLooksAway) {
  Job job = make_job(1, 1);
  job.spec.backoffLimit = 0;
  job.spec.podFailurePolicy.ensure().rules = {
      {.action = "Ignore",
       .onExitCodes = PodFailurePolicyOnExitCodesRequirement{.operator_ = "In", .values = {9}}},
      {.action = "FailJob",
       .onExitCodes = PodFailurePolicyOnExitCodesRequirement{.operator_ = "In", .values = {42}}},
  };
  start_with(job);
  end_active(9);
  EXPECT_EQ(status().failed, 0);
  step(15s);
  ASSERT_EQ(active().size(), 1u);

  end_active(42);
  EXPECT_EQ(reason("Failed"), "PodFailurePolicy");
  EXPECT_TRUE(find_condition(status(), "Failed")->message.contains("exit code 42"));
}

TEST_F(JobTest, AFailIndexRuleGivesTheIndexUpAtOnce) {
  Job job = make_indexed(2, 2);
  job.spec.backoffLimitPerIndex = 5;
  job.spec.podFailurePolicy.ensure().rules = {
      {.action = "FailIndex",
       .onExitCodes = PodFailurePolicyOnExitCodesRequirement{.operator_ = "In", .values = {3}}}};
  start_with(job);
  for (const auto& pod : active()) {
    if (completion_index(pod->metadata) == 0) end_pod(pod, 3);
  }
  step(10min);
  EXPECT_EQ(status().failedIndexes, "0");
  EXPECT_EQ(active_indexes(), (std::set{1}));

  end_active(0);
  EXPECT_EQ(status().completedIndexes, "1");
  EXPECT_EQ(reason("Failed"), "FailedIndexes");
}

TEST_F(JobTest, TheSuccessPolicyEndsItEarly) {
  Job job = make_indexed(3, 3);
  job.spec.successPolicy.ensure().rules = {{.succeededIndexes = "0"}};
  start_with(job);
  for (const auto& pod : active()) {
    if (completion_index(pod->metadata) == 0) end_pod(pod, 0);
  }
  step();
  end_deleted_pods();
  step();
  EXPECT_EQ(reason("SuccessCriteriaMet"), "SuccessPolicy");
  EXPECT_TRUE(has("Complete"));
  EXPECT_TRUE(active().empty());
}

TEST_F(JobTest, LeavesJobsOfOtherManagersAlone) {
  Job job = make_job(1, 1);
  job.spec.managedBy = "example.com/other";
  start_with(job);
  EXPECT_TRUE(pods("work").empty());
}

TEST_F(JobTest, FreesThePodsOfAJobThatIsGone) {
  start_with(make_job(2, 2));
  api.erase<Job>(key("work"));
  step();
  EXPECT_EQ(pods("work").size(), 2u);
  expect_no_finalizers();
}

TEST_F(JobTest, AFinishedJobGoesWhenItsTimeIsOver) {
  Job job = make_job(1, 1);
  job.spec.ttlSecondsAfterFinished = 60;
  start_with(job);
  end_active(0);
  ASSERT_TRUE(has("Complete"));
  step(50s);
  ASSERT_NE(api.peek<Job>(key("work")), nullptr);
  EXPECT_FALSE(api.must_get<Job>(key("work")).metadata.deletionTimestamp.has_value());
  step(15s);
  const auto left = api.peek<Job>(key("work"));
  // In the foreground: the garbage collector takes its pods first.
  EXPECT_TRUE(!left || left->metadata.deletionTimestamp);
}

}  // namespace
}  // namespace keelson::controllers::job
