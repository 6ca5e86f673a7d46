// SPDX-License-Identifier: Apache-2.0
#include "apiserver/front/serializer.h"

#include "api/codec/json.h"
#include "api/codec/protobuf.h"
#include "api/yaml.h"

namespace keelson::apiserver {
namespace {

Result<Body> decode_json_body(std::string_view bytes) {
  api::ParseFindings findings;
  TRY(api::Document document, api::parse_json(bytes, {}, &findings));
  return Body{std::move(document), std::move(findings.duplicates)};
}

// As upstream, which reads JSON as YAML too where the client says so.
Result<Body> decode_yaml_body(std::string_view bytes) {
  Body body;
  api::YamlOptions options;
  options.duplicates = &body.duplicates;
  TRY(body.document, api::parse_yaml(bytes, options));
  return body;
}

Result<std::string> encode_yaml(std::string_view json) {
  TRY(const api::Document document, api::parse_json(json));
  return api::to_yaml(document);
}

Result<Body> decode_protobuf_body(std::string_view bytes) {
  TRY(api::Document document, api::decode_protobuf(bytes));
  return Body{std::move(document), {}};
}

Result<std::string> encode_protobuf(std::string_view json) {
  TRY(const api::Document document, api::parse_json(json));
  return api::encode_protobuf(document);
}

constexpr Serializer kSerializers[] = {
    {WireForm::Json, "application/json", decode_json_body, nullptr},
    {WireForm::Yaml, "application/yaml", decode_yaml_body, encode_yaml},
    {WireForm::Protobuf, "application/vnd.kubernetes.protobuf", decode_protobuf_body,
     encode_protobuf},
};

}  // namespace

std::span<const Serializer> serializers() { return kSerializers; }

const Serializer* find_serializer(std::string_view media_type) {
  for (const auto& serializer : kSerializers) {
    if (serializer.media_type == media_type) return &serializer;
  }
  return nullptr;
}

std::string supported_media_types() {
  std::string out;
  for (const auto& serializer : kSerializers) {
    if (!out.empty()) out.append(", ");
    out.append(serializer.media_type);
  }
  return out;
}

}  // namespace keelson::apiserver
