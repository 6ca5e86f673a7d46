// SPDX-License-Identifier: Apache-2.0
// The machine itself, on folders of the test and over loopback.
#include "kubelet/local_host.h"

#include <gtest/gtest.h>

#include "client/fake_api.h"
#include "fixture.h"
#include "net/run.h"
#include "temp_dir.h"

namespace keelson::kubelet {
namespace {

struct Machine {
  explicit Machine(net::Runtime& loop)
      : api(loop),
        configs(make_config_source(api, loop, 1s)),
        host(options(), loop, loop, api, *configs, *random) {}

  const KubeletOptions& options() {
    given.root_dir = root.path();
    given.cgroup_root = root / "cgroup";
    given.use_cgroups = false;
    return given;
  }

  TempDir root;
  KubeletOptions given;
  client::FakeApi api;
  std::unique_ptr<ConfigSource> configs;
  std::unique_ptr<Random> random = make_seeded_random(1);
  LocalHost host;
};

TEST(LocalHost, RefusesAMountThatMustBeReadOnlyAllTheWayDown) {
  const auto loop = net::make_runtime();
  Machine machine(*loop);
  auto pod = make_pod("web");
  pod.metadata.uid = "u-1";
  auto& mount = pod.spec.containers[0].volumeMounts.emplace_back();
  mount.name = "data";
  mount.mountPath = "/data";
  mount.readOnly = true;
  ASSERT_TRUE(make_folders(machine.root / "pods/u-1"));
  const auto mounts = [&] {
    return machine.host.mounts({.pod = std::make_shared<v1::Pod>(pod),
                                .container = &pod.spec.containers[0],
                                .volumes = {{"data", machine.root / "data"}}});
  };
  EXPECT_TRUE(mounts());
  pod.spec.containers[0].volumeMounts[0].recursiveReadOnly = "IfPossible";
  EXPECT_TRUE(mounts());

  pod.spec.containers[0].volumeMounts[0].recursiveReadOnly = "Enabled";

  const auto refused = mounts();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(),
            "failed to resolve recursive read-only mode: volume \"data\" requested recursive "
            "read-only mode, but it is not supported by the runtime");
}

Task<void> serve_redirect(net::HttpExchange& exchange) {
  (void)co_await exchange.respond(
      {.status = 302, .headers = {{"Location", "/next"}}, .body = "elsewhere"});
}

TEST(LocalHost, SaysWhereARedirectLeads) {
  net::run_test([](net::Runtime& loop) -> Task<void> {
    Machine machine(loop);
    auto listener = net::listen_tcp(loop, "127.0.0.1", 0);
    const auto server = *net::serve_http(loop, std::move(*listener), nullptr, serve_redirect);
    const auto answer = co_await machine.host.http_get({.scheme = "http",
                                                        .address = "127.0.0.1",
                                                        .port = server->port(),
                                                        .path = "/",
                                                        .timeout = 10s});
    EXPECT_TRUE(answer);
    if (answer) {
      EXPECT_EQ(answer->status, 302);
      EXPECT_EQ(answer->location, "/next");
      EXPECT_EQ(answer->body, "elsewhere");
    }
    co_await server->stop(1s);
  });
}

}  // namespace
}  // namespace keelson::kubelet
