// SPDX-License-Identifier: Apache-2.0
// JSON merge patch: members replace, null removes. Source: RFC 7386, with upstream's reading of
// null inside a list that takes the place of something else: it removes there, too.
#pragma once

#include "api/document.h"
#include "base/result.h"

namespace keelson::api {

// Errors: BadRequest when the document or the patch is no object, or when they are nested too deep.
Result<Document> apply_merge_patch(Document document, Document patch);

}  // namespace keelson::api
