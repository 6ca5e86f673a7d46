// SPDX-License-Identifier: Apache-2.0
// Every type of the API, with every field filled: text, document and struct must agree.
#include <gtest/gtest.h>

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "api/schema.h"
#include "filler.h"

namespace keelson::api {
namespace {

void expect_agreement(const Type& type, const void* value) {
  const std::string text = encode_json(type, value);
  const Document document = encode_document(type, value);
  EXPECT_EQ(to_json(document), text);

  Value from_text(type);
  const auto text_read = decode_json(type, text, from_text.get());
  ASSERT_TRUE(text_read.has_value()) << text_read.error().message();
  EXPECT_EQ(encode_json(type, from_text.get()), text);

  Value from_document(type);
  const auto document_read = decode(document, type, from_document.get());
  ASSERT_TRUE(document_read.has_value()) << document_read.error().message();
  EXPECT_EQ(encode_json(type, from_document.get()), text);

  auto parsed = parse_json(text);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
  EXPECT_EQ(*parsed, document);
  const auto findings = normalize(*parsed, type);
  ASSERT_TRUE(findings.has_value()) << findings.error().message();
  EXPECT_TRUE(findings->unknown.empty());
  EXPECT_EQ(to_json(*parsed), text);
}

TEST(JsonRoundTrip, KeepsEveryFieldOfEveryType) {
  int types = 0;
  for (const GroupVersion* group_version : builtin_group_versions()) {
    for (const Type* type : group_version->types) {
      if (!type->construct) continue;
      SCOPED_TRACE(std::string(type->package) + "." + std::string(type->name));
      Value value(*type);
      Filler().fill(*type, value.get());
      expect_agreement(*type, value.get());
      ++types;
    }
  }
  EXPECT_EQ(types, 850);
}

TEST(JsonRoundTrip, KeepsEmptyObjectsOfEveryType) {
  for (const GroupVersion* group_version : builtin_group_versions()) {
    for (const Type* type : group_version->types) {
      if (!type->construct) continue;
      SCOPED_TRACE(std::string(type->package) + "." + std::string(type->name));
      Value value(*type);
      expect_agreement(*type, value.get());
    }
  }
}

TEST(JsonRoundTrip, StructsCompareAndCopyDeeply) {
  core::v1::Pod pod;
  Filler().fill(type_of<core::v1::Pod>(), &pod);

  core::v1::Pod copy = pod;

  EXPECT_EQ(copy, pod);
  EXPECT_EQ(decode_json<core::v1::Pod>(encode_json(pod)).value(), pod);
  copy.spec.affinity->nodeAffinity->requiredDuringSchedulingIgnoredDuringExecution.reset();
  EXPECT_NE(copy, pod);
}

}  // namespace
}  // namespace keelson::api
