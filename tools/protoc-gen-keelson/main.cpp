// SPDX-License-Identifier: Apache-2.0
// protoc-gen-keelson: makes C++ structs and schema tables of the files in api/.
//   protoc --keelson_out=DIR core/v1.proto            DIR/api/core/v1.h, DIR/api/core/v1.cpp
//   protoc --keelson_out=registry:DIR all files       DIR/api/builtin.cpp
#include <google/protobuf/compiler/code_generator.h>
#include <google/protobuf/compiler/plugin.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <cstring>
#include <memory>

#include "emit.h"
#include "names.h"

namespace keelson::generator {

namespace {

void write(pb::compiler::GeneratorContext& context, const std::string& path,
           std::string_view text) {
  const std::unique_ptr<pb::io::ZeroCopyOutputStream> stream(context.Open(path));
  void* buffer = nullptr;
  int size = 0;
  while (!text.empty() && stream->Next(&buffer, &size)) {
    const std::size_t part = std::min(text.size(), static_cast<std::size_t>(size));
    std::memcpy(buffer, text.data(), part);
    text.remove_prefix(part);
    if (part < static_cast<std::size_t>(size)) stream->BackUp(size - static_cast<int>(part));
  }
}

class Generator final : public pb::compiler::CodeGenerator {
 public:
  bool Generate(const pb::FileDescriptor*, const std::string&, pb::compiler::GeneratorContext*,
                std::string*) const override {
    return false;  // GenerateAll does it.
  }

  bool GenerateAll(const std::vector<const pb::FileDescriptor*>& files,
                   const std::string& parameter, pb::compiler::GeneratorContext* context,
                   std::string* error) const override {
    for (const auto* file : files) {
      if (info(*file).ref().empty()) {
        *error = file->name() + ": option (api_file).ref is missing";
        return false;
      }
    }
    if (parameter == "registry") {
      write(*context, "api/builtin.cpp", emit_registry(files));
      return true;
    }
    for (const auto* file : files) {
      write(*context, "api/" + info(*file).ref() + ".h", emit_header(*file));
      write(*context, "api/" + info(*file).ref() + ".cpp", emit_source(*file));
    }
    return true;
  }
};

}  // namespace

}  // namespace keelson::generator

int main(int argc, char** argv) {
  const keelson::generator::Generator generator;
  return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
