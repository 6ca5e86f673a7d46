// SPDX-License-Identifier: Apache-2.0
// The rules are bound to types once: each type of the schema that has rules, or that leads to one
// which has, gets a plan. Applying defaults walks a document along the plans only.
#include "api/defaulting/defaulting.h"

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/codec/json.h"
#include "api/defaulting/rules.h"
#include "api/quantity.h"

namespace keelson::api {
namespace {

using namespace defaulting;

// Alpha in 1.36 and off: fields behind it get no default.
constexpr std::string_view kGatesOff[] = {"WorkloadAwarePreemption"};

struct BoundLiteral {
  std::vector<std::string_view> path;
  When when;
  Document value;
};

struct Plan {
  struct Declared {
    std::string_view name;
    When when;
    Document value;
  };
  struct Part {
    const Field* field;
    const Plan* plan;
  };
  std::vector<BoundLiteral> literals;
  std::vector<void (*)(object&, const Context&)> functions;
  std::vector<Declared> declared;
  std::vector<const Field*> resource_lists;
  std::vector<Part> parts;
  bool needed = false;  // It, or something below it, does something.
};

using Plans = std::unordered_map<const Type*, std::unique_ptr<Plan>>;

// The type of a field's value, or of the elements of its list or map.
const TypeRef& innermost(const TypeRef& value) {
  const TypeRef* at = &value;
  while ((at->shape == Shape::List || at->shape == Shape::Map) && at->element) at = at->element;
  return *at;
}

const Type* part_type(const Field& field) {
  const TypeRef& value = innermost(field.value);
  const bool walked =
      value.shape == Shape::Struct && value.type && value.type->json_form == JsonForm::Object;
  return walked ? value.type : nullptr;
}

// What a field that is no pointer holds when it is left out, which is no default to write down.
bool is_zero_value(const Document& value) {
  const auto* text = value.if_string();
  return (text && text->empty()) || (value.is_int64() && value.get_int64() == 0) ||
         (value.is_bool() && !value.get_bool());
}

void bind_declared(Plan& plan, const Field& field) {
  if (field.default_json.empty()) return;
  for (const std::string_view gate : kGatesOff) {
    if (field.gate == gate) return;
  }
  auto value = parse_json(field.default_json);
  CHECK(value);
  if (!field.is_pointer && is_zero_value(*value)) return;
  const When when = field.is_pointer                     ? When::Nil
                    : field.value.shape == Shape::String ? When::Empty
                                                         : When::Zero;
  plan.declared.push_back({field.json, when, *std::move(value)});
}

// Makes the plan of `type` and of all that it leads to; rules are bound later.
Plan& plan_for(Plans& plans, const Type& type) {
  auto& slot = plans[&type];
  if (slot) return *slot;
  slot = std::make_unique<Plan>();
  Plan& plan = *slot;
  for (const Field& field : type.fields) {
    bind_declared(plan, field);
    if (const Type* part = part_type(field)) {
      plan.parts.push_back({&field, &plan_for(plans, *part)});
    } else if (type.package == "core/v1" && field.value.shape == Shape::Map &&
               field.value.element->shape == Shape::Quantity) {
      plan.resource_lists.push_back(&field);
    }
  }
  return plan;
}

void bind(Plans& plans, const Rules& rules) {
  const auto plan_of = [&](std::string_view reference) {
    const Type* type = find_type(reference);
    CHECK(type && plans.contains(type));
    return plans.at(type).get();
  };
  for (const Literal& literal : rules.literals) {
    auto value = parse_json(literal.json);
    CHECK(value);
    BoundLiteral bound{.path = {}, .when = literal.when, .value = *std::move(value)};
    for (std::string_view rest = literal.path; !rest.empty();) {
      bound.path.push_back(rest.substr(0, rest.find('.')));
      rest.remove_prefix(std::min(rest.size(), bound.path.back().size() + 1));
    }
    plan_of(literal.on)->literals.push_back(std::move(bound));
  }
  for (const Function& function : rules.functions) {
    plan_of(function.on)->functions.push_back(function.apply);
  }
}

// Keeps of each plan only the parts that lead to rules.
void prune(Plans& plans) {
  for (auto& [type, plan] : plans) {
    plan->needed = !plan->literals.empty() || !plan->functions.empty() || !plan->declared.empty() ||
                   !plan->resource_lists.empty();
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (auto& [type, plan] : plans) {
      for (const Plan::Part& part : plan->parts) {
        if (plan->needed || !part.plan->needed) continue;
        plan->needed = changed = true;
      }
    }
  }
  for (auto& [type, plan] : plans) {
    std::erase_if(plan->parts, [](const Plan::Part& part) { return !part.plan->needed; });
  }
}

Plans make_plans() {
  Plans plans;
  for (const GroupVersion* group_version : builtin_group_versions()) {
    for (const Resource& resource : group_version->resources) {
      if (resource.type) plan_for(plans, *resource.type);
    }
    for (const Type* type : group_version->types) {
      if (type->root) plan_for(plans, *type);
    }
  }
  for (const Rules* rules :
       {&kCoreRules, &kPodRules, &kAppsRules, &kBatchRules, &kAutoscalingRules, &kNetworkingRules,
        &kRbacRules, &kStorageRules, &kAdmissionRegistrationRules, &kFlowControlRules,
        &kResourceRules, &kApiExtensionsRules, &kOtherRules}) {
    bind(plans, *rules);
  }
  prune(plans);
  return plans;
}

const Plans& plans() {
  static const Plans kPlans = make_plans();
  return kPlans;
}

void apply_literal(object& value, const BoundLiteral& literal) {
  object* at = &value;
  for (std::size_t i = 0; i + 1 < literal.path.size(); ++i) {
    at = make_object(*at, literal.path[i]);
    if (!at) return;
  }
  fill(*at, literal.path.back(), literal.when, literal.value);
}

// Amounts of resources are kept to a thousandth; finer ones are rounded up.
void round_up(object& resources) {
  constexpr __int128 kNanoPerMilli = 1'000'000;
  for (auto& member : resources) {
    const auto* text = member.value().if_string();
    if (!text) continue;
    const auto quantity = Quantity::parse(std::string_view(*text));
    if (!quantity || quantity->nano_value() % kNanoPerMilli == 0) continue;
    const __int128 nano = quantity->nano_value();
    const __int128 milli = nano / kNanoPerMilli + (nano > 0 ? 1 : -1);
    member.value() = Quantity::from_nano(milli * kNanoPerMilli, quantity->format()).text();
  }
}

void apply_plan(object& value, const Plan& plan, const Context& context);

void apply_value(Document& value, const Plan& plan, const Context& context) {
  if (auto* one = value.if_object()) apply_plan(*one, plan, context);
}

void apply_part(object& value, const Plan::Part& part, const Context& context) {
  const Field& field = *part.field;
  Document* member = value.if_contains(field.json);
  switch (field.value.shape) {
    case Shape::List:
      if (auto* list = member ? member->if_array() : nullptr) {
        for (Document& element : *list) apply_value(element, *part.plan, context);
      }
      return;
    case Shape::Map:
      if (auto* map = member ? member->if_object() : nullptr) {
        for (auto& entry : *map) apply_value(entry.value(), *part.plan, context);
      }
      return;
    default:
      break;
  }
  if (member && !member->is_null()) return apply_value(*member, *part.plan, context);
  if (field.is_pointer) return;
  // A struct that is no pointer exists even where the document does not show it.
  object absent;
  apply_plan(absent, *part.plan, context);
  if (!absent.empty()) value.insert_or_assign(field.json, std::move(absent));
}

void apply_plan(object& value, const Plan& plan, const Context& context) {
  for (const BoundLiteral& literal : plan.literals) apply_literal(value, literal);
  for (const auto function : plan.functions) function(value, context);
  for (const Plan::Declared& declared : plan.declared) {
    fill(value, declared.name, declared.when, declared.value);
  }
  for (const Field* field : plan.resource_lists) {
    if (object* resources = find_object(value, field->json)) round_up(*resources);
  }
  for (const Plan::Part& part : plan.parts) apply_part(value, part, context);
}

}  // namespace

void apply_defaults(Document& object, const Type& type, Time now) {
  const auto found = plans().find(&type);
  if (found == plans().end() || !found->second->needed) return;
  apply_value(object, *found->second, Context{now});
}

void apply_defaults(Document& object, const Resource& resource, Time now) {
  if (resource.type) apply_defaults(object, *resource.type, now);
}

}  // namespace keelson::api
