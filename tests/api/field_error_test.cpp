// SPDX-License-Identifier: Apache-2.0
#include "api/validation/field_error.h"

#include <gtest/gtest.h>

namespace keelson::api {
namespace {

TEST(FieldPath, ReadsLikeUpstreams) {
  const FieldPath path = FieldPath("spec").child("template", "spec").child("containers").index(0);
  EXPECT_EQ(path.child("env").key("A").text(), "spec.template.spec.containers[0].env[A]");
  EXPECT_EQ(FieldPath().child("a").text(), "a");
}

TEST(FieldErrors, SayWhatUpstreamSays) {
  FieldErrors errors;
  const FieldPath path("spec");
  errors.required(path.child("a"));
  errors.required(path.child("a"), "must be set");
  errors.invalid(path.child("b"), "x\"y", "must be z");
  errors.invalid(path.child("b"), 3, "must be 4");
  errors.invalid(path.child("b"), -0.5, "too small");
  errors.invalid(path.child("b"), boost::json::parse(R"({"b":1,"a":"<"})"), "odd");
  errors.invalid(path.child("b"), std::vector<std::string>{"p", "q"}, "odd");
  errors.invalid(path.child("b"), std::optional<int>(), "odd");
  const std::string_view supported[] = {"A", "B"};
  errors.not_supported(path.child("c"), "X", supported);
  errors.duplicate(path.child("d"), true);
  errors.forbidden(path.child("e"), "may not change");
  errors.too_long(path.child("f"), 63);
  errors.too_long(path.child("f"), 1);
  errors.too_long(path.child("f"), -1);
  errors.too_many(path.child("g"), 5, 4);
  errors.too_many(path.child("g"), -1, 1);
  errors.too_few(path.child("g"), 0, 1);
  errors.not_found(path.child("h"), "gone");
  errors.internal(path.child("i"), "broken");

  const std::pair<std::string, std::string> expected[] = {
      {"FieldValueRequired", "Required value"},
      {"FieldValueRequired", "Required value: must be set"},
      {"FieldValueInvalid", "Invalid value: \"x\\\"y\": must be z"},
      {"FieldValueInvalid", "Invalid value: 3: must be 4"},
      {"FieldValueInvalid", "Invalid value: -0.5: too small"},
      {"FieldValueInvalid", "Invalid value: {\"a\":\"\\u003c\",\"b\":1}: odd"},
      {"FieldValueInvalid", "Invalid value: [\"p\",\"q\"]: odd"},
      {"FieldValueInvalid", "Invalid value: null: odd"},
      {"FieldValueNotSupported", "Unsupported value: \"X\": supported values: \"A\", \"B\""},
      {"FieldValueDuplicate", "Duplicate value: true"},
      {"FieldValueForbidden", "Forbidden: may not change"},
      {"FieldValueTooLong", "Too long: may not be more than 63 bytes"},
      {"FieldValueTooLong", "Too long: may not be more than 1 byte"},
      {"FieldValueTooLong", "Too long: value is too long"},
      {"FieldValueTooMany", "Too many: 5: must have at most 4 items"},
      {"FieldValueTooMany", "Too many: must have at most 1 item"},
      {"FieldValueTooFew", "Too few: 0: must have at least 1 item"},
      {"FieldValueNotFound", "Not found: \"gone\""},
      {"InternalError", "Internal error: broken"},
  };
  const auto causes = errors.causes();
  ASSERT_EQ(causes.size(), std::size(expected));
  for (std::size_t i = 0; i < causes.size(); ++i) {
    EXPECT_EQ(causes[i].reason, expected[i].first);
    EXPECT_EQ(causes[i].message, expected[i].second);
  }
  EXPECT_EQ(causes[0].field, "spec.a");
}

TEST(FieldErrors, BecomeTheAnswerOfTheServer) {
  FieldErrors errors;
  errors.required("spec.a");
  FieldErrors more;
  more.forbidden("spec.b", "why");
  errors += std::move(more);

  const Status status = errors.status("apps", "Deployment", "web");

  EXPECT_EQ(status.code(), 422);
  EXPECT_EQ(status.message(),
            "Deployment.apps \"web\" is invalid: [spec.a: Required value, spec.b: Forbidden: why]");
  EXPECT_EQ(status.details().causes.size(), 2u);
}

TEST(FieldErrors, SayEachTextOnce) {
  FieldErrors errors;
  EXPECT_EQ(errors.text(), "");
  errors.required("a");
  errors.required("a");
  EXPECT_EQ(errors.text(), "a: Required value");
  errors.required("b");
  EXPECT_EQ(errors.text(), "[a: Required value, b: Required value]");
}

}  // namespace
}  // namespace keelson::api
