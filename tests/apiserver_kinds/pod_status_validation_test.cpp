// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "api/codec/json.h"
#include "given.h"

namespace keelson::apiserver::testing {
namespace {

api::Document with_status(std::string_view members) {
  return given("Pod", R"({"spec":{"resourceClaims":[{"name":"gpu","resourceClaimName":"c"}]},)"
                      R"("status":{)" +
                          std::string(members) + "}}");
}

Texts updated(std::string_view now, std::string_view before = {}) {
  api::Document next = with_status(now);
  const api::Document old = with_status(before);
  prepare_for_status_update(next, old);
  return validated_status_update(next, old);
}

constexpr std::string_view kIpMessage =
    "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

TEST(PodStatus, HasAddressesThatAreSome) {
  const std::string ip(kIpMessage);
  const std::string families = "may specify no more than one IP for each IP family";
  EXPECT_EQ(updated(R"("podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}])"),
            Texts());
  EXPECT_EQ(updated(R"("podIP":"not-an-ip")"),
            Texts{R"(status.podIPs[0]: Invalid value: "not-an-ip": )" + ip});
  EXPECT_EQ(updated(R"("podIPs":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"},{"ip":"fd00::1"}])"),
            Texts{R"(status.podIPs: Invalid value: )"
                  R"([{"ip":"10.0.0.1"},{"ip":"10.0.0.2"},{"ip":"fd00::1"}]: )" +
                  families});
  EXPECT_EQ(updated(R"("podIPs":[{"ip":"a"},{"ip":"b"},{"ip":"c"}])").size(), 4u);
  EXPECT_EQ(updated(R"("hostIP":"10.0.0.1","hostIPs":[{"ip":"10.0.0.1"}])"), Texts());
  EXPECT_EQ(updated(R"("hostIPs":[{"ip":"x"}])"),
            (Texts{R"(status.hostIPs[0].ip: Invalid value: "x": must be equal to `hostIP`)",
                   R"(status.hostIPs[0]: Invalid value: "x": )" + ip}));
}

TEST(PodStatus, MayKeepAddressesThatAreNone) {
  const std::string_view bad =
      R"("podIP":"a","podIPs":[{"ip":"a"}],"hostIP":"b","hostIPs":[{"ip":"c"}])";
  EXPECT_EQ(updated(bad, bad), Texts());
}

TEST(PodStatus, ShowsTheFirstAddressInBothFields) {
  struct Case {
    std::string_view given, expected;
  };
  const Case cases[] = {
      {R"("podIPs":[{"ip":"10.0.0.1"}])", R"({"podIPs":[{"ip":"10.0.0.1"}],"podIP":"10.0.0.1"})"},
      {R"("podIP":"10.0.0.1")", R"({"podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"}]})"},
      {R"("podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.2"}])",
       R"({"podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"}]})"},
      {R"("podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}])",
       R"({"podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}]})"},
  };
  for (const Case& c : cases) {
    api::Document pod = with_status(c.given);
    prepare_for_status_update(pod, with_status(""));
    const auto expected = api::parse_json(c.expected);
    ASSERT_TRUE(expected);
    EXPECT_EQ(*api::find_at(pod, {"status"}), *expected) << c.given;
  }
}

TEST(PodStatus, TellsOfClaimsThatThePodHas) {
  EXPECT_EQ(updated(R"("resourceClaimStatuses":[{"name":"gpu","resourceClaimName":"c"}])"),
            Texts());
  EXPECT_EQ(updated(R"("resourceClaimStatuses":[{"name":"other"}])"),
            Texts{R"(status.resourceClaimStatuses[0].name: Invalid value: "other": must match the )"
                  "name of an entry in `spec.resourceClaims`"});
}

TEST(PodStatus, LeavesEphemeralContainersEnded) {
  const auto state = [](std::string_view what) {
    return R"("ephemeralContainerStatuses":[{"name":"e","state":{)" + std::string(what) + "}}]";
  };
  EXPECT_EQ(updated(state(R"("running":{})"), state(R"("terminated":{"exitCode":1})")),
            Texts{"status.ephemeralContainerStatuses[0].state: Forbidden: may not be transitioned "
                  "to non-terminated state"});
}

api::Document annotated(std::string_view annotations) {
  return given("Pod", R"({"metadata":{"annotations":{)" + std::string(annotations) +
                          R"(}},"spec":{"nodeName":"n"}})");
}

TEST(PodAnnotations, SayForGoodThatAPodIsAMirror) {
  const std::string path = "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: ";
  const auto plain = annotated("");
  const auto mirror = annotated(R"("kubernetes.io/config.mirror":"abc")");
  const auto other = annotated(R"("kubernetes.io/config.mirror":"def")");

  EXPECT_EQ(validated_create(mirror), Texts());
  EXPECT_EQ(validated_update(mirror, mirror), Texts());
  EXPECT_EQ(validated_update(mirror, plain), Texts{path + "may not add mirror pod annotation"});
  EXPECT_EQ(validated_status_update(mirror, plain),
            Texts{path + "may not add mirror pod annotation"});
  for (const auto& now : {plain, other}) {
    EXPECT_EQ(validated_update(now, mirror),
              Texts{path + "may not remove or update mirror pod annotation"});
  }
  EXPECT_EQ(
      validated_create(
          given("Pod", R"({"metadata":{"annotations":{"kubernetes.io/config.mirror":"abc"}}})")),
      Texts{R"(metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "abc": must )"
            "set spec.nodeName if mirror pod annotation is set"});
}

TEST(PodAnnotations, DoNotChangeTheConfinement) {
  const std::string key = "container.apparmor.security.beta.kubernetes.io/web";
  const auto confined = annotated("\"" + key + R"(":"runtime/default")");
  EXPECT_EQ(
      validated_update(confined, annotated("")),
      Texts{"metadata.annotations[" + key + "]: Forbidden: may not add AppArmor annotations"});
}

}  // namespace
}  // namespace keelson::apiserver::testing
