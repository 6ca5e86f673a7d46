// SPDX-License-Identifier: Apache-2.0
#include "client/kubeconfig.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace keelson::client {
namespace {

class KubeconfigTest : public testing::Test {
 protected:
  KubeconfigTest() {
    std::string name = (std::filesystem::temp_directory_path() / "kubeconfig-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~KubeconfigTest() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }

  std::filesystem::path folder;
};

constexpr auto kTwoContexts = R"(
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: dev-cluster
  cluster:
    server: https://10.0.0.1:6443
    certificate-authority-data: Q0EtREFUQQ==
- name: prod-cluster
  cluster: {server: 'https://10.0.0.2:6443', insecure-skip-tls-verify: true, tls-server-name: api}
contexts:
- name: dev
  context: {cluster: dev-cluster, user: alice, namespace: shop}
- name: prod
  context: {cluster: prod-cluster, user: bob}
- name: broken
  context: {cluster: nowhere}
- name: plugin
  context: {cluster: dev-cluster, user: plugin}
users:
- name: alice
  user: {client-certificate: certs/alice.crt, client-key-data: S0VZ}
- name: bob
  user: {tokenFile: bob.token}
- name: plugin
  user: {exec: {command: gcloud}}
)";

TEST_F(KubeconfigTest, ReadsTheCurrentContextWithItsFiles) {
  std::filesystem::create_directory(folder / "certs");
  write("certs/alice.crt", "CERT");

  const auto connection = load_kubeconfig(write("config", kTwoContexts));

  ASSERT_TRUE(connection) << connection.error().message();
  EXPECT_EQ(connection->server, "https://10.0.0.1:6443");
  EXPECT_EQ(connection->ca_pem, "CA-DATA");
  EXPECT_EQ(connection->certificate_pem, "CERT");
  EXPECT_EQ(connection->key_pem, "KEY");
  EXPECT_EQ(connection->namespace_, "shop");
  EXPECT_FALSE(connection->insecure);
}

TEST_F(KubeconfigTest, ReadsANamedContextWithATokenFile) {
  write("bob.token", "secret\n");

  const auto connection = load_kubeconfig(write("config", kTwoContexts), "prod");

  ASSERT_TRUE(connection) << connection.error().message();
  EXPECT_EQ(connection->token, "secret");
  EXPECT_EQ(connection->token_file, (folder / "bob.token").string());
  EXPECT_EQ(connection->tls_server_name, "api");
  EXPECT_TRUE(connection->insecure);
}

TEST_F(KubeconfigTest, SaysWhatIsMissingOrWrong) {
  const std::string path = write("config", kTwoContexts);
  struct Case {
    std::string context;
    Reason reason;
    std::string_view message;
  };
  const Case cases[] = {
      {"none", Reason::NotFound, "context \"none\" does not exist"},
      {"broken", Reason::NotFound, "cluster \"nowhere\" does not exist"},
      {"plugin", Reason::BadRequest,
       "invalid configuration: user \"plugin\" uses exec, which is not supported"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.context);
    const auto connection = load_kubeconfig(path, c.context);
    ASSERT_FALSE(connection);
    EXPECT_EQ(connection.error().reason(), c.reason);
    EXPECT_EQ(connection.error().message(), c.message);
  }
  EXPECT_TRUE(load_kubeconfig((folder / "absent").string()).error().is(Reason::NotFound));
  EXPECT_TRUE(load_kubeconfig(write("bad", "a: [")).error().is(Reason::BadRequest));
  EXPECT_TRUE(load_kubeconfig(write("empty", "")).error().is(Reason::BadRequest));
}

TEST_F(KubeconfigTest, WritesWhatItReadsForItsOwnerAlone) {
  Connection connection;
  connection.server = "https://127.0.0.1:6443";
  connection.ca_pem = "CA";
  connection.certificate_pem = "CERT";
  connection.key_pem = "KEY";
  const std::string path = (folder / "out").string();

  ASSERT_TRUE(write_kubeconfig(path, connection, "keelson", "admin"));

  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto read = load_kubeconfig(path);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->server, connection.server);
  EXPECT_EQ(read->ca_pem, "CA");
  EXPECT_EQ(read->certificate_pem, "CERT");
  EXPECT_EQ(read->key_pem, "KEY");
}

}  // namespace
}  // namespace keelson::client
