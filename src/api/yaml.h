// SPDX-License-Identifier: Apache-2.0
// YAML as Kubernetes' tools read and write it. Scalars mean what they mean to them: yes, no, on and
// off are booleans, 0777 is octal, a time stays a string. Source: sigs.k8s.io/yaml and the go-yaml
// version 2 that it uses.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/codec/json.h"
#include "api/document.h"
#include "base/result.h"

namespace keelson::api {

// What aliases may copy, in bytes of scalars, besides the ratio of nodes that upstream allows.
inline constexpr std::size_t kYamlAliasBytesMax = 16 << 20;

struct YamlOptions {
  std::size_t size_max = 0;  // Bytes; 0: no limit. Error when over it: RequestEntityTooLarge.
  int depth_max = kJsonDepthMax;
  // Keys that stand twice in a map are errors; otherwise the last one counts.
  bool strict = false;
  // Gets `line 4: key "a" already set in map` for each, at most kFindingsMax of them.
  std::vector<std::string>* duplicates = nullptr;
};

// The first document as JSON; null if the text holds none.
// Errors: BadRequest, "error converting YAML to JSON: yaml: line 3: ...".
Result<Document> parse_yaml(std::string_view text, const YamlOptions& options = {});
// All documents but those that are empty.
Result<std::vector<Document>> parse_yaml_all(std::string_view text,
                                             const YamlOptions& options = {});

// Block style as kubectl prints: keys sorted, lists at the indentation of their key, quotes where a
// plain scalar would be read as something else. Ends with a newline. Not a number and infinite are
// not JSON, so they do not occur.
std::string to_yaml(const Document& document);

}  // namespace keelson::api
