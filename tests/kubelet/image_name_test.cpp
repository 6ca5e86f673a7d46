// SPDX-License-Identifier: Apache-2.0
#include "kubelet/images/image_name.h"

#include <gtest/gtest.h>

namespace keelson::kubelet {
namespace {

TEST(ImageName, IsCompletedWithDefaults) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const std::pair<std::string, std::string> cases[] = {
      {"nginx", "docker.io/library/nginx:latest"},
      {"nginx:1.27", "docker.io/library/nginx:1.27"},
      {"user/app", "docker.io/user/app:latest"},
      {"docker.io/nginx", "docker.io/library/nginx:latest"},
      {"localhost/keelson/web:1", "localhost/keelson/web:1"},
      {"registry.example:5000/a/b:x", "registry.example:5000/a/b:x"},
      {"localhost:5000/app", "localhost:5000/app:latest"},
      {"quay.io/a/b@" + digest, "quay.io/a/b@" + digest},
      {"a__b/c.d-e--f", "docker.io/a__b/c.d-e--f:latest"},
  };
  for (const auto& [text, expected] : cases) {
    const auto name = parse_image_name(text);
    ASSERT_TRUE(name) << text;
    EXPECT_EQ(name->text(), expected);
  }
}

TEST(ImageName, RefusesWhatIsNone) {
  for (const char* text : {"", "Nginx", "a b", "nginx:", "nginx:-x", ":tag", "a//b", "-a", "a_",
                           "a@sha256:1", "registry.example/", "a___b", "nginx:la test"}) {
    const auto name = parse_image_name(text);
    EXPECT_FALSE(name) << text;
    if (!name) {
      EXPECT_EQ(name.error().message(), "couldn't parse image name \"" + std::string(text) +
                                            "\": invalid reference format");
    }
  }
}

TEST(ImageCredentials, AreThoseOfTheRegistryMostSpecificFirst) {
  const std::string config = R"({"auths": {
    "https://registry.example/": {"username": "all", "password": "p1"},
    "registry.example/team": {"auth": "dGVhbTpwOjI="},
    "other.example": {"username": "other", "password": "p3"}}})";
  const auto found = find_credentials(config, *parse_image_name("registry.example/team/app:1"));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].username, "team");
  EXPECT_EQ((*found)[0].password, "p:2");
  EXPECT_EQ((*found)[1].username, "all");
  EXPECT_TRUE(find_credentials(config, *parse_image_name("registry.example.org/a:1"))->empty());
}

TEST(ImageCredentials, KnowTheOldNameOfTheDefaultRegistry) {
  const auto found =
      find_credentials(R"({"https://index.docker.io/v1/": {"username": "u", "password": "p"}})",
                       *parse_image_name("nginx"));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ((*found)[0].username, "u");
}

TEST(ImageCredentials, RefuseWhatIsNoConfiguration) {
  EXPECT_FALSE(find_credentials("[]", *parse_image_name("nginx")));
  EXPECT_FALSE(find_credentials("{", *parse_image_name("nginx")));
  EXPECT_FALSE(
      find_credentials(R"({"docker.io": {"auth": "bm9jb2xvbg=="}})", *parse_image_name("nginx")));
}

}  // namespace
}  // namespace keelson::kubelet
