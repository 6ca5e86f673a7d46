// SPDX-License-Identifier: Apache-2.0
// The contents of volumes that come from the API: configMap, secret, downwardAPI, projected.
// Source: API reference, Volume.
#pragma once

#include "kubelet/config_source.h"
#include "kubelet/field_path.h"
#include "kubelet/volumes/atomic_writer.h"
#include "kubelet/volumes/token_source.h"

namespace keelson::kubelet {

class PayloadSource final {
 public:
  PayloadSource(ConfigSource& configs, TokenSource& tokens) : configs_(configs), tokens_(tokens) {}

  // `volume` is of `pod` and has one of the four sources. Errors: NotFound for an object or key
  // that is not optional (`references non-existent config key: x`), BadRequest, the client's.
  Task<Result<Payload>> payload(PodPtr pod, const v1::Volume* volume, NodeValues node);

 private:
  struct Keys {
    const std::vector<v1::KeyToPath>* items;
    std::uint32_t mode;
    bool optional;
  };
  Task<Result<void>> add_config_map(PodPtr pod, std::string name, Keys keys, Payload& out);
  Task<Result<void>> add_secret(PodPtr pod, std::string name, Keys keys, Payload& out);

  ConfigSource& configs_;
  TokenSource& tokens_;
};

bool has_payload(const v1::Volume& volume);

// A service account token as a file of a projected volume. Where all containers run as one user,
// nobody else is to read it; with an fsGroup, others than it neither: the volume's writer lets the
// group read. Otherwise the volume's `mode` counts. Source: upstream pkg/volume/projected.
PayloadFile token_file(const v1::Pod& pod, std::string token, std::uint32_t mode);

}  // namespace keelson::kubelet
