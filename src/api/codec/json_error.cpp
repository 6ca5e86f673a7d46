// SPDX-License-Identifier: Apache-2.0
#include "api/codec/json_error.h"

#include "api/codec/json.h"

namespace keelson::api {

namespace {

// "v1.PodPhase" of "core/v1" and "PodPhase".
std::string qualified(std::string_view package, std::string_view name) {
  const auto slash = package.rfind('/');
  if (slash != std::string_view::npos) package.remove_prefix(slash + 1);
  if (package.empty()) return std::string(name);
  return std::string(package) + "." + std::string(name);
}

}  // namespace

std::string go_type_name(const Type& type) { return qualified(type.package, type.name); }

std::string go_type_name(const TypeRef& type) {
  switch (type.shape) {
    case Shape::String:
      return type.enumeration ? qualified(type.enumeration->package, type.enumeration->name)
                              : "string";
    case Shape::Bool:
      return "bool";
    case Shape::Int32:
      return "int32";
    case Shape::Int64:
      return "int64";
    case Shape::Double:
      return "float64";
    case Shape::Bytes:
      return "[]uint8";
    case Shape::Time:
      return "v1.Time";
    case Shape::MicroTime:
      return "v1.MicroTime";
    case Shape::Duration:
      return "v1.Duration";
    case Shape::Quantity:
      return "resource.Quantity";
    case Shape::IntOrString:
      return "intstr.IntOrString";
    case Shape::Json:
      return type.type ? go_type_name(*type.type) : "interface {}";
    case Shape::Struct:
      return go_type_name(*type.type);
    case Shape::List:
      return "[]" + go_type_name(*type.element);
    case Shape::Map:
      return "map[string]" + go_type_name(*type.element);
  }
  return {};
}

Status type_mismatch(std::string_view got, const std::string& go_type, const Path* path) {
  std::string message = "json: cannot unmarshal " + std::string(got) + " into Go ";
  const Path* field = path;
  while (field && field->struct_name.empty()) field = field->parent;
  if (field) {
    message +=
        "struct field " + std::string(field->struct_name) + "." + field->go_text() + " of type ";
  } else {
    message += "value of type ";
  }
  return Status::bad_request(message + go_type);
}

}  // namespace keelson::api
