// SPDX-License-Identifier: Apache-2.0
// Documents of built-in kinds in Kubernetes' protobuf form, driven by the tables of schema.h. An
// object travels in an envelope:
//
//   "k8s\0"  runtime.Unknown { 1: TypeMeta { 1: apiVersion, 2: kind }
//                              2: raw, the object's own message, without apiVersion and kind
//                              3: contentEncoding, 4: contentType, both empty }
//
// Source: Kubernetes API concepts, "Kubernetes Protobuf encoding".
#pragma once

#include <string>
#include <string_view>

#include "api/document.h"
#include "base/result.h"

namespace keelson::api {

inline constexpr std::string_view kProtobufMagic("k8s\0", 4);

// Lists, maps and objects may nest so deep; deeper input is refused. Each level takes some stack,
// and no API object comes near. JSON inside has the limit of JSON.
inline constexpr int kProtobufDepthMax = 250;

// The object in an envelope, apiVersion and kind first. Not normalised: scalars that are zero are
// there, the rest stands in the order of the wire. Fields with numbers that the tables do not have
// are skipped. Errors: BadRequest.
Result<Document> decode_protobuf(std::string_view bytes);

// The envelope of a normalised object, list, Status and so on of a built-in kind; members that its
// table does not have are left out. Errors: NotAcceptable for kinds without a protobuf form;
// InternalError where a value does not fit the table.
Result<std::string> encode_protobuf(const Document& object);

// An event of a watch: the length in four bytes, big end first, then meta/v1 WatchEvent. `type`:
// "ADDED" and so on. Errors: those of encode_protobuf.
Result<std::string> encode_watch_frame(std::string_view type, const Document& object);

}  // namespace keelson::api
