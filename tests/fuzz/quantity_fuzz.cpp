// SPDX-License-Identifier: Apache-2.0
#include "api/quantity.h"

// The canonical text must be of the same amount, and canonical.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keelson;
  const auto quantity =
      api::Quantity::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!quantity) return 0;
  const auto again = api::Quantity::parse(quantity->text());
  CHECK(again && *again == *quantity && again->text() == quantity->text());
  return 0;
}
