// SPDX-License-Identifier: Apache-2.0
#include "kubelet/config_source.h"

#include "fixture.h"

namespace keelson::kubelet {
namespace {

// A pod with a container of that name, whose variable COLOR comes from the ConfigMap "settings".
v1::Pod colored(std::string name) {
  auto pod = make_pod(name, {make_container(name)});
  auto& variable = pod.spec.containers[0].env.emplace_back();
  variable.name = "COLOR";
  auto& key = variable.valueFrom.emplace().configMapKeyRef.emplace();
  key.name = "settings";
  key.key = "color";
  return pod;
}

class ConfigSourceTest : public KubeletTest {
 protected:
  void add_settings(std::string color, bool immutable = false) {
    v1::ConfigMap map;
    map.metadata.namespace_ = "default";
    map.metadata.name = "settings";
    map.data = {{"color", std::move(color)}};
    map.immutable = immutable;
    api.add(map);
  }
  void change_settings(const std::string& color) {
    api.change<v1::ConfigMap>({"default", "settings"},
                              [&](v1::ConfigMap& map) { map.data["color"] = color; });
  }
  void replace_settings(std::string color) {
    api.erase<v1::ConfigMap>({"default", "settings"});
    add_settings(std::move(color), true);
  }
  std::string color() {
    std::string out;
    spawn(executor, [](ConfigSource* source, std::string* text) -> Task<void> {
      const auto map = co_await source->config_map({"default", "settings"});
      *text = map ? (*map)->data.at("color") : map.error().message();
    }(configs.get(), &out));
    executor.run_ready();
    return out;
  }
  static v1::Pod with_uid(v1::Pod pod, std::string uid) {
    pod.metadata.uid = std::move(uid);
    return pod;
  }

  std::unique_ptr<ConfigSource> configs = make_config_source(api, executor, 30s);
};

TEST_F(ConfigSourceTest, AnswersFromMemoryForAWhile) {
  add_settings("red");
  EXPECT_EQ(color(), "red");
  change_settings("blue");
  EXPECT_EQ(color(), "red");
  executor.advance(31s);
  EXPECT_EQ(color(), "blue");
}

TEST_F(ConfigSourceTest, AsksAnewForAPodThatComes) {
  add_settings("red");
  configs->add_pod(with_uid(colored("one"), "u-1"));
  EXPECT_EQ(color(), "red");
  change_settings("blue");

  configs->add_pod(with_uid(make_pod("other"), "u-2"));
  EXPECT_EQ(color(), "red") << "it does not refer to the ConfigMap";
  configs->add_pod(with_uid(colored("two"), "u-3"));
  EXPECT_EQ(color(), "blue");
}

TEST_F(ConfigSourceTest, KeepsAnImmutableObjectWhileAPodRefersToIt) {
  add_settings("red", true);
  configs->add_pod(with_uid(colored("one"), "u-1"));
  EXPECT_EQ(color(), "red");
  replace_settings("blue");
  executor.advance(2h);
  EXPECT_EQ(color(), "red");

  configs->add_pod(with_uid(colored("two"), "u-2"));
  EXPECT_EQ(color(), "blue") << "a pod that comes sees what there is";
  replace_settings("green");
  configs->forget_pod("u-1");
  EXPECT_EQ(color(), "blue");
  configs->forget_pod("u-2");
  EXPECT_EQ(color(), "green") << "nobody refers to it any more";
  replace_settings("black");
  executor.advance(31s);
  EXPECT_EQ(color(), "black");
}

TEST_F(ConfigSourceTest, EveryKindOfReferenceCounts) {
  v1::Secret secret;
  secret.metadata.namespace_ = "default";
  secret.metadata.name = "keys";
  const auto password = [&](std::string text) { secret.data["p"] = api::Bytes(std::move(text)); };
  password("old");
  api.add(secret);
  const std::pair<const char*, std::function<void(v1::Pod&)>> kinds[] = {
      {"envFrom",
       [](v1::Pod& pod) {
         pod.spec.containers[0].envFrom.emplace_back().secretRef.emplace().name = "keys";
       }},
      {"env",
       [](v1::Pod& pod) {
         auto& variable = pod.spec.containers[0].env.emplace_back();
         variable.valueFrom.emplace().secretKeyRef.emplace().name = "keys";
       }},
      {"an init container's",
       [](v1::Pod& pod) {
         pod.spec.initContainers = {make_container("first")};
         pod.spec.initContainers[0].envFrom.emplace_back().secretRef.emplace().name = "keys";
       }},
      {"volume",
       [](v1::Pod& pod) { pod.spec.volumes.emplace_back().secret.emplace().secretName = "keys"; }},
      {"projected volume",
       [](v1::Pod& pod) {
         auto& projected = pod.spec.volumes.emplace_back().projected.emplace();
         projected.sources.emplace_back().secret.emplace().name = "keys";
       }},
      {"image pull secret",
       [](v1::Pod& pod) { pod.spec.imagePullSecrets.emplace_back().name = "keys"; }},
  };
  const auto read = [&] {
    std::string out;
    spawn(executor, [](ConfigSource* source, std::string* text) -> Task<void> {
      const auto found = co_await source->secret({"default", "keys"});
      *text = std::string((*found)->data.at("p"));
    }(configs.get(), &out));
    executor.run_ready();
    return out;
  };
  for (const auto& [name, refer] : kinds) {
    SCOPED_TRACE(name);
    api.change<v1::Secret>({"default", "keys"},
                           [&](v1::Secret& now) { now.data["p"] = api::Bytes(std::string(name)); });
    auto pod = with_uid(make_pod("web"), name);
    refer(pod);
    configs->add_pod(pod);
    EXPECT_EQ(read(), name);
  }
}

TEST_F(ConfigSourceTest, ANewPodStartsWithTheConfigurationOfNow) {
  add_settings("red");
  start();
  api.add(colored("one"));
  ASSERT_TRUE(until([&] { return is_ready("one"); }, 5s));
  ASSERT_EQ(runtime.config_of("one")->envs(0).value(), "red");

  change_settings("blue");
  api.add(colored("two"));

  ASSERT_TRUE(until([&] { return is_ready("two"); }, 5s));
  EXPECT_EQ(runtime.config_of("two")->envs(0).value(), "blue");
}

}  // namespace
}  // namespace keelson::kubelet
