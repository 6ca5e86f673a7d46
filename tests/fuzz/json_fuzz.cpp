// SPDX-License-Identifier: Apache-2.0
#include "api/codec/json.h"
#include "api/core/v1.h"

namespace {

using keelson::api::Document;

// Equal but for the kind of number: 1E3 is written as 1000, which reads as an integer.
bool same(const Document& a, const Document& b) {
  if (a.is_double() && b.is_int64()) return a.get_double() == static_cast<double>(b.get_int64());
  if (a.is_double() && b.is_uint64()) return a.get_double() == static_cast<double>(b.get_uint64());
  if (a.is_array() && b.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), same);
  if (!a.is_object() || !b.is_object()) return a == b;
  return std::ranges::equal(a.get_object(), b.get_object(), [](const auto& x, const auto& y) {
    return x.key() == y.key() && same(x.value(), y.value());
  });
}

}  // namespace

// What is accepted must be written and read back to the same document, also as a Pod.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keelson;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  api::ParseFindings findings;
  auto document = api::parse_json(text, {}, &findings);
  if (!document) return 0;
  const auto again = api::parse_json(api::to_json(*document));
  CHECK(again && same(*document, *again));
  core::v1::Pod pod;
  if (api::decode_json(api::type_of<core::v1::Pod>(), text, &pod)) {
    const auto same = api::decode_json<core::v1::Pod>(api::encode_json(pod));
    CHECK(same && *same == pod);
  }
  if (api::normalize(*document, api::type_of<core::v1::Pod>())) {
    auto twice = *document;
    CHECK(api::normalize(twice, api::type_of<core::v1::Pod>()) && twice == *document);
  }
  return 0;
}
