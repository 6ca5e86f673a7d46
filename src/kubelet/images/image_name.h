// SPDX-License-Identifier: Apache-2.0
// Image references and credentials for their registries. Pure.
// Source: distribution reference grammar; upstream credentialprovider.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace keelson::kubelet {

struct ImageName {
  std::string registry;    // "docker.io", "registry.example:5000"
  std::string repository;  // "library/nginx"
  std::string tag;         // "latest" where neither tag nor digest is given.
  std::string digest;      // "sha256:..."

  // "docker.io/library/nginx:latest"
  std::string text() const;
};

// Errors: BadRequest "couldn't parse image name \"X\": invalid reference format".
Result<ImageName> parse_image_name(std::string_view text);

struct RegistryCredentials {
  std::string username, password, server;
};

// The credentials in a Secret's .dockerconfigjson (or .dockercfg) that are for this image, the most
// specific first. Errors: BadRequest for what is no such document.
Result<std::vector<RegistryCredentials>> find_credentials(std::string_view docker_config,
                                                          const ImageName& image);

}  // namespace keelson::kubelet
