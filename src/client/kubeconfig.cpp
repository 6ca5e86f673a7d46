// SPDX-License-Identifier: Apache-2.0
#include "client/kubeconfig.h"

#include <filesystem>

#include "api/yaml.h"
#include "base/base64.h"
#include "pki/certificate.h"

namespace keelson::client {
namespace {

namespace json = boost::json;
using api::Document;
using api::string_at;
using pki::read_file;

// The named entry of a list such as "clusters": its member, such as "cluster". Null if there is
// none.
const Document* find_entry(const Document& config, std::string_view list, std::string_view member,
                           std::string_view name) {
  const Document* entries = api::find_at(config, {list});
  if (!entries || !entries->is_array()) return nullptr;
  for (const Document& entry : entries->as_array()) {
    if (entry.is_object() && string_at(entry, {"name"}) == name) {
      return api::find_at(entry, {member});
    }
  }
  return nullptr;
}

bool flag_at(const Document& document, std::string_view name) {
  const Document* value = api::find_at(document, {name});
  return value && value->is_bool() && value->as_bool();
}

// What a member holds as base64, or names as a file relative to the kubeconfig. Data wins.
Result<std::string> read_data(const Document& entry, const std::filesystem::path& folder,
                              const std::string& name) {
  if (const auto data = string_at(entry, {name + "-data"}); !data.empty()) {
    auto decoded = base64_decode(data);
    if (!decoded) return fail(std::move(decoded).error().with_context(name + "-data"));
    return decoded;
  }
  const auto file = string_at(entry, {name});
  if (file.empty()) return std::string();
  return read_file((folder / std::string(file)).string());
}

}  // namespace

Result<Connection> load_kubeconfig(const std::string& path, const std::string& context) {
  TRY(const std::string text, read_file(path));
  auto parsed = api::parse_yaml(text);
  if (!parsed)
    return fail(
        std::move(parsed).error().with_context("error loading config file \"" + path + "\""));
  const Document& config = *parsed;
  const auto refuse = [](std::string message) {
    return fail(Status::bad_request("invalid configuration: " + std::move(message)));
  };
  if (!config.is_object()) return refuse("no configuration has been provided");

  const std::string name =
      context.empty() ? std::string(string_at(config, {"current-context"})) : context;
  const Document* chosen = find_entry(config, "contexts", "context", name);
  if (!chosen) {
    return fail(Reason::NotFound, "context \"" + name + "\" does not exist");
  }
  const Document* cluster =
      find_entry(config, "clusters", "cluster", string_at(*chosen, {"cluster"}));
  if (!cluster) {
    return fail(Reason::NotFound,
                "cluster \"" + std::string(string_at(*chosen, {"cluster"})) + "\" does not exist");
  }
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();

  Connection connection;
  connection.server = string_at(*cluster, {"server"});
  if (connection.server.empty()) return refuse("no server found for cluster");
  TRY(connection.ca_pem, read_data(*cluster, folder, "certificate-authority"));
  connection.tls_server_name = string_at(*cluster, {"tls-server-name"});
  connection.insecure = flag_at(*cluster, "insecure-skip-tls-verify");
  if (connection.insecure && !connection.ca_pem.empty()) {
    return refuse("specifying a root certificates file with the insecure flag is not allowed");
  }
  connection.namespace_ = string_at(*chosen, {"namespace"});

  const auto user_name = string_at(*chosen, {"user"});
  if (user_name.empty()) return connection;
  const Document* user = find_entry(config, "users", "user", user_name);
  if (!user || !user->is_object()) return connection;  // Anonymous.
  for (const auto unsupported : {"exec", "auth-provider", "username"}) {
    if (api::find_at(*user, {unsupported})) {
      return refuse("user \"" + std::string(user_name) + "\" uses " + unsupported +
                    ", which is not supported");
    }
  }
  TRY(connection.certificate_pem, read_data(*user, folder, "client-certificate"));
  TRY(connection.key_pem, read_data(*user, folder, "client-key"));
  connection.token = string_at(*user, {"token"});
  // A token given as such wins over a file.
  if (const auto file = string_at(*user, {"tokenFile"});
      connection.token.empty() && !file.empty()) {
    connection.token_file = (folder / std::string(file)).string();
    TRY(connection.token, read_file(connection.token_file));
    while (connection.token.ends_with('\n')) connection.token.pop_back();
  }
  return connection;
}

Result<void> write_kubeconfig(const std::string& path, const Connection& connection,
                              const std::string& cluster, const std::string& user) {
  json::object server{{"server", connection.server}};
  if (!connection.ca_pem.empty()) {
    server["certificate-authority-data"] = base64_encode(connection.ca_pem);
  }
  if (connection.insecure) server["insecure-skip-tls-verify"] = true;
  if (!connection.tls_server_name.empty()) {
    server["tls-server-name"] = connection.tls_server_name;
  }
  json::object credentials;
  if (!connection.certificate_pem.empty()) {
    credentials["client-certificate-data"] = base64_encode(connection.certificate_pem);
  }
  if (!connection.key_pem.empty()) {
    credentials["client-key-data"] = base64_encode(connection.key_pem);
  }
  if (!connection.token_file.empty()) {
    credentials["tokenFile"] = connection.token_file;
  } else if (!connection.token.empty()) {
    credentials["token"] = connection.token;
  }
  json::object context{{"cluster", cluster}, {"user", user}};
  if (!connection.namespace_.empty()) context["namespace"] = connection.namespace_;
  const std::string name = cluster == user ? cluster : user + "@" + cluster;
  const json::value config = {
      {"apiVersion", "v1"},
      {"kind", "Config"},
      {"preferences", json::object()},
      {"current-context", name},
      {"clusters", json::array{json::object{{"name", cluster}, {"cluster", std::move(server)}}}},
      {"contexts", json::array{json::object{{"name", name}, {"context", std::move(context)}}}},
      {"users", json::array{json::object{{"name", user}, {"user", std::move(credentials)}}}}};
  return pki::write_file(path, api::to_yaml(config), 0600);
}

}  // namespace keelson::client
