// SPDX-License-Identifier: Apache-2.0
#include "kubelet/server/server.h"

#include <gtest/gtest.h>

namespace keelson::kubelet {
namespace {

TEST(KubeletServer, IsForTheApiServerOnly) {
  struct Case {
    std::string name;
    net::Peer peer;
    std::optional<Reason> refused;
  };
  const Case cases[] = {
      {"no certificate", {}, Reason::Unauthorized},
      {"one that does not verify",
       {.common_name = "kube-apiserver-kubelet-client",
        .has_certificate = true,
        .certificate_error = "x509: unknown authority"},
       Reason::Unauthorized},
      {"the API server's",
       {.common_name = "kube-apiserver-kubelet-client", .has_certificate = true},
       std::nullopt},
      {"a node's",
       {.common_name = "system:node:other",
        .organizations = {"system:nodes"},
        .has_certificate = true},
       Reason::Forbidden},
      {"an administrator's",
       {.common_name = "admin", .organizations = {"system:masters"}, .has_certificate = true},
       Reason::Forbidden},
      {"a name without certificate",
       {.common_name = "kube-apiserver-kubelet-client"},
       Reason::Unauthorized},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto allowed = authorize_client({}, c.peer, {});
    EXPECT_EQ(allowed.has_value(), !c.refused);
    if (!allowed && c.refused) EXPECT_EQ(allowed.error().reason(), *c.refused);
  }
}

}  // namespace
}  // namespace keelson::kubelet
