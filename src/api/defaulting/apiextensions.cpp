// SPDX-License-Identifier: Apache-2.0
// Defaults of apiextensions.k8s.io/v1 and apiregistration.k8s.io/v1.
#include <string>

#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"apiextensions/v1.CustomResourceDefinitionSpec", "conversion", When::Nil,
     R"({"strategy":"None"})"},
    {"apiextensions/v1.ServiceReference", "port", When::Nil, "443"},
    {"apiregistration/v1.ServiceReference", "port", When::Nil, "443"},
};

void stored_versions(object& value, const Context&) {
  object* spec = find_object(value, "spec");
  array* versions = spec ? find_list(*spec, "versions") : nullptr;
  if (!versions) return;
  for (Document& each : *versions) {
    object* version = each.if_object();
    const Document* storage = version ? version->if_contains("storage") : nullptr;
    if (!storage || !storage->is_bool() || !storage->get_bool()) continue;
    const std::string name(text_of(*version, "name"));
    if (object* status = make_object(value, "status")) {
      fill(*status, "storedVersions", When::Empty, Document(array{Document(name)}));
    }
    return;
  }
}

void names(object& value, const Context&) {
  object* names = make_object(value, "names");
  if (!names) return;
  const std::string kind(text_of(*names, "kind"));
  if (kind.empty()) return;
  std::string singular = kind;
  for (char& c : singular) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  fill(*names, "singular", When::Empty, Document(singular));
  fill(*names, "listKind", When::Empty, Document(kind + "List"));
}

constexpr Function kFunctions[] = {
    {"apiextensions/v1.CustomResourceDefinition", stored_versions},
    {"apiextensions/v1.CustomResourceDefinitionSpec", names},
};

}  // namespace

const Rules kApiExtensionsRules = {kLiterals, kFunctions};

}  // namespace keelson::api::defaulting
