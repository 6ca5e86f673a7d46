// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

namespace keelson::generator {

namespace {

constexpr std::string_view kKeywords[] = {
    "alignas",  "alignof",  "and",     "asm",     "auto",      "bitand", "bitor",    "bool",
    "break",    "case",     "catch",   "char",    "class",     "compl",  "concept",  "const",
    "continue", "default",  "delete",  "do",      "double",    "else",   "enum",     "explicit",
    "export",   "extern",   "false",   "float",   "for",       "friend", "goto",     "if",
    "inline",   "int",      "long",    "mutable", "namespace", "new",    "noexcept", "not",
    "nullptr",  "operator", "or",      "private", "protected", "public", "register", "requires",
    "return",   "short",    "signed",  "sizeof",  "static",    "struct", "switch",   "template",
    "this",     "throw",    "true",    "try",     "typedef",   "typeid", "typename", "union",
    "unsigned", "using",    "virtual", "void",    "volatile",  "while",  "xor",
};

std::string safe(std::string name) {
  if (std::ranges::find(kKeywords, name) != std::end(kKeywords)) name += '_';
  return name;
}

bool is_capitalised_identifier(std::string_view text) {
  if (text.empty() || !std::isupper(static_cast<unsigned char>(text[0]))) return false;
  return std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

// "URIScheme" is "URI", "Scheme".
std::vector<std::string> words(std::string_view name) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool upper = std::isupper(static_cast<unsigned char>(name[i]));
    const bool after_lower = i > 0 && !std::isupper(static_cast<unsigned char>(name[i - 1]));
    const bool before_lower =
        i + 1 < name.size() && std::islower(static_cast<unsigned char>(name[i + 1]));
    if (result.empty() || (upper && (after_lower || before_lower))) result.emplace_back();
    result.back() += name[i];
  }
  return result;
}

std::string without_type_prefix(const std::string& name, const std::string& type) {
  const auto name_words = words(name);
  const auto type_words = words(type);
  std::size_t same = 0;
  while (same + 1 < name_words.size() && same < type_words.size() &&
         name_words[same] == type_words[same]) {
    ++same;
  }
  std::string rest;
  for (std::size_t i = same; i < name_words.size(); ++i) rest += name_words[i];
  return rest;
}

}  // namespace

const FileInfo& info(const pb::FileDescriptor& file) {
  return file.options().GetExtension(api_file);
}
const TypeInfo& info(const pb::Descriptor& message) {
  return message.options().GetExtension(api_type);
}
const FieldInfo& info(const pb::FieldDescriptor& field) {
  return field.options().GetExtension(api);
}

bool is_struct(const pb::Descriptor& message) {
  return info(message).scalar() == TypeInfo::NONE && !info(message).list_message();
}

bool is_root(const pb::Descriptor& message) {
  return info(message).root() || message.options().HasExtension(api_kind);
}

std::string cpp_namespace(std::string_view ref) {
  std::string result;
  for (const char c : ref) result += c == '/' || c == '.' ? "::" : std::string(1, c);
  return result;
}

std::string cpp_namespace(const pb::FileDescriptor& file) {
  return cpp_namespace(info(file).ref());
}

std::string cpp_type(const pb::Descriptor& message) {
  switch (info(message).scalar()) {
    case TypeInfo::TIME:
      return "api::Time";
    case TypeInfo::MICRO_TIME:
      return "api::MicroTime";
    case TypeInfo::DURATION:
      return "api::Duration";
    case TypeInfo::QUANTITY:
      return "api::Quantity";
    case TypeInfo::INT_OR_STRING:
      return "api::IntOrString";
    case TypeInfo::JSON:
    case TypeInfo::SCHEMA_OR_BOOL:
    case TypeInfo::SCHEMA_OR_ARRAY:
    case TypeInfo::SCHEMA_OR_STRING_ARRAY:
      return "api::RawJson";
    case TypeInfo::NONE:
      break;
  }
  if (info(message).list_message()) return cpp_member_type(*message.field(0));
  return cpp_namespace(*message.file()) + "::" + message.name();
}

std::string cpp_member(const pb::FieldDescriptor& field) {
  // A protobuf name can differ from the JSON name in case ("Name"); the member follows JSON.
  const std::string json = json_name(field);
  const bool identifier =
      std::ranges::all_of(json, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  return safe(identifier ? json : field.name());
}

std::string json_name(const pb::FieldDescriptor& field) { return field.json_name(); }

std::string api_version(const pb::FileDescriptor& file) {
  const FileInfo& file_info = info(file);
  if (file_info.group().empty()) return file_info.version();
  return file_info.group() + "/" + file_info.version();
}

std::vector<Member> members(const pb::Descriptor& message) {
  std::vector<Member> result;
  for (int i = 0; i < message.field_count(); ++i) {
    const auto* field = message.field(i);
    if (!info(*field).inline_()) {
      result.push_back({field, 0, 0});
      continue;
    }
    for (const Member& inner : members(*field->message_type())) {
      result.push_back({inner.field, field->number(), inner.outer});
    }
  }
  return result;
}

std::string cpp_value_type(const pb::FieldDescriptor& field) {
  switch (field.type()) {
    case pb::FieldDescriptor::TYPE_STRING:
      return "std::string";
    case pb::FieldDescriptor::TYPE_BYTES:
      return "api::Bytes";
    case pb::FieldDescriptor::TYPE_BOOL:
      return field.is_repeated() ? "api::Flag" : "bool";
    case pb::FieldDescriptor::TYPE_INT32:
      return "std::int32_t";
    case pb::FieldDescriptor::TYPE_INT64:
      return "std::int64_t";
    case pb::FieldDescriptor::TYPE_DOUBLE:
      return "double";
    case pb::FieldDescriptor::TYPE_MESSAGE:
      return cpp_type(*field.message_type());
    default:
      return "void";
  }
}

const pb::FieldDescriptor& value_field(const pb::FieldDescriptor& field) {
  return field.is_map() ? *field.message_type()->map_value() : field;
}

std::string cpp_member_type(const pb::FieldDescriptor& field) {
  const auto& value = value_field(field);
  const std::string type = cpp_value_type(value);
  if (field.is_map()) return "std::map<std::string, " + type + ", std::less<>>";
  if (field.is_repeated()) return "std::vector<" + type + ">";
  if (!info(field).pointer()) return type;
  const bool boxed = field.message_type() && is_struct(*field.message_type());
  return (boxed ? "api::Box<" : "std::optional<") + type + ">";
}

std::string literal(const pb::EnumValueDescriptor& value) {
  return value.options().HasExtension(keelson::literal)
             ? value.options().GetExtension(keelson::literal)
             : value.name();
}

std::vector<Constant> constants(const pb::EnumDescriptor& enumeration) {
  std::vector<Constant> result;
  std::set<std::string> seen;
  const bool plain = enumeration.options().GetExtension(api_enum).constants();
  for (int i = 0; i < enumeration.value_count(); ++i) {
    const auto* value = enumeration.value(i);
    std::string name = value->name();
    if (!plain) {
      const std::string text = literal(*value);
      name = is_capitalised_identifier(text) ? text : without_type_prefix(name, enumeration.name());
    }
    // Names of signals are macros.
    if (name.starts_with("SIG") && name.size() > 3) name += '_';
    if (seen.insert(name).second) result.push_back({safe(name), value});
  }
  return result;
}

template <class Descriptor>
std::string doc(const Descriptor& descriptor) {
  pb::SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return {};
  std::string result;
  for (const char c : location.leading_comments) {
    if (!std::isspace(static_cast<unsigned char>(c))) {
      result += c;
    } else if (!result.empty() && result.back() != ' ') {
      result += ' ';
    }
  }
  while (result.ends_with(' ')) result.pop_back();
  return result;
}
template std::string doc(const pb::Descriptor&);
template std::string doc(const pb::FieldDescriptor&);
template std::string doc(const pb::EnumDescriptor&);

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace keelson::generator
