// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "api/codec/json.h"
#include "api/core/v1.h"

namespace keelson::api {
namespace {

TEST(Normalize, TakesTheUnsignedNumbersOfDocumentsMadeInCode) {
  Document service =
      boost::json::object{{"spec", {{"ports", {{{"port", 443U}, {"targetPort", 6443U}}}}}}};

  const auto done = normalize(service, type_of<core::v1::Service>());

  ASSERT_TRUE(done.has_value()) << done.error().message();
  const auto typed = decode<core::v1::Service>(service);
  ASSERT_TRUE(typed.has_value());
  EXPECT_EQ(typed->spec.ports.at(0).targetPort.int_value(), 6443);
}

}  // namespace
}  // namespace keelson::api
