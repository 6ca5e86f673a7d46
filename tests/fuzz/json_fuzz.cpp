// SPDX-License-Identifier: Apache-2.0
#include "api/codec/json.h"
#include "api/core/v1.h"

// What is accepted must be written and read back to the same document, also as a Pod. (1E3 is
// written as 1000, which reads as an integer; so does -0, which has no sign then.)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keelson;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  api::ParseFindings findings;
  auto document = api::parse_json(text, {}, &findings);
  if (!document) return 0;
  const std::string written = api::to_json(*document);
  const auto again = api::parse_json(written);
  CHECK(again && (api::to_json(*again) == written || written.contains("-0")));
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
