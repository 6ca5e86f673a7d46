// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "emit.h"
#include "names.h"

namespace keelson::generator {

namespace {

// Structs in an order in which each comes after those that it holds by value.
class Order {
 public:
  explicit Order(const pb::FileDescriptor& file) {
    for (int i = 0; i < file.message_type_count(); ++i) visit(*file.message_type(i));
  }
  const std::vector<const pb::Descriptor*>& messages() const { return messages_; }

 private:
  void visit(const pb::Descriptor& message) {
    if (!is_struct(message) || !seen_.insert(&message).second) return;
    for (const Member& member : members(message)) {
      const auto* type = value_field(*member.field).message_type();
      if (!type || info(*member.field).pointer() || type->file() != message.file()) continue;
      visit(*type);
    }
    messages_.push_back(&message);
  }

  std::set<const pb::Descriptor*> seen_;
  std::vector<const pb::Descriptor*> messages_;
};

std::string initial_value(const pb::FieldDescriptor& field) {
  if (field.is_repeated() || info(field).pointer()) return "";
  switch (field.type()) {
    case pb::FieldDescriptor::TYPE_BOOL:
      return " = false";
    case pb::FieldDescriptor::TYPE_INT32:
    case pb::FieldDescriptor::TYPE_INT64:
    case pb::FieldDescriptor::TYPE_DOUBLE:
      return " = 0";
    default:
      return "";
  }
}

void comment(std::string& out, const std::string& text, const std::string& indent) {
  if (!text.empty()) out += indent + "// " + text + "\n";
}

void emit_constant(std::string& out, const Constant& constant) {
  const auto& options = constant.value->options();
  out += "inline constexpr ";
  if (options.HasExtension(integer)) {
    out += "std::int64_t " + constant.name + " = " + std::to_string(options.GetExtension(integer));
  } else if (options.HasExtension(boolean)) {
    out += "bool " + constant.name + (options.GetExtension(boolean) ? " = true" : " = false");
  } else {
    out += "std::string_view " + constant.name + " = " + quoted(literal(*constant.value));
  }
  out += ";\n";
}

void emit_struct(std::string& out, const pb::Descriptor& message) {
  comment(out, doc(message), "");
  out += "struct " + message.name() + " {\n";
  for (const Member& member : members(message)) {
    comment(out, doc(*member.field), "  ");
    out += "  " + cpp_member_type(*member.field) + " " + cpp_member(*member.field) +
           initial_value(*member.field) + ";\n";
  }
  out += "\n  bool operator==(const " + message.name() + "&) const = default;\n};\n\n";
}

}  // namespace

std::string emit_header(const pb::FileDescriptor& file) {
  std::string out = "// Generated from api/" + file.name() + ". Do not edit.\n#pragma once\n\n";
  out +=
      "#include <cstdint>\n#include <functional>\n#include <map>\n#include <optional>\n"
      "#include <string>\n#include <string_view>\n#include <vector>\n\n"
      "#include \"api/box.h\"\n#include \"api/scalars.h\"\n#include \"api/schema.h\"\n";
  for (int i = 0; i < file.dependency_count(); ++i) {
    const std::string& ref = info(*file.dependency(i)).ref();
    if (!ref.empty()) out += "#include \"api/" + ref + ".h\"\n";
  }
  const Order order(file);

  out += "\nnamespace keelson::" + cpp_namespace(file) + " {\n\n";
  for (int i = 0; i < file.enum_type_count(); ++i) {
    const auto& enumeration = *file.enum_type(i);
    const bool plain = enumeration.options().GetExtension(api_enum).constants();
    if (!plain) out += "namespace " + enumeration.name() + " {\n";
    for (const Constant& constant : constants(enumeration)) emit_constant(out, constant);
    out += plain ? "\n" : "}  // namespace " + enumeration.name() + "\n\n";
  }
  for (const auto* message : order.messages()) out += "struct " + message->name() + ";\n";
  for (int i = 0; i < file.message_type_count(); ++i) {
    const auto& message = *file.message_type(i);
    if (!is_struct(message)) {
      out += "using " + message.name() + " = " + cpp_type(message) + ";\n";
    }
  }
  for (const auto& alias : info(file).alias()) {
    out += "using " + alias.name() + " = " + cpp_namespace(alias.type()) + ";\n";
  }
  out += "\n";
  for (const auto* message : order.messages()) emit_struct(out, *message);
  out += "}  // namespace keelson::" + cpp_namespace(file) + "\n\nnamespace keelson::api {\n\n";
  for (const auto* message : order.messages()) {
    out += "template <>\nconst Type& type_of<" + cpp_type(*message) + ">();\n";
    if (message->options().HasExtension(api_kind)) {
      out += "template <>\nconst Resource& resource_of<" + cpp_type(*message) + ">();\n";
    }
  }
  return out + "\n}  // namespace keelson::api\n";
}

}  // namespace keelson::generator
