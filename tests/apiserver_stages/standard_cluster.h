// SPDX-License-Identifier: Apache-2.0
// A server with the standard stages, and who asks it.
#pragma once

#include "cluster.h"

namespace keelson::apiserver {

class StandardCluster final : public TestCluster {
 public:
  explicit StandardCluster(ClusterSettings settings = {});

  // From now on requests come from that user, by certificate.
  void become(std::string name, std::vector<std::string> its_groups = {});
  void become_admin() { become("admin", {"system:masters"}); }
  // GET with a bearer token and no certificate.
  Answer get_with_token(std::string target, const std::string& token);

  // Objects that tests start from; CHECKed to be made.
  void add_account(const std::string& namespace_, const std::string& name = "default",
                   const std::string& more = {});
  void add(const std::string& target, const std::string& body);
  // Whether `user` may do that; "get /path" or "verb group resource/subresource namespace name
  // fields", with "-" for what is empty; fields, a selector, may be left out.
  bool may(const User& who, const std::string& action) const;
};

std::string pod_json(const std::string& name, const std::string& more_spec = {},
                     const std::string& more_metadata = {});

}  // namespace keelson::apiserver
