// SPDX-License-Identifier: Apache-2.0
#include "api/patch/strategic_merge.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "api/patch/depth.h"
#include "api/quote.h"

namespace keelson::api {
namespace {

using boost::json::array;
using boost::json::object;

constexpr std::string_view kPatch = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kDeleteFromPrimitiveList = "$deleteFromPrimitiveList";
constexpr std::string_view kSetElementOrder = "$setElementOrder";

// Upstream answers these with a plain error, which becomes code 500.
std::unexpected<Status> broken(std::string text) { return fail(Reason::Unknown, std::move(text)); }

std::unexpected<Status> bad_format(std::string_view of) {
  return fail(Reason::BadRequest, "invalid patch format of " + std::string(of));
}

std::unexpected<Status> no_merge_key(const Document& element, std::string_view merge_key) {
  return broken("map: " + go_value(element) +
                " does not contain declared merge key: " + std::string(merge_key));
}

std::string_view go_type(const Document& value) {
  if (value.is_object()) return "map[string]interface {}";
  if (value.is_array()) return "[]interface {}";
  if (value.is_string()) return "string";
  if (value.is_bool()) return "bool";
  if (value.is_double()) return "float64";
  return value.is_null() ? "%!s(<nil>)" : "int64";
}

std::unexpected<Status> wrong_type(std::string_view expected, const Document& actual) {
  return broken("expected a " + std::string(expected) + ", but received a " +
                std::string(go_type(actual)));
}

// Whole numbers are one type, whichever way they are held.
bool same_type(const Document& a, const Document& b) { return go_type(a) == go_type(b); }

bool is_directive(std::string_view member) {
  return member == kPatch || member == kRetainKeys ||
         member.starts_with(kDeleteFromPrimitiveList) || member.starts_with(kSetElementOrder);
}

// A scalar or a merge key's value as a text that only equal values share.
std::string identity(const Document& value) {
  return std::string(go_type(value)) + ":" + go_json(value);
}

// The element's value of the merge key; null if it lacks it.
const Document* merge_value(const Document& element, std::string_view merge_key) {
  const auto* members = element.if_object();
  return members ? members->if_contains(merge_key) : nullptr;
}

// Where elements of a list stand, by merge key or, without one, by value. Of several with the same
// identity the first counts. Elements without the merge key are not in it.
using Positions = std::unordered_map<std::string, std::size_t>;

std::string identity_of(const Document& element, std::string_view merge_key) {
  if (merge_key.empty()) return identity(element);
  const Document* value = merge_value(element, merge_key);
  return value ? identity(*value) : std::string();
}

Positions positions_of(const array& list, std::string_view merge_key) {
  Positions positions;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (std::string id = identity_of(list[i], merge_key); !id.empty()) {
      positions.emplace(std::move(id), i);
    }
  }
  return positions;
}

// What a part of the patch becomes where the document has nothing to merge it with: without nulls
// and directives. False if nothing of it is to stay.
bool settle(Document& value) {
  if (auto* members = value.if_object()) {
    if (const Document* directive = members->if_contains(kPatch)) {
      if (*directive != "replace" && *directive != "merge") return false;
    }
    for (auto member = members->begin(); member != members->end();) {
      if (is_directive(member->key()) || member->value().is_null() || !settle(member->value())) {
        member = members->erase(member);
      } else {
        ++member;
      }
    }
  } else if (auto* elements = value.if_array()) {
    array kept(elements->storage());
    for (Document& element : *elements) {
      if (settle(element)) kept.push_back(std::move(element));
    }
    *elements = std::move(kept);
  }
  return true;
}

// What the tables say of a place in the document.
struct Place {
  const TypeRef* type = nullptr;  // Null: not described.
  std::uint8_t strategy = kPatchReplace;
  std::string_view merge_key;
  bool replaces_object = false;

  bool merges_list() const { return (strategy & kPatchMerge) != 0; }
};

Result<Place> find_member(const TypeRef* at, std::string_view name) {
  if (!at || at->shape == Shape::Json) return Place();
  if (at->shape == Shape::Map) return Place{.type = at->element};
  if (at->shape != Shape::Struct) {
    return broken("merging an object in json but data type is not struct, instead is: " +
                  std::string(at->shape == Shape::List ? "slice" : "string"));
  }
  const Type& type = *at->type;
  if (type.json_form != JsonForm::Object) return Place();
  if (const Field* field = type.find(name)) {
    // The one object that is declared to be replaced; anywhere else `replace` is about lists.
    if (type.name == "PodDisruptionBudgetSpec" && name == "selector") {
      return Place{.type = &field->value, .replaces_object = true};
    }
    return Place{.type = &field->value,
                 .strategy = field->patch_strategy,
                 .merge_key = field->patch_merge_key};
  }
  if (type.preserve_unknown_fields || (type.root && (name == "kind" || name == "apiVersion"))) {
    return Place();
  }
  return broken("unable to find api field in struct " + std::string(type.name) +
                " for the json field " + quoted(name));
}

Result<void> merge_object(object& target, object& patch, const TypeRef* at);

// All elements must be of one type; lists of lists are refused. At least one list has an element.
Result<void> check_elements(const array& original, const array& patch) {
  const Document* first = nullptr;
  for (const array* list : {&original, &patch}) {
    for (const Document& element : *list) {
      if (!first) {
        first = &element;
        if (element.is_array()) {
          StatusDetails details;
          details.causes.push_back({.reason = "FieldValueInvalid",
                                    .message = "lists of lists are not supported",
                                    .field = "patch"});
          return fail(Status(Reason::Invalid,
                             "the server rejected our request due to an error in our request")
                          .with_details(std::move(details)));
        }
      }
      if (!same_type(*first, element) || element.is_null()) {
        return broken("list element types are not identical: " +
                      go_value(array{Document(original), Document(patch)}));
      }
    }
  }
  return {};
}

Result<void> check_merge_keys(const array& list, std::string_view merge_key) {
  for (const Document& element : list) {
    if (!element.is_object()) return wrong_type("map[string]interface {}", element);
    if (!merge_value(element, merge_key)) return no_merge_key(element, merge_key);
  }
  return {};
}

// Puts `list` in order: elements that `wanted` names as it names them, the others as in `before`,
// the two woven so that each keeps its order and the places follow `before` where that tells.
Result<array> in_order(array list, const array& wanted, const array& before,
                       std::string_view merge_key) {
  if (!merge_key.empty()) {
    TRY_OK(check_merge_keys(list, merge_key));
    TRY_OK(check_merge_keys(wanted, merge_key));
    TRY_OK(check_merge_keys(before, merge_key));
  }
  constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  const Positions wanted_at = positions_of(wanted, merge_key);
  const Positions before_at = positions_of(before, merge_key);
  const auto position = [&](const Positions& positions, const std::string& id) {
    const auto found = positions.find(id);
    return found == positions.end() ? kNowhere : found->second;
  };
  struct Item {
    std::size_t source, rank, before;
  };
  std::vector<Item> named, others;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string id = identity_of(list[i], merge_key);
    const std::size_t rank = position(wanted_at, id), old = position(before_at, id);
    if (rank != kNowhere) {
      named.push_back({i, rank, old});
    } else {
      others.push_back({i, old, old});
    }
  }
  const auto by_rank = [](const Item& a, const Item& b) {
    return std::pair(a.rank, a.source) < std::pair(b.rank, b.source);
  };
  std::ranges::sort(named, by_rank);
  std::ranges::sort(others, by_rank);

  array ordered(list.storage());
  ordered.reserve(list.size());
  std::size_t n = 0, o = 0;
  while (n < named.size() || o < others.size()) {
    const bool take_other =
        n == named.size() || (o < others.size() && others[o].before != kNowhere &&
                              named[n].before != kNowhere && others[o].before < named[n].before);
    const std::size_t source = take_other ? others[o++].source : named[n++].source;
    ordered.push_back(std::move(list[source]));
  }
  return ordered;
}

// Merges scalars: those of the patch that the list lacks are added.
Result<void> merge_scalars(array& target, array& patch) {
  const array before = target;
  Positions seen;
  array merged(target.storage());
  for (array* list : {&target, &patch}) {
    for (Document& element : *list) {
      if (seen.emplace(identity(element), 0).second) merged.push_back(element);
    }
  }
  TRY(target, in_order(std::move(merged), patch, before, {}));
  return {};
}

void delete_scalars(array& target, const array& removed) {
  const Positions gone = positions_of(removed, {});
  array kept(target.storage());
  for (Document& element : target) {
    if (!gone.contains(identity(element))) kept.push_back(std::move(element));
  }
  target = std::move(kept);
}

// Carries out the $patch elements of `patch` and takes them out. True: the list is to be replaced.
Result<bool> apply_list_directives(array& target, array& patch, std::string_view merge_key) {
  bool replace = false;
  Positions gone;
  array rest(patch.storage());
  for (Document& element : patch) {
    const Document* directive = element.get_object().if_contains(kPatch);
    if (!directive) {
      rest.push_back(std::move(element));
    } else if (*directive == "delete") {
      const Document* value = merge_value(element, merge_key);
      if (!value) return no_merge_key(element, merge_key);
      gone.emplace(identity(*value), 0);
    } else if (*directive == "replace") {
      replace = true;
    } else if (*directive == "merge") {
      return broken("merging lists cannot yet be specified in the patch");
    } else {
      return broken("unknown patch type: " + go_value(*directive) +
                    " in map: " + go_value(element));
    }
  }
  if (!gone.empty()) {
    array kept(target.storage());
    for (Document& element : target) {
      if (!gone.contains(identity_of(element, merge_key))) kept.push_back(std::move(element));
    }
    target = std::move(kept);
  }
  patch = std::move(rest);
  return replace;
}

Result<void> merge_elements(array& target, array& patch, const TypeRef* element_type,
                            std::string_view merge_key) {
  TRY(const bool replace, apply_list_directives(target, patch, merge_key));
  if (replace) {
    Document whole = std::move(patch);
    settle(whole);
    target = std::move(whole.get_array());
    return check_merge_keys(target, merge_key);
  }
  // What decides the order, before elements of the patch are moved into the list.
  array wanted, before;
  for (const Document& element : patch) {
    const Document* value = merge_value(element, merge_key);
    if (!value) return no_merge_key(element, merge_key);
    wanted.push_back(object{{merge_key, *value}});
  }
  for (const Document& element : target) {
    const Document* value = merge_value(element, merge_key);
    if (!value) return no_merge_key(element, merge_key);
    before.push_back(object{{merge_key, *value}});
  }
  Positions positions = positions_of(target, merge_key);
  for (Document& element : patch) {
    const auto [found, added] = positions.emplace(identity_of(element, merge_key), target.size());
    if (added) {
      settle(element);
      target.push_back(std::move(element));
    } else {
      TRY_OK(merge_object(target[found->second].get_object(), element.get_object(), element_type));
    }
  }
  TRY(target, in_order(std::move(target), wanted, before, merge_key));
  return {};
}

Result<void> merge_list(array& target, array& patch, const Place& place, bool deleting) {
  if (!place.merges_list()) {
    Document whole = std::move(patch);
    settle(whole);
    target = std::move(whole.get_array());
    return {};
  }
  if (target.empty() && patch.empty()) return {};
  TRY_OK(check_elements(target, patch));
  const bool of_objects = (target.empty() ? patch : target).front().is_object();
  if (!of_objects) {
    if (deleting) {
      delete_scalars(target, patch);
      return {};
    }
    return merge_scalars(target, patch);
  }
  if (place.merge_key.empty()) {
    return broken("cannot merge lists without merge key for type struct");
  }
  return merge_elements(target, patch, place.type ? place.type->element : nullptr, place.merge_key);
}

// $retainKeys: what it does not name goes; the patch may set only what it names.
Result<void> apply_retain_keys(object& target, object& patch) {
  const auto directive = patch.find(kRetainKeys);
  if (directive == patch.end()) return {};
  const auto* names = directive->value().if_array();
  if (!names) return bad_format("retainKeys");
  const auto named = [&](std::string_view key) {
    return std::ranges::any_of(
        *names, [&](const Document& name) { return name.is_string() && name.get_string() == key; });
  };
  for (const auto& member : patch) {
    if (!is_directive(member.key()) && !member.value().is_null() && !named(member.key())) {
      return bad_format("retainKeys");
    }
  }
  for (auto member = target.begin(); member != target.end();) {
    member = named(member->key()) ? member + 1 : target.erase(member);
  }
  return {};
}

// The elements of the patch must stand in the order that $setElementOrder gives.
Result<void> check_order(const array& patch, const array& order, std::string_view merge_key) {
  if (patch.empty() || order.empty()) return {};
  std::size_t next = 0;
  for (const Document& element : patch) {
    if (!merge_key.empty()) {
      if (!element.is_object()) return wrong_type("map[string]interface {}", element);
      if (element.get_object().contains(kPatch)) continue;
      if (!merge_value(element, merge_key)) return no_merge_key(element, merge_key);
    }
    const std::string id = identity_of(element, merge_key);
    while (next < order.size() && identity_of(order[next], merge_key) != id) ++next;
    if (next == order.size()) {
      return broken("The order in patch list:\n" + go_value(Document(patch)) + "\n doesn't match " +
                    std::string(kSetElementOrder) + " list:\n" + go_value(Document(order)) + "\n");
    }
    ++next;
  }
  return {};
}

// One $setElementOrder/x together with the part of the patch for x.
Result<void> apply_element_order(object& target, object& patch, std::string_view directive,
                                 const Document& order_value, const TypeRef* at) {
  const std::size_t slash = directive.find('/');
  if (slash != kSetElementOrder.size()) return bad_format("setElementOrder list");
  const std::string_view name = directive.substr(slash + 1);
  const auto* order = order_value.if_array();
  if (!order) return wrong_type("[]interface {}", order_value);
  TRY(const Place place, find_member(at, name));

  Document* current = target.if_contains(name);
  if (current && !current->is_array()) return wrong_type("[]interface {}", *current);
  array before = current ? current->get_array() : array();
  const auto given = patch.find(name);
  if (given != patch.end()) {
    if (!given->value().is_array()) return wrong_type("[]interface {}", given->value());
    TRY_OK(check_order(given->value().get_array(), *order, place.merge_key));
    if (current) {
      TRY_OK(merge_list(current->get_array(), given->value().get_array(), place, false));
    } else {
      settle(given->value());
      current = &target.insert_or_assign(name, std::move(given->value())).first->value();
    }
    patch.erase(given);
  }
  if (!current || current->get_array().empty()) return {};
  if (place.merge_key.empty() && current->get_array().front().is_object()) {
    return broken("cannot merge lists without merge key for type struct");
  }
  TRY(current->get_array(),
      in_order(std::move(current->get_array()), *order, before, place.merge_key));
  return {};
}

Result<void> merge_member(object& target, std::string_view name, Document& value, const TypeRef* at,
                          bool deleting) {
  Document* current = target.if_contains(name);
  if (value.is_null()) {
    if (current) target.erase(target.find(name));
    return {};
  }
  if (!current || !same_type(*current, value)) {
    if (deleting) return {};
    if (settle(value)) {
      target.insert_or_assign(name, std::move(value));
    } else if (current) {
      target.erase(target.find(name));
    }
    return {};
  }
  if (!value.is_structured()) {
    *current = std::move(value);
    return {};
  }
  TRY(const Place place, find_member(at, name));
  if (auto* list = value.if_array())
    return merge_list(current->get_array(), *list, place, deleting);
  if (place.replaces_object) {
    settle(value);
    *current = std::move(value);
    return {};
  }
  return merge_object(current->get_object(), value.get_object(), place.type);
}

Result<void> merge_object(object& target, object& patch, const TypeRef* at) {
  if (const Document* directive = patch.if_contains(kPatch)) {
    if (*directive == "delete") {
      target.clear();
      return {};
    }
    if (*directive != "replace") {
      return broken("unknown patch type: " + go_value(*directive) +
                    " in map: " + go_value(Document(patch)));
    }
    Document whole = std::move(patch);
    settle(whole);
    target = std::move(whole.get_object());
    return {};
  }
  TRY_OK(apply_retain_keys(target, patch));

  // Directives on lists come before the lists themselves. The names are copied: the patch shrinks.
  std::vector<std::string> orders, deletions;
  for (const auto& member : patch) {
    const std::string_view name = member.key();
    if (name.starts_with(kSetElementOrder)) orders.emplace_back(name);
    if (name.starts_with(kDeleteFromPrimitiveList)) deletions.emplace_back(name);
  }
  for (const std::string& directive : orders) {
    const Document order = std::move(patch.at(directive));
    TRY_OK(apply_element_order(target, patch, directive, order, at));
  }
  for (const std::string& directive : deletions) {
    const std::size_t slash = directive.find('/');
    if (slash != kDeleteFromPrimitiveList.size()) return bad_format("primitive list");
    TRY_OK(merge_member(target, std::string_view(directive).substr(slash + 1), patch.at(directive),
                        at, true));
  }
  for (auto& member : patch) {
    if (is_directive(member.key())) continue;
    TRY_OK(merge_member(target, member.key(), member.value(), at, false));
  }
  return {};
}

}  // namespace

Result<Document> apply_strategic_merge_patch(Document document, Document patch, const Type& type) {
  if (!document.is_object() || !patch.is_object()) {
    return fail(Reason::BadRequest, "invalid JSON document");
  }
  if (!fits_depth(patch, 1)) return fail(Reason::BadRequest, "the patch is nested too deep");
  const TypeRef root{.shape = Shape::Struct, .type = &type};
  TRY_OK(merge_object(document.get_object(), patch.get_object(), &root));
  return document;
}

}  // namespace keelson::api
