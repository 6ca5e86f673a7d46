// SPDX-License-Identifier: Apache-2.0
#include "kubelet/environment.h"

#include "fixture.h"

namespace keelson::kubelet {
namespace {

TEST(Expand, ReplacesKnownReferencesAndKeepsOthers) {
  const Variables scope{{"NAME", "web"}, {"EMPTY", ""}, {"TWICE", "$(NAME)"}};
  struct Case {
    std::string_view text, expected;
  };
  const Case cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"$(NAME)", "web"},
      {"a-$(NAME)-b", "a-web-b"},
      {"$(NAME)$(NAME)", "webweb"},
      {"$(EMPTY)", ""},
      {"$(UNKNOWN)", "$(UNKNOWN)"},
      {"$$(NAME)", "$(NAME)"},
      {"$$$(NAME)", "$web"},
      {"$NAME", "$NAME"},
      {"$", "$"},
      {"cost: $5", "cost: $5"},
      {"$(NAME", "$(NAME"},
      {"$()", "$()"},
      {"$(TWICE)", "$(NAME)"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(expand(c.text, {&scope}), c.expected);
  }
}

ServicePtr service(std::string namespace_, std::string name, std::string ip,
                   std::vector<std::pair<std::string, int>> ports) {
  auto out = std::make_shared<v1::Service>();
  out->metadata.namespace_ = std::move(namespace_);
  out->metadata.name = std::move(name);
  out->spec.clusterIP = std::move(ip);
  for (auto& [port_name, number] : ports) {
    v1::ServicePort port;
    port.name = port_name;
    port.port = number;
    port.protocol = "TCP";
    out->spec.ports.push_back(port);
  }
  return out;
}

TEST(ServiceVariables, NameEachPortInEveryForm) {
  const auto variables =
      service_variables({service("default", "my-web", "10.0.0.7", {{"http", 80}, {"tls", 443}}),
                         service("default", "headless", "None", {{"", 1}})});

  const Variables expected{
      {"MY_WEB_SERVICE_HOST", "10.0.0.7"},      {"MY_WEB_SERVICE_PORT", "80"},
      {"MY_WEB_SERVICE_PORT_HTTP", "80"},       {"MY_WEB_SERVICE_PORT_TLS", "443"},
      {"MY_WEB_PORT", "tcp://10.0.0.7:80"},     {"MY_WEB_PORT_80_TCP", "tcp://10.0.0.7:80"},
      {"MY_WEB_PORT_80_TCP_PROTO", "tcp"},      {"MY_WEB_PORT_80_TCP_PORT", "80"},
      {"MY_WEB_PORT_80_TCP_ADDR", "10.0.0.7"},  {"MY_WEB_PORT_443_TCP", "tcp://10.0.0.7:443"},
      {"MY_WEB_PORT_443_TCP_PROTO", "tcp"},     {"MY_WEB_PORT_443_TCP_PORT", "443"},
      {"MY_WEB_PORT_443_TCP_ADDR", "10.0.0.7"},
  };
  EXPECT_EQ(variables, expected);
}

TEST(VisibleServices, AreThoseOfTheNamespaceAndTheApiServer) {
  const std::vector<ServicePtr> all = {service("default", "kubernetes", "10.0.0.1", {{"", 443}}),
                                       service("default", "other", "10.0.0.2", {{"", 80}}),
                                       service("shop", "cart", "10.0.0.3", {{"", 80}})};
  auto pod = make_pod("web");
  pod.metadata.namespace_ = "shop";
  const auto names = [&] {
    std::vector<std::string> out;
    for (const auto& s : visible_services(pod, all)) out.push_back(s->metadata.name);
    return out;
  };

  EXPECT_EQ(names(), (std::vector<std::string>{"cart", "kubernetes"}));
  pod.spec.enableServiceLinks = false;
  EXPECT_EQ(names(), std::vector<std::string>{"kubernetes"});
}

class EnvironmentTest : public KubeletTest {
 protected:
  EnvironmentTest() : configs(make_config_source(api, executor, 1min)) {
    web = make_pod("web");
    web.metadata.uid = "u-1";
    web.metadata.labels = {{"app", "shop"}, {"tier", "a\"b"}};
    web.spec.serviceAccountName = "robot";
    v1::ConfigMap map;
    map.metadata.namespace_ = "default";
    map.metadata.name = "settings";
    map.data = {{"color", "red"}, {"size", "10"}};
    api.add(map);
    v1::Secret secret;
    secret.metadata.namespace_ = "default";
    secret.metadata.name = "keys";
    secret.data["password"] = api::Bytes(std::string("s3cret"));
    api.add(secret);
  }
  Result<Environment> make() {
    std::optional<Result<Environment>> result;
    const auto pod = std::make_shared<v1::Pod>(web);
    spawn(executor,
          [](EnvironmentInputs in, std::optional<Result<Environment>>* out)
              -> Task<void> { *out = co_await make_environment(std::move(in)); }(
                  EnvironmentInputs{.pod = pod,
                                    .container = &pod->spec.containers[0],
                                    .node = {.node_name = "node-1",
                                             .host_ips = {"192.0.2.1"},
                                             .pod_ips = {"10.88.0.2"},
                                             .allocatable = {{"cpu", api::Quantity::of("2")}}},
                                    .services = services,
                                    .configs = configs.get()},
                  &result));
    executor.run_ready();
    return *result;
  }
  v1::EnvVar& add(std::string name, std::string value = "") {
    auto& env = web.spec.containers[0].env.emplace_back();
    env.name = std::move(name);
    env.value = std::move(value);
    return env;
  }
  std::string value(const Environment& environment, std::string_view name) {
    for (const auto& [key, text] : environment) {
      if (key == name) return text;
    }
    return "<none>";
  }

  v1::Pod web;
  std::vector<ServicePtr> services;
  std::unique_ptr<ConfigSource> configs;
};

TEST_F(EnvironmentTest, LaterVariablesSeeEarlierOnes) {
  add("A", "1");
  add("B", "$(A)-$(C)");
  add("C", "3");

  const auto environment = make();

  ASSERT_TRUE(environment);
  EXPECT_EQ(*environment, (Environment{{"A", "1"}, {"B", "1-$(C)"}, {"C", "3"}}));
}

TEST_F(EnvironmentTest, TakesFieldsOfThePod) {
  struct Case {
    std::string path, expected;
  };
  const Case cases[] = {
      {"metadata.name", "web"},        {"metadata.namespace", "default"},
      {"metadata.uid", "u-1"},         {"metadata.labels['app']", "shop"},
      {"metadata.labels['none']", ""}, {"metadata.labels", "app=\"shop\"\ntier=\"a\\\"b\""},
      {"spec.nodeName", "node-1"},     {"spec.serviceAccountName", "robot"},
      {"status.hostIP", "192.0.2.1"},  {"status.podIP", "10.88.0.2"},
      {"status.podIPs", "10.88.0.2"},
  };
  for (const auto& c : cases) {
    add(c.path).valueFrom.emplace().fieldRef.emplace().fieldPath = c.path;
  }

  const auto environment = make();

  ASSERT_TRUE(environment);
  for (const auto& c : cases) EXPECT_EQ(value(*environment, c.path), c.expected) << c.path;
}

TEST_F(EnvironmentTest, TakesResourcesInUnitsOfTheDivisor) {
  auto& resources = web.spec.containers[0].resources;
  resources.requests["cpu"] = api::Quantity::of("250m");
  resources.limits["memory"] = api::Quantity::of("64Mi");
  struct Case {
    std::string resource, divisor, expected;
  };
  const Case cases[] = {
      {"requests.cpu", "", "1"},         {"requests.cpu", "1m", "250"},
      {"limits.memory", "", "67108864"}, {"limits.memory", "1Mi", "64"},
      {"limits.cpu", "", "2"},  // The node's, as there is no limit.
      {"requests.memory", "", "0"},
  };
  for (const auto& c : cases) {
    auto& selector = add(c.resource + c.divisor).valueFrom.emplace().resourceFieldRef.emplace();
    selector.resource = c.resource;
    if (!c.divisor.empty()) selector.divisor = api::Quantity::of(c.divisor);
  }

  const auto environment = make();

  ASSERT_TRUE(environment);
  for (const auto& c : cases) {
    EXPECT_EQ(value(*environment, c.resource + c.divisor), c.expected) << c.resource << c.divisor;
  }
}

TEST_F(EnvironmentTest, TakesWholeMapsAndSingleKeys) {
  auto& all = web.spec.containers[0].envFrom.emplace_back();
  all.prefix = "CFG_";
  all.configMapRef.emplace().name = "settings";
  auto& key = add("PASSWORD").valueFrom.emplace().secretKeyRef.emplace();
  key.name = "keys";
  key.key = "password";
  add("CFG_size", "overridden");

  const auto environment = make();

  ASSERT_TRUE(environment);
  EXPECT_EQ(
      *environment,
      (Environment{{"CFG_color", "red"}, {"CFG_size", "overridden"}, {"PASSWORD", "s3cret"}}));
}

TEST_F(EnvironmentTest, SaysWhichKeyIsMissingUnlessItIsOptional) {
  auto& ref = add("X").valueFrom.emplace().configMapKeyRef.emplace();
  ref.name = "settings";
  ref.key = "shape";
  const auto missing = make();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message(), "couldn't find key shape in ConfigMap default/settings");

  web.spec.containers[0].env[0].valueFrom->configMapKeyRef->optional = true;
  const auto optional = make();
  ASSERT_TRUE(optional);
  EXPECT_TRUE(optional->empty());

  web.spec.containers[0].env[0].valueFrom->configMapKeyRef->name = "absent";
  EXPECT_TRUE(make());
  web.spec.containers[0].env[0].valueFrom->configMapKeyRef->optional = false;
  const auto absent = make();
  ASSERT_FALSE(absent);
  EXPECT_TRUE(absent.error().is(Reason::NotFound));
  EXPECT_EQ(absent.error().message(), "configmap \"absent\" not found");
}

TEST_F(EnvironmentTest, OwnVariablesGoBeforeThoseOfServices) {
  services = {service("default", "db", "10.0.0.9", {{"", 5432}})};
  add("DB_SERVICE_HOST", "elsewhere");
  add("URL", "$(DB_SERVICE_HOST):$(DB_SERVICE_PORT)");

  const auto environment = make();

  ASSERT_TRUE(environment);
  EXPECT_EQ(value(*environment, "DB_SERVICE_HOST"), "elsewhere");
  EXPECT_EQ(value(*environment, "URL"), "elsewhere:5432");
  EXPECT_EQ(value(*environment, "DB_PORT"), "tcp://10.0.0.9:5432");
}

}  // namespace
}  // namespace keelson::kubelet
