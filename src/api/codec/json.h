// SPDX-License-Identifier: Apache-2.0
// JSON: text, documents and structs into each other, driven by the tables of schema.h.
// All errors are BadRequest with the texts of Go's encoding/json, unless said otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/document.h"
#include "api/schema.h"
#include "base/result.h"

namespace keelson::api {

// Deeper nesting is refused. (Upstream: 10,000, which takes megabytes of stack; no API object comes
// near to either.)
inline constexpr int kJsonDepthMax = 1000;

struct ParseOptions {
  std::size_t size_max = 0;  // Bytes; 0: no limit. Error when over it: RequestEntityTooLarge.
  int depth_max = kJsonDepthMax;
  boost::json::storage_ptr storage = {};  // Where the document lives.
};

// Members that stood twice in an object; the last one counts. Paths such as "spec.ports[0].name",
// at most kFindingsMax.
struct ParseFindings {
  std::vector<std::string> duplicates;
};
inline constexpr std::size_t kFindingsMax = 100;

// Text must be UTF-8. Whole numbers up to 64 bits keep all their digits.
Result<Document> parse_json(std::string_view text, ParseOptions options = {},
                            ParseFindings* findings = nullptr);

// Compact, members in their order, UTF-8 as it is.
std::string to_json(const Document& document);
void append_json(std::string& out, const Document& document);
// A string with quotes and escapes; a number in the shortest form that reads back the same.
void append_json_string(std::string& out, std::string_view text);
void append_json_number(std::string& out, double number);

// Into a struct. Fields that the type does not have are ignored; null leaves the default. `out` is
// a default-constructed struct of `type`; it may be half filled after an error.
Result<void> decode(const Document& document, const Type& type, void* out);
Result<void> decode_json(const Type& type, std::string_view text, void* out);

template <class T>
Result<T> decode(const Document& document) {
  T value;
  if (auto done = decode(document, type_of<T>(), &value); !done)
    return fail(std::move(done).error());
  return value;
}
template <class T>
Result<T> decode_json(std::string_view text) {
  T value;
  if (auto done = decode_json(type_of<T>(), text, &value); !done) {
    return fail(std::move(done).error());
  }
  return value;
}

// From a struct, as upstream writes it: kind and apiVersion first if the type is a root, members in
// table order, empty ones left out where declared so. An empty list that is always written is null,
// or [] as a direct member of a root type (`items`).
Document encode_document(const Type& type, const void* value,
                         boost::json::storage_ptr storage = {});
std::string encode_json(const Type& type, const void* value);
void append_json(std::string& out, const Type& type, const void* value);

template <class T>
Document encode_document(const T& value) {
  return encode_document(type_of<T>(), &value);
}
template <class T>
std::string encode_json(const T& value) {
  return encode_json(type_of<T>(), &value);
}

enum class UnknownFields : std::uint8_t { Drop, Keep };

// Members that the type does not have. Paths such as "spec.containers[0].foo", at most
// kFindingsMax.
struct NormalizeFindings {
  std::vector<std::string> unknown;
};

// Brings a document of `type` to the form in which upstream would write it back: values checked
// against their types, nulls dropped, quantities, times and durations canonical, members in table
// order after kind and apiVersion (kept as they are), map keys sorted, empty members dropped or
// added as the table says. Applying it twice changes nothing more.
Result<NormalizeFindings> normalize(Document& document, const Type& type,
                                    UnknownFields unknown = UnknownFields::Drop);

// The name of a value's type in Go, as error messages show it: "[]v1.Container", "int32".
std::string go_type_name(const TypeRef& type);

}  // namespace keelson::api
