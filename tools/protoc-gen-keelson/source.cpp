// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "emit.h"
#include "names.h"

namespace keelson::generator {

namespace {

class Source {
 public:
  explicit Source(const pb::FileDescriptor& file) : file_(file) {}

  std::string emit();

 private:
  // Names a constant array or object, which is written once however often it is used.
  std::string shared(const std::string& declaration, const std::string& value);
  template <class List>
  std::string strings(const List& list);

  std::string type_address(const pb::Descriptor& message);
  // `reference` as written in `file`.
  std::string enum_address(const std::string& reference, const pb::FileDescriptor& file);
  // Initialiser of the TypeRef of one value, and of a whole field.
  std::string value_ref(const pb::FieldDescriptor& field, const std::string& enumeration,
                        const pb::FileDescriptor& file);
  std::string field_ref(const pb::FieldDescriptor& field);
  std::string field_initialiser(const pb::Descriptor& message, const Member& member);

  void emit_type(const pb::Descriptor& message);
  void emit_resource(const pb::Descriptor& message);
  std::string constraints(const FieldInfo& field);

  const pb::FileDescriptor& file_;
  std::set<std::string> foreign_;  // Declarations of tables that other files define.
  std::map<std::string, std::string> shared_;
  std::string shared_text_, types_, resources_;
};

std::string Source::shared(const std::string& declaration, const std::string& value) {
  const auto [at, is_new] =
      shared_.try_emplace(declaration + value, "kData" + std::to_string(shared_.size()));
  if (is_new) {
    const bool array = declaration.ends_with("[]");
    shared_text_ += "constexpr " + declaration.substr(0, declaration.size() - (array ? 2 : 0)) +
                    " " + at->second + (array ? "[]" : "") + " = " + value + ";\n";
  }
  return at->second;
}

template <class List>
std::string Source::strings(const List& list) {
  std::string value = "{";
  for (const auto& text : list) value += (value.size() > 1 ? ", " : "") + quoted(text);
  return shared("std::string_view[]", value + "}");
}

std::string Source::type_address(const pb::Descriptor& message) {
  const std::string ns = cpp_namespace(*message.file());
  if (message.file() != &file_) {
    foreign_.insert("namespace keelson::" + ns + "::tables {\nextern const api::Type k" +
                    message.name() + ";\n}\n");
  }
  return "&" + ns + "::tables::k" + message.name();
}

std::string Source::enum_address(const std::string& reference, const pb::FileDescriptor& file) {
  const auto dot = reference.rfind('.');
  const std::string ns =
      dot == std::string::npos ? cpp_namespace(file) : cpp_namespace(reference.substr(0, dot));
  const std::string name =
      "k" + (dot == std::string::npos ? reference : reference.substr(dot + 1)) + "Enum";
  if (ns != cpp_namespace(file_)) {
    foreign_.insert("namespace keelson::" + ns + "::tables {\nextern const api::Enum " + name +
                    ";\n}\n");
  }
  return "&" + ns + "::tables::" + name;
}

std::string Source::value_ref(const pb::FieldDescriptor& field, const std::string& enumeration,
                              const pb::FileDescriptor& file) {
  std::string shape;
  switch (field.type()) {
    case pb::FieldDescriptor::TYPE_STRING:
      shape = "String";
      break;
    case pb::FieldDescriptor::TYPE_BYTES:
      shape = "Bytes";
      break;
    case pb::FieldDescriptor::TYPE_BOOL:
      shape = "Bool";
      break;
    case pb::FieldDescriptor::TYPE_INT32:
      shape = "Int32";
      break;
    case pb::FieldDescriptor::TYPE_INT64:
      shape = "Int64";
      break;
    case pb::FieldDescriptor::TYPE_DOUBLE:
      shape = "Double";
      break;
    default:
      break;
  }
  std::string rest;
  if (!enumeration.empty()) rest += ", .enumeration = " + enum_address(enumeration, file);
  if (const auto* message = field.message_type()) {
    switch (info(*message).scalar()) {
      case TypeInfo::TIME:
        shape = "Time";
        break;
      case TypeInfo::MICRO_TIME:
        shape = "MicroTime";
        break;
      case TypeInfo::DURATION:
        shape = "Duration";
        break;
      case TypeInfo::QUANTITY:
        shape = "Quantity";
        break;
      case TypeInfo::INT_OR_STRING:
        shape = "IntOrString";
        break;
      case TypeInfo::NONE:
        if (info(*message).list_message()) {
          const auto& items = *message->field(0);
          return "{.shape = api::Shape::List, .element = &" +
                 shared("api::TypeRef", value_ref(items, "", file)) +
                 ", .list = &api::kListMemory<" + cpp_value_type(items) +
                 ">, .list_message = true}";
        }
        shape = "Struct";
        rest += ", .type = " + type_address(*message);
        break;
      default:
        shape = "Json";
        rest += ", .type = " + type_address(*message);
    }
  }
  return "{.shape = api::Shape::" + shape + rest + "}";
}

std::string Source::field_ref(const pb::FieldDescriptor& field) {
  const auto& value = value_field(field);
  const std::string ref = value_ref(value, info(field).enum_(), *field.file());
  if (!field.is_repeated()) return ref;
  const std::string element = "&" + shared("api::TypeRef", ref);
  const std::string type = cpp_value_type(value);
  return field.is_map() ? "{.shape = api::Shape::Map, .element = " + element +
                              ", .map = &api::kMapMemory<" + type + ">}"
                        : "{.shape = api::Shape::List, .element = " + element +
                              ", .list = &api::kListMemory<" + type + ">}";
}

std::string number(double value) {
  std::ostringstream text;
  text.precision(17);
  text << value;
  return text.str();
}

std::string Source::constraints(const FieldInfo& field) {
  std::string value;
  const auto add = [&](const std::string& text) { value += (value.empty() ? "" : ", ") + text; };
  if (field.has_min_items()) add(".min_items = " + std::to_string(field.min_items()));
  if (field.has_max_items()) add(".max_items = " + std::to_string(field.max_items()));
  if (field.has_min_length()) add(".min_length = " + std::to_string(field.min_length()));
  if (field.has_max_length()) add(".max_length = " + std::to_string(field.max_length()));
  if (field.has_minimum()) add(".has_minimum = true");
  if (field.has_maximum()) add(".has_maximum = true");
  if (field.has_minimum()) add(".minimum = " + number(field.minimum()));
  if (field.has_maximum()) add(".maximum = " + number(field.maximum()));
  if (field.has_pattern()) add(".pattern = " + quoted(field.pattern()));
  if (field.has_format()) add(".format = " + quoted(field.format()));
  return value.empty() ? "" : "&" + shared("api::Constraints", "{" + value + "}");
}

std::string Source::field_initialiser(const pb::Descriptor& message, const Member& member) {
  const auto& field = *member.field;
  const FieldInfo& field_info = info(field);
  const auto* type = field.message_type();
  std::string out = "{.json = " + quoted(json_name(field)) + ", .value = " + field_ref(field);
  const auto add = [&](const std::string& name, const std::string& value) {
    out += ", ." + name + " = " + value;
  };
  const auto flag = [&](const char* name, bool value) {
    if (value) add(name, "true");
  };
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) add(name, quoted(value));
  };
  if (is_struct(message)) {
    add("offset", "offsetof(" + cpp_type(message) + ", " + cpp_member(field) + ")");
    if (field_info.pointer()) {
      add("pointer", "&api::kPointerMemory<" + cpp_member_type(field) + ">");
    }
  }
  const bool on_wire = !info(message).json_only() && field.number() <= 50000;
  if (on_wire) add("number", std::to_string(field.number()));
  if (on_wire && member.outer) add("outer", std::to_string(member.outer));
  if (on_wire && member.outer_nested) add("outer_nested", std::to_string(member.outer_nested));
  flag("is_pointer", field_info.pointer());
  flag("omitempty", !field_info.always());
  flag("omitzero", field_info.omitzero());
  flag("required", field_info.required());
  flag("deprecated", field.options().deprecated());
  if (field_info.list() == FieldInfo::SET) add("list_type", "api::ListType::Set");
  if (field_info.list() == FieldInfo::MAP) add("list_type", "api::ListType::Map");
  const bool atomic_type = type && !field.is_repeated() && info(*type).atomic();
  if (field_info.granularity() == FieldInfo::WHOLE ||
      (field_info.granularity() == FieldInfo::OF_TYPE && atomic_type)) {
    add("map_type", "api::MapType::Atomic");
  }
  if (field_info.patch()) add("patch_strategy", std::to_string(field_info.patch()));
  text("patch_merge_key", field_info.merge_key());
  if (field_info.key_size()) add("list_map_keys", strings(field_info.key()));
  text("default_json", field_info.default_json());
  text("union_name", field_info.union_());
  flag("union_discriminator", field_info.discriminator());
  std::string gates;
  for (const auto& gate : field_info.gate()) gates += (gates.empty() ? "" : ",") + gate;
  text("gate", gates);
  if (const auto limits = constraints(field_info); !limits.empty()) add("constraints", limits);
  text("doc", doc(field));
  return out + "}";
}

void Source::emit_type(const pb::Descriptor& message) {
  const TypeInfo& type_info = info(message);
  const auto fields = members(message);
  const std::string name = message.name();
  const FileInfo& file = info(file_);
  types_ += "namespace {\n";
  if (!fields.empty()) {
    std::string initialisers;
    for (const Member& member : fields) {
      initialisers += "    " + field_initialiser(message, member) + ",\n";
    }
    std::vector<std::size_t> index(fields.size());
    for (std::size_t i = 0; i < index.size(); ++i) index[i] = i;
    std::ranges::sort(index, {}, [&](std::size_t i) { return json_name(*fields[i].field); });
    types_ += "constinit const api::Field k" + name + "Fields[] = {\n" + initialisers + "};\n";
    types_ += "constexpr std::uint16_t k" + name + "ByName[] = {";
    for (std::size_t i = 0; i < index.size(); ++i) {
      types_ += (i ? ", " : "") + std::to_string(index[i]);
    }
    types_ += "};\n";
  }
  types_ += "}  // namespace\nnamespace tables {\nconstinit const api::Type k" + name + " = {\n";
  const auto add = [&](const std::string& member, const std::string& value) {
    types_ += "    ." + member + " = " + value + ",\n";
  };
  add("name", quoted(name));
  add("package", quoted(file.ref()));
  if (is_root(message)) {
    add("api_version",
        quoted(type_info.has_api_version() ? type_info.api_version() : api_version(file_)));
  }
  if (!file.openapi_prefix().empty()) {
    add("openapi_name", quoted(file.openapi_prefix() + "." + name));
  }
  if (!file.proto_package().empty() && !type_info.json_only()) {
    add("proto_name", quoted(file.proto_package() + "." + name));
  }
  if (!fields.empty()) add("fields", "k" + name + "Fields");
  if (is_struct(message)) {
    const std::string type = cpp_type(message);
    add("size", "sizeof(" + type + ")");
    add("construct", "&api::construct<" + type + ">");
    add("destroy", "&api::destroy<" + type + ">");
  }
  if (is_root(message)) add("root", "true");
  switch (type_info.scalar()) {
    case TypeInfo::JSON:
      add("json_form", "api::JsonForm::Any");
      break;
    case TypeInfo::SCHEMA_OR_BOOL:
      add("json_form", "api::JsonForm::SchemaOrBool");
      break;
    case TypeInfo::SCHEMA_OR_ARRAY:
      add("json_form", "api::JsonForm::SchemaOrArray");
      break;
    case TypeInfo::SCHEMA_OR_STRING_ARRAY:
      add("json_form", "api::JsonForm::SchemaOrStringArray");
      break;
    default:
      break;
  }
  if (type_info.atomic()) add("map_type", "api::MapType::Atomic");
  if (const auto text = doc(message); !text.empty()) add("doc", quoted(text));
  if (!fields.empty()) add("by_name", "k" + name + "ByName");
  types_ += "};\n}  // namespace tables\n\n";
}

void Source::emit_resource(const pb::Descriptor& message) {
  static const std::vector<std::string> kVerbs = {"create", "delete", "deletecollection", "get",
                                                  "list",   "patch",  "update",           "watch"};
  static const std::vector<std::string> kSubresourceVerbs = {"get", "patch", "update"};
  const KindInfo& kind = message.options().GetExtension(api_kind);
  const FileInfo& file = info(file_);
  std::string lower = message.name();
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));

  resources_ += "    {\n";
  const auto add = [&](const std::string& member, const std::string& value) {
    resources_ += "        ." + member + " = " + value + ",\n";
  };
  const auto text = [&](const char* member, const std::string& value) {
    if (!value.empty()) add(member, quoted(value));
  };
  text("group", file.group());
  text("version", file.version());
  text("kind", message.name());
  text("list_kind", kind.list());
  text("plural", kind.plural());
  text("singular", kind.has_singular() ? kind.singular() : lower);
  if (kind.short__size()) add("short_names", strings(kind.short_()));
  if (kind.category_size()) add("categories", strings(kind.category()));
  add("verbs", kind.verb_size() ? strings(kind.verb()) : strings(kVerbs));
  if (kind.subresource_size()) {
    std::string value = "{\n";
    for (const auto& sub : kind.subresource()) {
      value += "    {.name = " + quoted(sub.name()) +
               ", .verbs = " + (sub.verb_size() ? strings(sub.verb()) : strings(kSubresourceVerbs));
      if (sub.has_body()) {
        const auto dot = sub.body().rfind('.');
        const auto slash = sub.body().find('/');
        const bool core = slash == std::string::npos;
        const std::size_t version = core ? 0 : slash + 1;
        value += ", .group = " + quoted(core ? "" : sub.body().substr(0, slash)) +
                 ", .version = " + quoted(sub.body().substr(version, dot - version)) +
                 ", .kind = " + quoted(sub.body().substr(dot + 1));
      }
      value += "},\n";
    }
    add("subresources", shared("api::Subresource[]", value + "}"));
  }
  if (kind.namespaced()) add("namespaced", "true");
  if (!kind.served_by_default()) add("served_by_default", "false");
  if (kind.create_on_update()) add("create_on_update", "true");
  if (kind.unconditional_update()) add("unconditional_update", "true");
  if (kind.generation()) add("has_generation", "true");
  if (kind.field_selector_size()) add("field_selectors", strings(kind.field_selector()));
  text("storage_prefix", kind.has_storage_prefix() ? kind.storage_prefix() : kind.plural());
  text("storage_version_hash", kind.storage_version_hash());
  if (kind.column_size()) {
    std::string value = "{\n";
    for (const auto& column : kind.column()) {
      value += "    {" + quoted(column.name()) + ", " + quoted(column.type()) + ", " +
               quoted(column.format()) + ", " + std::to_string(column.priority()) + ", " +
               quoted(column.doc()) + "},\n";
    }
    add("columns", shared("api::Column[]", value + "}"));
  }
  text("gate", kind.gate());
  text("stored_as", kind.stored_as());
  text("introduced", kind.introduced());
  text("deprecated", kind.deprecated());
  text("removed", kind.removed());
  text("replacement", kind.replacement());
  add("type", "&tables::k" + message.name());
  resources_ += "    },\n";
}

std::string Source::emit() {
  const FileInfo& file = info(file_);
  const std::string ns = cpp_namespace(file_);
  std::string declarations, enums, type_list, specialisations;
  std::vector<const pb::Descriptor*> kinds;
  for (int i = 0; i < file_.enum_type_count(); ++i) {
    const auto& enumeration = *file_.enum_type(i);
    const EnumInfo& enum_info = enumeration.options().GetExtension(api_enum);
    if (enum_info.constants()) continue;
    std::vector<std::string> values;
    for (int j = 0; j < enumeration.value_count(); ++j) {
      const std::string value = literal(*enumeration.value(j));
      if (std::ranges::find(values, value) == values.end()) values.push_back(value);
    }
    const std::string name = "k" + enumeration.name() + "Enum";
    declarations += "extern const api::Enum " + name + ";\n";
    enums += "constinit const api::Enum " + name + " = {" + quoted(enumeration.name()) + ", " +
             quoted(file.ref()) + (enum_info.closed() ? ", true, " : ", false, ") +
             strings(values) + "};\n";
  }
  for (int i = 0; i < file_.message_type_count(); ++i) {
    const auto& message = *file_.message_type(i);
    const bool builtin = !is_struct(message) && !(info(message).scalar() >= TypeInfo::JSON);
    if (builtin) continue;
    declarations += "extern const api::Type k" + message.name() + ";\n";
    type_list += "    &tables::k" + message.name() + ",\n";
    emit_type(message);
    if (!is_struct(message)) continue;
    const std::string type = cpp_type(message);
    specialisations += "template <>\nconst Type& type_of<" + type + ">() {\n  return " + ns +
                       "::tables::k" + message.name() + ";\n}\n";
    if (message.options().HasExtension(api_kind)) kinds.push_back(&message);
  }
  // Discovery lists resources by name.
  std::ranges::sort(kinds, {}, [](const pb::Descriptor* message) {
    return message->options().GetExtension(api_kind).plural();
  });
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    emit_resource(*kinds[i]);
    specialisations += "template <>\nconst Resource& resource_of<" + cpp_type(*kinds[i]) +
                       ">() {\n  return " + ns + "::tables::kGroupVersion.resources[" +
                       std::to_string(i) + "];\n}\n";
  }

  std::string out = "// Generated from api/" + file_.name() + ". Do not edit.\n#include \"api/" +
                    file.ref() + ".h\"\n\n#include <cstddef>\n\n#include \"api/memory.h\"\n\n";
  out +=
      "// Offsets into structs that hold library types work on all compilers of interest.\n"
      "#pragma clang diagnostic ignored \"-Winvalid-offsetof\"\n\n";
  for (const auto& declaration : foreign_) out += declaration;
  out += "\nnamespace keelson::" + ns + " {\n\nnamespace tables {\n" + declarations +
         "extern const api::GroupVersion kGroupVersion;\n}  // namespace tables\n\nnamespace {\n" +
         shared_text_ + "}  // namespace\n\nnamespace tables {\n" + enums +
         "}  // namespace tables\n\n" + types_ + "namespace {\n";
  if (!kinds.empty()) {
    out += "constinit const api::Resource kResources[] = {\n" + resources_ + "};\n";
  }
  if (!type_list.empty()) {
    out += "constinit const api::Type* const kTypes[] = {\n" + type_list + "};\n";
  }
  static constexpr std::string_view kUses[] = {"Served", "Webhook", "Body", "Discovery", "Shared"};
  static constexpr std::string_view kStabilities[] = {"Ga", "Beta", "Alpha"};
  out +=
      "}  // namespace\n\nnamespace tables {\nconstinit const api::GroupVersion kGroupVersion = "
      "{\n";
  out += "    .ref = " + quoted(file.ref()) + ",\n    .group = " + quoted(file.group()) +
         ",\n    .version = " + quoted(file.version()) +
         ",\n    .group_priority = " + std::to_string(file.group_priority()) +
         ",\n    .version_priority = " + std::to_string(file.version_priority()) +
         ",\n    .served_by_default = " + (file.served_by_default() ? "true" : "false") +
         ",\n    .use = api::PackageUse::" + std::string(kUses[file.use()]) +
         ",\n    .stability = api::Stability::" + std::string(kStabilities[file.stability()]) +
         ",\n    .proto_package = " + quoted(file.proto_package()) +
         ",\n    .openapi_prefix = " + quoted(file.openapi_prefix()) + ",\n";
  if (!kinds.empty()) out += "    .resources = kResources,\n";
  if (!type_list.empty()) out += "    .types = kTypes,\n";
  out += "};\n}  // namespace tables\n\n}  // namespace keelson::" + ns +
         "\n\nnamespace keelson::api {\n\n" + specialisations + "\n}  // namespace keelson::api\n";
  return out;
}

}  // namespace

std::string emit_source(const pb::FileDescriptor& file) { return Source(file).emit(); }

std::string emit_registry(const std::vector<const pb::FileDescriptor*>& files) {
  // Discovery order: what is served before what is not; the core group, then apiregistration,
  // which has no priority of its own; then by priority, name and version.
  std::vector<const pb::FileDescriptor*> order = files;
  std::ranges::sort(order, [](const auto* a, const auto* b) {
    const auto key = [](const pb::FileDescriptor& file) {
      const FileInfo& i = info(file);
      const bool core = i.use() == FileInfo::SERVED && i.group().empty();
      const int priority =
          i.use() == FileInfo::SERVED && !i.group_priority() ? 1 << 30 : i.group_priority();
      return std::tuple(i.use() == FileInfo::SERVED ? 0 : 1, core ? 0 : 1, -priority, i.group(),
                        -i.version_priority(), i.ref());
    };
    return key(*a) < key(*b);
  });
  std::string out =
      "// Generated from all files of api/. Do not edit.\n#include \"api/schema.h\"\n\n";
  std::string list;
  for (const auto* file : order) {
    const std::string ns = cpp_namespace(*file);
    out += "namespace keelson::" + ns +
           "::tables {\nextern const api::GroupVersion kGroupVersion;\n}\n";
    list += "    &" + ns + "::tables::kGroupVersion,\n";
  }
  return out +
         "\nnamespace keelson::api {\n\nnamespace {\n"
         "constinit const GroupVersion* const kGroupVersions[] = {\n" +
         list +
         "};\n}  // namespace\n\n"
         "std::span<const GroupVersion* const> builtin_group_versions() { return kGroupVersions; "
         "}\n"
         "\n}  // namespace keelson::api\n";
}

}  // namespace keelson::generator
