// SPDX-License-Identifier: Apache-2.0
// Strategic merge patch: a merge patch that knows which lists are merged, and by which key, from
// the tables of the type. Source: apimachinery, package util/strategicpatch; the directives are
// described in the Kubernetes documentation, "Update API objects in place using kubectl patch".
//
// Directives, all of them members of the patch:
//   $patch: replace | delete           on an object, or on an element of a merged list
//   $retainKeys: [names]               everything else is removed from the object
//   $deleteFromPrimitiveList/x: [...]  removes these from the merged list x of scalars
//   $setElementOrder/x: [...]          order of the merged list x
#pragma once

#include "api/document.h"
#include "api/schema.h"
#include "base/result.h"

namespace keelson::api {

// `document` is an object of `type` as JSON. What the tables do not describe (RawExtension, kept
// unknown fields) is merged as by a plain merge patch. Custom resources do not take this kind of
// patch: the server answers UnsupportedMediaType, and clients fall back to a merge patch.
// Errors with upstream's texts: BadRequest for a malformed directive, Invalid for lists of lists,
// Unknown (code 500, as upstream) for a list element without its merge key and the like.
Result<Document> apply_strategic_merge_patch(Document document, Document patch, const Type& type);

}  // namespace keelson::api
