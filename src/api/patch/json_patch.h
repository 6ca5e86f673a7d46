// SPDX-License-Identifier: Apache-2.0
// JSON Patch: a list of operations on paths. Source: RFC 6902, RFC 6901. Where upstream's server is
// more lenient than the RFC, so is this: replace adds a member that is missing, test of null passes
// on one, and a negative index counts from the end of a list.
#pragma once

#include <cstddef>

#include "api/document.h"
#include "base/result.h"

namespace keelson::api {

inline constexpr std::size_t kJsonPatchOperationsMax = 10'000;  // Upstream: maxJSONPatchOperations.
// How much all copy operations of one patch may add. Upstream: JSONPatchMaxCopyBytes.
inline constexpr std::size_t kJsonPatchCopyBytesMax = std::size_t{3} * 1024 * 1024;

// The document after all operations of `patch`, a list. Errors: BadRequest when the patch is none,
// RequestEntityTooLarge when it has too many operations, Invalid when one of them does not apply;
// the cause has the text of the library that upstream uses.
Result<Document> apply_json_patch(Document document, const Document& patch);

}  // namespace keelson::api
