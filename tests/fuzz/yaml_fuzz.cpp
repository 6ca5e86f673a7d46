// SPDX-License-Identifier: Apache-2.0
#include "api/yaml.h"

// What is accepted must survive being written as YAML.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keelson;
  const auto documents =
      api::parse_yaml_all(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!documents) return 0;
  for (const auto& document : *documents) {
    const auto again = api::parse_yaml(api::to_yaml(document));
    CHECK(again && *again == document);
  }
  return 0;
}
