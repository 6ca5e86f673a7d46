// SPDX-License-Identifier: Apache-2.0
#include "api/codec/json.h"
#include "api/codec/protobuf.h"
#include "api/schema.h"

namespace {

using namespace keelson;

struct Kind {
  std::string_view api_version, kind;
};
// Between them they have all kinds of fields: maps, bytes, quantities, times, raw JSON, either of
// number and string.
constexpr Kind kKinds[] = {
    {"v1", "Pod"},
    {"v1", "Service"},
    {"v1", "Secret"},
    {"v1", "Node"},
    {"v1", "Event"},
    {"v1", "List"},
    {"apps/v1", "Deployment"},
    {"apps/v1", "ControllerRevision"},
    {"coordination.k8s.io/v1", "Lease"},
    {"policy/v1", "PodDisruptionBudget"},
    {"meta.k8s.io/v1", "PartialObjectMetadata"},
    {"apiextensions.k8s.io/v1", "CustomResourceDefinition"},
};

std::string field(char number, std::string_view bytes) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  std::size_t size = bytes.size();
  for (; size >= 0x80; size >>= 7) out.push_back(static_cast<char>(size | 0x80));
  out.push_back(static_cast<char>(size));
  return out.append(bytes);
}

// The document in its normal form, if it is of a type that the tables know.
bool normalize_root(api::Document& document) {
  const auto text = [&document](std::string_view name) {
    const auto* value = document.get_object().if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  const api::Type* type = api::find_root_type(text("apiVersion"), text("kind"));
  return type && api::normalize(document, *type);
}

// What is accepted must be written and read back to the same document and the same bytes.
void try_envelope(std::string_view bytes) {
  auto document = api::decode_protobuf(bytes);
  if (!document || !document->is_object() || !normalize_root(*document)) return;
  const auto written = api::encode_protobuf(*document);
  if (!written) return;
  auto again = api::decode_protobuf(*written);
  CHECK(again && normalize_root(*again));
  const auto rewritten = api::encode_protobuf(*again);
  CHECK(rewritten && *rewritten == *written);
  CHECK(api::to_json(*again) == api::to_json(*document));
}

}  // namespace

// A whole envelope, and the message of one kind.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try_envelope(bytes);
  if (bytes.empty()) return 0;
  const auto& [api_version, kind] = kKinds[data[0] % std::size(kKinds)];
  try_envelope(std::string(api::kProtobufMagic) + field(1, field(1, api_version) + field(2, kind)) +
               field(2, bytes.substr(1)) + field(3, "") + field(4, ""));
  return 0;
}
