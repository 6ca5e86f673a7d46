// SPDX-License-Identifier: Apache-2.0
// How declarations of a .proto file are called and typed in generated C++.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <vector>

#include "keelson/options.pb.h"

namespace keelson::generator {

namespace pb = google::protobuf;

const FileInfo& info(const pb::FileDescriptor& file);
const TypeInfo& info(const pb::Descriptor& message);
const FieldInfo& info(const pb::FieldDescriptor& field);

// True for messages that become C++ structs.
bool is_struct(const pb::Descriptor& message);
bool is_root(const pb::Descriptor& message);

// "core::v1" of "core/v1".
std::string cpp_namespace(std::string_view ref);
std::string cpp_namespace(const pb::FileDescriptor& file);
// "core::v1::PodSpec", to be used inside namespace keelson; "api::Time" of scalars.
std::string cpp_type(const pb::Descriptor& message);
// With a trailing underscore where the name is a C++ keyword.
std::string cpp_member(const pb::FieldDescriptor& field);

std::string json_name(const pb::FieldDescriptor& field);
// "v1", "apps/v1"; empty for packages without version.
std::string api_version(const pb::FileDescriptor& file);

// One member of a generated struct: a field, or a field of a message that is inlined.
struct Member {
  const pb::FieldDescriptor* field;
  // Numbers of the inlined messages that hold it, from outside; 0: none.
  int outer;
  int outer_nested;
};
std::vector<Member> members(const pb::Descriptor& message);

// The type of one value of the field (an element, if it is a list or a map) and of the member.
std::string cpp_value_type(const pb::FieldDescriptor& field);
std::string cpp_member_type(const pb::FieldDescriptor& field);
// The field that holds a map's values; else the field itself.
const pb::FieldDescriptor& value_field(const pb::FieldDescriptor& field);

struct Constant {
  std::string name;
  const pb::EnumValueDescriptor* value;
};
// Constants of a named string type, without repetitions. A constant is called as its literal where
// that is a capitalised identifier, else as upstream calls it without the type's name in front.
std::vector<Constant> constants(const pb::EnumDescriptor& enumeration);
std::string literal(const pb::EnumValueDescriptor& value);

// The comment before a declaration, as one line.
template <class Descriptor>
std::string doc(const Descriptor& descriptor);

// As a C++ string literal with quotes.
std::string quoted(std::string_view text);

}  // namespace keelson::generator
