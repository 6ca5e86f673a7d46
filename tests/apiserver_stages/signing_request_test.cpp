// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/base64.h"
#include "pki/certificate.h"
#include "standard_cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kRequests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

std::string signing_request(const std::string& name) {
  const auto key = pki::make_key().value();
  const auto pem = pki::make_request(key, {.common_name = "jane"}).value();
  return R"({"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest",
             "metadata":{"name":")" +
         name + R"("},"spec":{"signerName":"example.com/signer","usages":["client auth"],
             "request":")" +
         base64_encode(pem) + "\"}}";
}

std::string conditions(const std::string& type) {
  return R"({"status":{"conditions":[{"type":")" + type + R"(","status":"True","reason":"r"}]}})";
}

TEST(SigningRequests, SayWhenTheyWereJudged) {
  StandardCluster cluster;
  cluster.add(kRequests, signing_request("a"));
  cluster.add(kRequests, signing_request("b"));

  for (const auto& [target, type] :
       {std::pair("/a/approval", "Approved"), std::pair("/b/status", "Failed")}) {
    const auto answer = cluster.patch(kRequests + target, conditions(type));

    ASSERT_EQ(answer.code, 200) << answer.body;
    for (const std::string member : {"lastUpdateTime", "lastTransitionTime"}) {
      EXPECT_NE(answer.body.find("\"" + member + "\":\""), std::string::npos) << answer.body;
    }
  }
}

TEST(SigningRequests, AreNotApprovedByWhoSigns) {
  StandardCluster cluster;
  cluster.add(kRequests, signing_request("a"));

  const auto answer = cluster.patch(kRequests + "/a/status", conditions("Approved"));

  EXPECT_EQ(answer.code, 422);
  EXPECT_EQ(answer.text({"message"}),
            "CertificateSigningRequest.certificates.k8s.io \"a\" is invalid: status.conditions: "
            "Forbidden: updates may not add a condition of type \"Approved\"");
}

}  // namespace
}  // namespace keelson::apiserver
