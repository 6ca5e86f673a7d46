// SPDX-License-Identifier: Apache-2.0
#include "api/codec/json.h"
#include "api/core/v1.h"
#include "api/patch/json_patch.h"
#include "api/patch/merge_patch.h"
#include "api/patch/strategic_merge.h"

// An object and a patch, parted by a newline; each kind of patch may only fail or yield a document.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keelson;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  const auto object = api::parse_json(text.substr(0, end));
  const auto patch = api::parse_json(text.substr(end + 1));
  if (!object || !patch) return 0;
  (void)api::apply_json_patch(*object, *patch);
  (void)api::apply_merge_patch(*object, *patch);
  (void)api::apply_strategic_merge_patch(*object, *patch, api::type_of<core::v1::Pod>());
  return 0;
}
