// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "base/base64.h"
#include "given.h"
#include "pki/certificate.h"

namespace keelson::apiserver::testing {
namespace {

api::Document signing_request(std::string_view patch = "{}") {
  return given("CertificateSigningRequest", patch);
}

api::Document with_status(std::string_view members) {
  return signing_request(R"({"status":{)" + std::string(members) + "}}");
}

std::string certificate(std::string_view pem) {
  return R"("certificate":")" + base64_encode(pem) + "\"";
}

std::string certificate_pem() {
  static const std::string kPem = pki::make_ca("test", Wall{}).value().certificate_pem;
  return kPem;
}

constexpr std::string_view kApproved = R"("conditions":[{"type":"Approved","status":"True"}])";

TEST(SigningRequest, AsksForSomething) {
  expect_refused(
      "CertificateSigningRequest",
      {
          {R"({"spec":{"request":"YWJj"}})",
           {R"(spec.request: Invalid value: "YWJj": PEM block type must be CERTIFICATE REQUEST)"}},
          {R"({"spec":{"usages":[]}})", {"spec.usages: Required value"}},
          {R"({"spec":{"usages":["any","any"]}})", {R"(spec.usages[1]: Duplicate value: "any")"}},
          {R"({"spec":{"expirationSeconds":60}})",
           {"spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 "
            "seconds (10 minutes)"}},
          {R"({"spec":{"signerName":""}})", {"spec.signerName: Required value"}},
          {R"({"spec":{"signerName":"signer"}})",
           {R"(spec.signerName: Invalid value: "signer": must be a fully qualified domain and path )"
            "of the form 'example.com/signer-name'"}},
          {R"({"spec":{"signerName":"example/signer"}})",
           {R"(spec.signerName: Invalid value: "example": should be a domain with at least two )"
            "segments separated by dots"}},
          {R"({"metadata":{"name":"Any:name"}})", {}},
      });
}

TEST(SigningRequest, IsApprovedByApproval) {
  const auto plain = signing_request();
  const auto approved = with_status(kApproved);
  const auto approve = [](const api::Document& now, const api::Document& before) {
    return validated_subresource_update(now, before, "approval");
  };

  EXPECT_EQ(approve(approved, plain), Texts());
  EXPECT_EQ(
      validated_status_update(approved, plain),
      Texts{R"(status.conditions: Forbidden: updates may not add a condition of type "Approved")"});
  EXPECT_EQ(
      approve(plain, approved),
      Texts{
          R"(status.conditions: Forbidden: updates may not remove a condition of type "Approved")"});
  EXPECT_EQ(approve(with_status(R"("conditions":[{"type":"Approved","status":"True"},)"
                                R"({"type":"Denied","status":"True"}])"),
                    plain),
            Texts{R"(status.conditions[1].type: Invalid value: "Denied": Approved and Denied )"
                  "conditions are mutually exclusive"});
  EXPECT_EQ(approve(with_status(R"("conditions":[{"type":"Approved","status":"False"}])"), plain),
            Texts{R"(status.conditions[0].status: Unsupported value: "False": supported values: )"
                  R"("True")"});
  EXPECT_EQ(approve(with_status(certificate(certificate_pem())), plain),
            Texts{"status.certificate: Forbidden: updates may not set certificate content"});
}

TEST(SigningRequest, KeepsItsVerdictWhenItIsSigned) {
  const auto approved =
      with_status(R"("conditions":[{"type":"Approved","status":"True","reason":"r"}])");
  auto now = with_status(R"("conditions":[{"type":"Approved","status":"True","reason":"other"},)"
                         R"({"type":"Failed","status":"True"}])");

  prepare_for_status_update(now, approved);

  EXPECT_EQ(api::find_at(now, {"status", "conditions"})->get_array()[0],
            api::find_at(approved, {"status", "conditions"})->get_array()[0]);
  EXPECT_EQ(validated_status_update(now, approved), Texts());
}

TEST(SigningRequest, IsSignedOnceByACertificate) {
  const auto approved = with_status(kApproved);
  const auto with = [](std::string_view pem) {
    return with_status(std::string(kApproved) + "," + certificate(pem));
  };
  const std::string pem = certificate_pem();
  const auto refused = [](const std::string& why) {
    return Texts{R"(status.certificate: Invalid value: "<certificate data>": )" + why};
  };

  EXPECT_EQ(validated_status_update(with(pem), approved), Texts());
  EXPECT_EQ(validated_status_update(with("text before\n" + pem + pem), approved), Texts());
  EXPECT_EQ(validated_status_update(with("not a cert"), approved),
            refused("must contain at least one CERTIFICATE PEM block"));
  EXPECT_EQ(validated_status_update(
                with("-----BEGIN PRIVATE KEY-----\nYWJj\n-----END PRIVATE KEY-----\n"), approved),
            refused(R"(only CERTIFICATE PEM blocks are allowed, found "PRIVATE KEY")"));
  EXPECT_EQ(
      validated_status_update(
          with("-----BEGIN CERTIFICATE-----\nA: b\n\nYWJj\n-----END CERTIFICATE-----\n"), approved),
      refused("no PEM block headers are permitted"));
  EXPECT_EQ(validated_status_update(
                with("-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n"), approved)
                .size(),
            1u);
  EXPECT_EQ(validated_status_update(with(pem + pem), with(pem)),
            Texts{"status.certificate: Forbidden: updates may not modify existing certificate "
                  "content"});
}

TEST(SigningRequest, MayGoOnBreakingWhatItBreaks) {
  const auto broken = with_status(
      R"("conditions":[{"type":"Approved","status":"True"},{"type":"Denied","status":"True"}],)" +
      certificate("not a cert"));
  EXPECT_EQ(validated_update(broken, broken), Texts());
  EXPECT_EQ(validated_status_update(broken, broken), Texts());
}

}  // namespace
}  // namespace keelson::apiserver::testing
