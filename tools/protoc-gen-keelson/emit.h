// SPDX-License-Identifier: Apache-2.0
// The three kinds of generated files.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

namespace keelson::generator {

// Structs and constants of a group/version: "api/core/v1.h".
std::string emit_header(const google::protobuf::FileDescriptor& file);
// Its tables: "api/core/v1.cpp".
std::string emit_source(const google::protobuf::FileDescriptor& file);
// The list of all group/versions in discovery order: "api/builtin.cpp".
std::string emit_registry(const std::vector<const google::protobuf::FileDescriptor*>& files);

}  // namespace keelson::generator
