// SPDX-License-Identifier: Apache-2.0
#include "api/selector.h"

// A selector's canonical text must mean the same selector.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keelson;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto labels = api::LabelSelector::parse(text)) {
    const auto again = api::LabelSelector::parse(labels->text());
    CHECK(again && again->text() == labels->text());
  }
  (void)api::FieldSelector::parse(text);
  return 0;
}
