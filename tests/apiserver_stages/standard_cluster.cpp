// SPDX-License-Identifier: Apache-2.0
#include "standard_cluster.h"

#include <sstream>

#include "apiserver/standard.h"
#include "pki/certificate.h"

namespace keelson::apiserver {
namespace {

// Making a key takes long enough to share it.
const std::string& signing_key() {
  static const std::string kKey = pki::make_key().value();
  return kKey;
}

}  // namespace

StandardCluster::StandardCluster(ClusterSettings settings)
    : TestCluster([&](ApiServerOptions& options) {
        options.settings = std::move(settings);
        const auto used = use_standard_stages(options, {.service_account_key_pem = signing_key()});
        CHECK(used.has_value());
      }) {}

void StandardCluster::become(std::string name, std::vector<std::string> its_groups) {
  user = std::move(name);
  groups = std::move(its_groups);
}

Answer StandardCluster::get_with_token(std::string target, const std::string& token) {
  const auto old_user = std::exchange(user, {});
  const auto old_groups = std::exchange(groups, {});
  auto answer = request("GET", std::move(target), {}, {{"Authorization", "Bearer " + token}});
  user = old_user;
  groups = old_groups;
  return answer;
}

void StandardCluster::add(const std::string& target, const std::string& body) {
  const auto answer = post(target, body);
  if (answer.code != 201) fprintf(stderr, "%s\n", answer.body.c_str());
  CHECK(answer.code == 201);
}

void StandardCluster::add_account(const std::string& namespace_, const std::string& name,
                                  const std::string& more) {
  add("/api/v1/namespaces/" + namespace_ + "/serviceaccounts",
      R"({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":")" + name + "\"}" + more +
          "}");
}

bool StandardCluster::may(const User& who, const std::string& action) const {
  std::istringstream words(action);
  const auto word = [&] {
    std::string text;
    words >> text;
    return text == "-" ? std::string() : text;
  };
  RequestInfo info;
  info.verb = word();
  std::string next = word();
  if (next.starts_with('/')) {
    info.path = next;
  } else {
    info.is_resource = true;
    info.group = next;
    info.resource = word();
    if (const auto slash = info.resource.find('/'); slash != std::string::npos) {
      info.subresource = info.resource.substr(slash + 1);
      info.resource.resize(slash);
    }
    info.namespace_ = word();
    info.name = word();
    info.field_selector = api::FieldSelector::parse(word()).value();
  }
  return server->authorizer().authorize(who, info).allowed;
}

std::string pod_json(const std::string& name, const std::string& more_spec,
                     const std::string& more_metadata) {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name + "\"" + more_metadata +
         R"(},"spec":{"containers":[{"name":"c","image":"i"}])" + more_spec + "}}";
}

}  // namespace keelson::apiserver
