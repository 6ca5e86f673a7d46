// SPDX-License-Identifier: Apache-2.0
// How the default values of a group are written down, and what the functions among them work with.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "api/document.h"
#include "api/time.h"

namespace keelson::api::defaulting {

using boost::json::array;
using boost::json::object;

// What counts as left out: absent and null always do.
enum class When : std::uint8_t {
  Nil,
  Empty,  // Also "" and a list or map without elements.
  Zero,   // Also 0.
};

// Sets the member at `path` ("spec.strategy.type") of each object of type `on`
// ("apps/v1.Deployment"). Objects on the way are made.
struct Literal {
  std::string_view on, path;
  When when;
  std::string_view json;
};

struct Context {
  Time now;
};

// Runs after the literals of the type and before the rules of its parts.
struct Function {
  std::string_view on;
  void (*apply)(object& value, const Context& context);
};

struct Rules {
  std::span<const Literal> literals;
  std::span<const Function> functions;
};

// One for each file of rules.
extern const Rules kCoreRules;
extern const Rules kPodRules;
extern const Rules kAppsRules;
extern const Rules kBatchRules;
extern const Rules kAutoscalingRules;
extern const Rules kNetworkingRules;
extern const Rules kRbacRules;
extern const Rules kStorageRules;
extern const Rules kAdmissionRegistrationRules;
extern const Rules kFlowControlRules;
extern const Rules kResourceRules;
extern const Rules kApiExtensionsRules;
extern const Rules kOtherRules;

bool is_left_out(const object& value, std::string_view name, When when);
// Sets a member that is left out.
void fill(object& value, std::string_view name, When when, Document with);
// The member as text; "" if it is none.
std::string_view text_of(const object& value, std::string_view name);
// The member as an object or a list; null if it is none.
object* find_object(object& value, std::string_view name);
array* find_list(object& value, std::string_view name);
// The member as an object, made if it is left out; null if it is something else.
object* make_object(object& value, std::string_view name);

}  // namespace keelson::api::defaulting
