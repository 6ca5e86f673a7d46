// SPDX-License-Identifier: Apache-2.0
// Swagger 2.0 as protobuf, the form in which older clients ask for it. Written piece by piece, from
// the same pieces that make the JSON form. Source: gnostic, openapiv2/OpenAPIv2.proto (messages and
// field numbers).
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

namespace keelson::apiserver {

// The parts of a message `Document`, in any order; the whole is the parts one after another.
class GnosticWriter {
 public:
  // `head` holds swagger, info, security and securityDefinitions.
  explicit GnosticWriter(const boost::json::object& head);

  void add_path(std::string_view path, const boost::json::object& item);
  void add_definition(std::string_view name, const boost::json::object& schema);
  void add_parameter(std::string_view name, const boost::json::object& parameter);

  std::string finish() &&;

 private:
  std::string head_, paths_, definitions_, parameters_;
};

}  // namespace keelson::apiserver
