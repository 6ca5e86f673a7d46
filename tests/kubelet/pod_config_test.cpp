// SPDX-License-Identifier: Apache-2.0
#include "kubelet/pod_config.h"

#include "fixture.h"
#include "kubelet/cri/labels.h"
#include "kubelet/security_context.h"

namespace keelson::kubelet {
namespace {

KubeletOptions cluster_options() {
  KubeletOptions options;
  options.cluster_dns = "10.96.0.10";
  return options;
}

TEST(PodResolver, FollowsTheDnsPolicy) {
  const ResolverConfig host{{"192.0.2.53"}, {"example.com"}, {"timeout:1"}};
  const ResolverConfig cluster{
      {"10.96.0.10"},
      {"default.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com"},
      {"ndots:5"}};
  struct Case {
    std::string policy;
    bool host_network;
    ResolverConfig expected;
  };
  const Case cases[] = {{"", false, cluster},         {"ClusterFirst", false, cluster},
                        {"ClusterFirst", true, host}, {"ClusterFirstWithHostNet", true, cluster},
                        {"Default", false, host},     {"None", false, {}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.policy);
    auto pod = make_pod("web");
    pod.spec.dnsPolicy = c.policy;
    pod.spec.hostNetwork = c.host_network;
    EXPECT_EQ(pod_resolver(pod, cluster_options(), host), c.expected);
  }
}

TEST(PodResolver, AddsWhatThePodConfigures) {
  auto pod = make_pod("web");
  pod.spec.dnsPolicy = "ClusterFirst";
  auto& config = pod.spec.dnsConfig.emplace();
  config.nameservers = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
  config.searches = {"svc.cluster.local", "my.domain"};
  v1::PodDNSConfigOption ndots, edns;
  ndots.name = "ndots";
  ndots.value = "2";
  edns.name = "edns0";
  config.options = {ndots, edns};

  const auto resolver = pod_resolver(pod, cluster_options(), {});

  EXPECT_EQ(resolver.servers, (std::vector<std::string>{"10.96.0.10", "192.0.2.1", "192.0.2.2"}))
      << "libc takes three";
  EXPECT_EQ(resolver.searches,
            (std::vector<std::string>{"default.svc.cluster.local", "svc.cluster.local",
                                      "cluster.local", "my.domain"}));
  EXPECT_EQ(resolver.options, (std::vector<std::string>{"ndots:2", "edns0"}));
}

TEST(ResolvConf, IsReadAsLibcDoes) {
  const auto config = parse_resolv_conf(
      "# comment\nnameserver 192.0.2.1\nsearch a b\nnameserver 192.0.2.2 \nsearch c\n"
      "options ndots:2 rotate\ngarbage\n");
  EXPECT_EQ(config.servers, (std::vector<std::string>{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(config.searches, std::vector<std::string>{"c"});
  EXPECT_EQ(config.options, (std::vector<std::string>{"ndots:2", "rotate"}));
}

TEST(HostsFile, NamesThePodAndItsAliases) {
  v1::HostAlias alias;
  alias.ip = "203.0.113.9";
  alias.hostnames = {"db", "db.local"};
  const auto text = hosts_file({"10.88.0.2"}, {"web", "sub.default.svc.cluster.local"}, {alias});
  EXPECT_NE(text.find("127.0.0.1\tlocalhost\n"), std::string::npos);
  EXPECT_NE(text.find("10.88.0.2\tweb.sub.default.svc.cluster.local\tweb\n"), std::string::npos);
  EXPECT_NE(text.find("203.0.113.9\tdb\tdb.local\n"), std::string::npos);
}

TEST(PodHostname, IsCutToWhatTheKernelTakes) {
  auto pod = make_pod(std::string(62, 'a') + "-tail");
  EXPECT_EQ(pod_hostname(pod, {}).name, std::string(62, 'a'));
  pod.spec.hostname = "box";
  pod.spec.subdomain = "sub";
  EXPECT_EQ(pod_hostname(pod, {}).name, "box");
  EXPECT_EQ(pod_hostname(pod, {}).domain, "sub.default.svc.cluster.local");
}

TEST(Resources, BecomeSharesAndQuotas) {
  EXPECT_EQ(cpu_shares(0), 2);
  EXPECT_EQ(cpu_shares(1), 2);
  EXPECT_EQ(cpu_shares(250), 256);
  EXPECT_EQ(cpu_shares(1000), 1024);
  EXPECT_EQ(cpu_shares(10'000'000), 262'144);
  EXPECT_EQ(cpu_quota(0), 0);
  EXPECT_EQ(cpu_quota(5), 1000);
  EXPECT_EQ(cpu_quota(1500), 150'000);
}

TEST(Resources, DecideWhomTheKernelKillsFirst) {
  constexpr std::int64_t kMemory = 4LL << 30;
  auto pod = make_pod("web");
  auto& container = pod.spec.containers[0];
  EXPECT_EQ(oom_score_adjust(pod, container, kMemory), 1000);
  container.resources.requests["memory"] = api::Quantity::of("1Gi");
  EXPECT_EQ(oom_score_adjust(pod, container, kMemory), 750);
  container.resources.requests["memory"] = api::Quantity::of("1");
  EXPECT_EQ(oom_score_adjust(pod, container, kMemory), 999);
  container.resources.requests = {{"memory", api::Quantity::of("1Gi")},
                                  {"cpu", api::Quantity::of("1")}};
  container.resources.limits = container.resources.requests;
  EXPECT_EQ(oom_score_adjust(pod, container, kMemory), -997);
  EXPECT_EQ(cgroup_of_pod(pod), "pod" + pod.metadata.uid);
  pod.spec.priority = 2'000'001'000;
  container.resources = {};
  EXPECT_EQ(oom_score_adjust(pod, container, kMemory), -997);
}

TEST(Resources, OfThePodAsAWholeLimitContainersThatHaveNone) {
  auto pod = make_pod("web", {make_container("main"), make_container("side")});
  pod.spec.resources.emplace().limits = {{"cpu", api::Quantity::of("1")},
                                         {"memory", api::Quantity::of("256Mi")}};
  pod.spec.containers[1].resources.limits = {{"memory", api::Quantity::of("64Mi")}};

  const auto whole = pod_resources(pod, true);
  const auto main = container_resources(pod, pod.spec.containers[0], {});
  const auto side = container_resources(pod, pod.spec.containers[1], {});

  EXPECT_EQ(whole.memory_limit_in_bytes(), 256LL << 20);
  EXPECT_EQ(whole.cpu_quota(), 100'000);
  EXPECT_EQ(main.memory_limit_in_bytes(), 256LL << 20);
  EXPECT_EQ(main.cpu_quota(), 100'000);
  EXPECT_EQ(side.memory_limit_in_bytes(), 64LL << 20) << "its own goes first";
  EXPECT_EQ(side.cpu_quota(), 100'000);

  pod.spec.resources.reset();
  EXPECT_EQ(pod_resources(pod, true).memory_limit_in_bytes(), 0) << "one has no limit";
  EXPECT_EQ(container_resources(pod, pod.spec.containers[0], {}).memory_limit_in_bytes(), 0);
}

TEST(Resources, HaveAContainerDieAsAWholeWhereTheKernelCan) {
  const auto pod = make_pod("web");
  const auto unified = container_resources(pod, pod.spec.containers[0], {.unified_cgroups = true});
  ASSERT_EQ(unified.unified().size(), 1u);
  EXPECT_EQ(unified.unified().at("memory.oom.group"), "1");
  EXPECT_EQ(container_resources(pod, pod.spec.containers[0], {}).unified().size(), 0u);
}

TEST(ContainerConfig, CarriesWhatTheNextKubeletNeeds) {
  auto pod = make_pod("web");
  pod.metadata.uid = "u-1";
  auto& container = pod.spec.containers[0];
  container.command = {"/run", "$(MODE)", "$$(MODE)"};
  container.args = {"--port=$(PORT)"};
  container.terminationMessagePath = "/dev/termination-log";
  container.workingDir = "/srv";
  container.tty = true;

  const auto config = make_container_config({.pod = pod,
                                             .container = container,
                                             .options = {},
                                             .instance = 3,
                                             .image_ref = "sha256:1",
                                             .environment = {{"MODE", "fast"}, {"PORT", "80"}},
                                             .machine = {}});

  ASSERT_TRUE(config);
  EXPECT_EQ(config->metadata().attempt(), 3u);
  EXPECT_EQ(config->log_path(), "main/3.log");
  EXPECT_EQ(config->command(1), "fast");
  EXPECT_EQ(config->command(2), "$(MODE)");
  EXPECT_EQ(config->args(0), "--port=80");
  EXPECT_EQ(config->image().image(), "sha256:1");
  EXPECT_EQ(config->image().user_specified_image(), "web:1");
  EXPECT_EQ(config->working_dir(), "/srv");
  EXPECT_TRUE(config->tty());
  EXPECT_EQ(config->labels().at(cri::kPodUidLabel), "u-1");
  EXPECT_EQ(config->labels().at(cri::kContainerNameLabel), "main");
  EXPECT_EQ(config->annotations().at(cri::kRestartCountAnnotation), "3");
  EXPECT_EQ(config->annotations().at(cri::kMessagePathAnnotation), "/dev/termination-log");
}

TEST(SandboxConfig, CarriesPortsNamespacesAndSysctls) {
  auto pod = make_pod("web");
  v1::ContainerPort port;
  port.containerPort = 80;
  port.hostPort = 8080;
  port.protocol = "UDP";
  pod.spec.containers[0].ports = {port};
  pod.spec.shareProcessNamespace = true;
  pod.spec.hostIPC = true;
  v1::Sysctl sysctl;
  sysctl.name = "net.core.somaxconn";
  sysctl.value = "1024";
  pod.spec.securityContext.emplace().sysctls = {sysctl};

  const auto made = make_sandbox_config({.pod = pod,
                                         .options = cluster_options(),
                                         .attempt = 2,
                                         .log_dir = "/var/log/pods/x",
                                         .cgroup_parent = "/kubepods/besteffort/podx",
                                         .host_resolver = {}});

  ASSERT_TRUE(made);
  const auto& config = *made;
  EXPECT_EQ(config.hostname(), "web");
  EXPECT_EQ(config.metadata().attempt(), 2u);
  ASSERT_EQ(config.port_mappings_size(), 1);
  EXPECT_EQ(config.port_mappings(0).host_port(), 8080);
  EXPECT_EQ(config.port_mappings(0).protocol(), cri::v1::UDP);
  const auto& names = config.linux().security_context().namespace_options();
  EXPECT_EQ(names.network(), cri::v1::POD);
  EXPECT_EQ(names.pid(), cri::v1::POD);
  EXPECT_EQ(names.ipc(), cri::v1::NODE);
  EXPECT_EQ(config.linux().sysctls().at("net.core.somaxconn"), "1024");
  EXPECT_EQ(config.linux().cgroup_parent(), "/kubepods/besteffort/podx");
  EXPECT_EQ(config.dns_config().servers(0), "10.96.0.10");
}

TEST(SecurityContext, OfTheContainerGoesBeforeThatOfThePod) {
  auto pod = make_pod("web");
  auto& shared = pod.spec.securityContext.emplace();
  shared.runAsUser = 1000;
  shared.runAsGroup = 2000;
  shared.fsGroup = 3000;
  shared.supplementalGroups = {4000};
  shared.seccompProfile.emplace().type = "RuntimeDefault";
  auto& own = pod.spec.containers[0].securityContext.emplace();
  own.runAsUser = 1001;
  own.readOnlyRootFilesystem = true;
  own.allowPrivilegeEscalation = false;
  own.capabilities.emplace().drop = {"ALL"};
  own.capabilities->add = {"NET_BIND_SERVICE"};

  const auto context = container_security(pod, pod.spec.containers[0], nullptr, "/seccomp");

  ASSERT_TRUE(context);
  EXPECT_EQ(context->run_as_user().value(), 1001);
  EXPECT_EQ(context->run_as_group().value(), 2000);
  EXPECT_EQ(context->supplemental_groups_size(), 2);
  EXPECT_TRUE(context->readonly_rootfs());
  EXPECT_TRUE(context->no_new_privs());
  EXPECT_EQ(context->capabilities().drop_capabilities(0), "ALL");
  EXPECT_EQ(context->capabilities().add_capabilities(0), "NET_BIND_SERVICE");
  EXPECT_EQ(context->seccomp().profile_type(), cri::v1::SecurityProfile::RuntimeDefault);
  EXPECT_GT(context->masked_paths_size(), 0);
}

TEST(SecurityContext, OfAPrivilegedContainerMasksNothing) {
  auto pod = make_pod("web");
  pod.spec.containers[0].securityContext.emplace().privileged = true;
  const auto context = container_security(pod, pod.spec.containers[0], nullptr, "/seccomp");
  ASSERT_TRUE(context);
  EXPECT_TRUE(context->privileged());
  EXPECT_EQ(context->masked_paths_size(), 0);
  EXPECT_TRUE(sandbox_security(pod).privileged());
}

TEST(SecurityContext, KeepsRootOutWhereItMust) {
  struct Case {
    std::string name;
    std::optional<std::int64_t> run_as, image_uid;
    std::string image_user;
    bool allowed;
  };
  const Case cases[] = {{"user given", 1000, std::nullopt, "", true},
                        {"root given", 0, std::nullopt, "", false},
                        {"image's user", std::nullopt, 65535, "", true},
                        {"image's root", std::nullopt, 0, "", false},
                        {"image's user by name", std::nullopt, std::nullopt, "nobody", false},
                        {"image says nothing", std::nullopt, std::nullopt, "", false}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    auto pod = make_pod("web");
    auto& own = pod.spec.containers[0].securityContext.emplace();
    own.runAsNonRoot = true;
    own.runAsUser = c.run_as;
    cri::v1::Image image;
    if (c.image_uid) image.mutable_uid()->set_value(*c.image_uid);
    image.set_username(c.image_user);
    EXPECT_EQ(container_security(pod, pod.spec.containers[0], &image, "/seccomp").has_value(),
              c.allowed);
  }
}

TEST(SecurityContext, FindsSeccompProfilesOfTheNodeOnlyInTheirFolder) {
  struct Case {
    std::string profile, path, error;
  };
  const Case cases[] = {
      {"audit.json", "/srv/kubelet/seccomp/audit.json", ""},
      {"shop/a..b.json", "/srv/kubelet/seccomp/shop/a..b.json", ""},
      {"", "", "localhostProfile must be set if seccompProfile type is Localhost."},
      {"/etc/passwd", "", "invalid seccomp profile \"/etc/passwd\": must be a relative path"},
      {"a/../../x", "", "invalid seccomp profile \"a/../../x\": must not contain '..'"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.profile);
    auto pod = make_pod("web");
    auto& profile = pod.spec.securityContext.emplace().seccompProfile.emplace();
    profile.type = "Localhost";
    profile.localhostProfile = c.profile;
    KubeletOptions options;
    options.root_dir = "/srv/kubelet";
    const auto config = make_container_config({.pod = pod,
                                               .container = pod.spec.containers[0],
                                               .options = options,
                                               .image_ref = "sha256:1",
                                               .machine = {}});
    EXPECT_EQ(config ? "" : config.error().message(), c.error);
    if (config) {
      EXPECT_EQ(config->linux().security_context().seccomp().localhost_ref(), c.path);
    }
  }
}

TEST(SecurityContext, NamesTheProfileOfAppArmor) {
  auto pod = make_pod("web", {make_container("main"), make_container("side")});
  pod.spec.securityContext.emplace().appArmorProfile.emplace().type = "RuntimeDefault";
  auto& own = pod.spec.containers[1].securityContext.emplace().appArmorProfile.emplace();
  const auto profile_of = [&](std::size_t index) {
    const auto context = container_security(pod, pod.spec.containers[index], nullptr, "/seccomp");
    return context ? context->apparmor() : cri::v1::SecurityProfile();
  };

  own.type = "Unconfined";
  EXPECT_EQ(profile_of(0).profile_type(), cri::v1::SecurityProfile::RuntimeDefault);
  EXPECT_EQ(profile_of(1).profile_type(), cri::v1::SecurityProfile::Unconfined);
  own.type = "Localhost";
  own.localhostProfile = "shop";
  EXPECT_EQ(profile_of(1).profile_type(), cri::v1::SecurityProfile::Localhost);
  EXPECT_EQ(profile_of(1).localhost_ref(), "shop");
  own.localhostProfile.reset();
  EXPECT_FALSE(container_security(pod, pod.spec.containers[1], nullptr, "/seccomp"));

  const auto plain = make_pod("plain");
  const auto context = container_security(plain, plain.spec.containers[0], nullptr, "/seccomp");
  ASSERT_TRUE(context);
  EXPECT_FALSE(context->has_apparmor()) << "left to the runtime";
}

TEST(SecurityContext, MakesMountsBelowReadOnlyWhereTheRuntimeCan) {
  struct Case {
    std::string mode;
    bool read_only, supported;
    std::optional<std::string> propagation;
    std::optional<bool> expected;  // None: refused.
  };
  const Case cases[] = {{"", false, false, {}, false},
                        {"Disabled", true, true, {}, false},
                        {"IfPossible", true, false, {}, false},
                        {"IfPossible", true, true, "None", true},
                        {"Enabled", true, true, {}, true},
                        {"Enabled", true, false, {}, std::nullopt},
                        {"Enabled", false, true, {}, std::nullopt},
                        {"Enabled", true, true, "HostToContainer", std::nullopt}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.mode);
    v1::VolumeMount mount;
    mount.name = "data";
    mount.readOnly = c.read_only;
    mount.mountPropagation = c.propagation;
    if (!c.mode.empty()) mount.recursiveReadOnly = c.mode;
    const auto recursive = is_recursive_read_only(mount, c.supported);
    EXPECT_EQ(recursive ? std::optional(*recursive) : std::nullopt, c.expected);
  }
}

class UnsupportedTest : public KubeletTest {
 protected:
  std::string message_of(const std::string& reason) {
    for (const auto& event : api.all<v1::Event>()) {
      if (event->reason == reason) return event->message;
    }
    return "<none>";
  }
};

TEST_F(UnsupportedTest, UserNamespacesAreRefusedRatherThanLeftOut) {
  auto web = make_pod("web");
  web.spec.hostUsers = false;
  start();
  api.add(web);
  executor.advance(5s);
  EXPECT_EQ(phase(), "Pending");
  EXPECT_EQ(runtime.sandbox_count(), 0u);
  EXPECT_EQ(message_of("FailedCreatePodSandBox"),
            "Failed to create pod sandbox: the handler \"\" does not support user namespaces");
}

TEST_F(UnsupportedTest, AppArmorNeedsANodeThatEnforcesIt) {
  auto web = make_pod("web");
  web.spec.securityContext.emplace().appArmorProfile.emplace().type = "RuntimeDefault";
  start();
  api.add(web);
  ASSERT_TRUE(until([&] { return phase() == "Failed"; }, 5s));
  EXPECT_EQ(pod().status.reason, "AppArmor");
  EXPECT_EQ(pod().status.message,
            "Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host");

  auto free = make_pod("free");
  free.spec.securityContext.emplace().appArmorProfile.emplace().type = "Unconfined";
  api.add(free);
  EXPECT_TRUE(until([&] { return is_ready("free"); }, 5s));
}

TEST_F(UnsupportedTest, AHostnameWithItsDomainMustFitTheKernel) {
  auto web = make_pod("web");
  web.spec.subdomain = "sub";
  web.spec.setHostnameAsFQDN = true;
  auto wide = make_pod("wide");
  wide.spec.hostname = std::string(40, 'a');
  wide.spec.subdomain = "sub";
  start();
  api.add(web);
  api.add(wide);
  ASSERT_TRUE(until([&] { return is_ready("web") && is_ready("wide"); }, 5s));
  EXPECT_EQ(runtime.sandbox_config_of("web")->hostname(), "web.sub.default.svc.cluster.local");
  EXPECT_EQ(runtime.sandbox_config_of("wide")->hostname(), std::string(40, 'a'));

  auto full = wide;
  full.metadata.name = "full";
  full.spec.setHostnameAsFQDN = true;
  api.add(full);
  executor.advance(5s);
  EXPECT_EQ(phase("full"), "Pending");
  EXPECT_EQ(message_of("FailedCreatePodSandBox"),
            "Failed to create pod sandbox: failed to construct FQDN from pod hostname and cluster "
            "domain, FQDN " +
                std::string(40, 'a') +
                ".sub.default.svc.cluster.local is too long (64 characters is the max, 70 "
                "characters requested)");
}

}  // namespace
}  // namespace keelson::kubelet
