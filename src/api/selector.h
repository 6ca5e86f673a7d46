// SPDX-License-Identifier: Apache-2.0
// Which objects a list, a watch or a controller wants: by labels, by fields.
// Source: apimachinery, packages labels and fields; meta/v1 LabelSelector.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/validation/field_error.h"
#include "base/result.h"

namespace keelson::meta::v1 {
struct LabelSelector;
}

namespace keelson::api {

enum class SelectorOperator : std::uint8_t {
  In,
  NotIn,
  Equals,
  DoubleEquals,
  NotEquals,
  GreaterThan,
  LessThan,
  Exists,
  DoesNotExist,
};

// The value of a label; null if there is none. Of a map, and of pairs sorted by key.
inline const std::string* find_label(const std::map<std::string, std::string, std::less<>>& labels,
                                     std::string_view key) {
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}
inline const std::string* find_label(const std::vector<std::pair<std::string, std::string>>& labels,
                                     std::string_view key) {
  const auto found = std::ranges::lower_bound(
      labels, key, {}, [](const auto& label) -> std::string_view { return label.first; });
  return found == labels.end() || found->first != key ? nullptr : &found->second;
}

// One condition on one label: "app in (web,api)".
class LabelRequirement {
 public:
  // Errors: BadRequest with the text of upstream's NewRequirement.
  static Result<LabelRequirement> make(std::string key, SelectorOperator op,
                                       std::vector<std::string> values, const FieldPath& path = {});
  // Equality, not validated.
  static LabelRequirement equals(std::string key, std::string value);

  const std::string& key() const { return key_; }
  SelectorOperator op() const { return op_; }
  // Sorted, each once.
  const std::vector<std::string>& values() const { return values_; }
  std::string text() const;

  // `value` is the label's; null when the object has no such label.
  bool matches(const std::string* value) const;

  bool operator==(const LabelRequirement&) const = default;

 private:
  LabelRequirement() = default;

  std::string key_;
  SelectorOperator op_ = SelectorOperator::Exists;
  std::vector<std::string> values_;
  std::int64_t bound_ = 0;  // Of GreaterThan and LessThan.
};

// All its requirements must hold; without any it selects everything. Immutable; safe to share.
class LabelSelector {
 public:
  LabelSelector() = default;

  // "a=b,c in (d,e),!f,g>1". Errors: BadRequest with upstream's text.
  static Result<LabelSelector> parse(std::string_view text, const FieldPath& path = {});
  // Errors: BadRequest. A null selector selects nothing, an empty one everything.
  static Result<LabelSelector> from(const meta::v1::LabelSelector& selector);
  static Result<LabelSelector> from(const meta::v1::LabelSelector* selector);
  // Equality with each; no validation. Empty: everything (take nothing() where upstream does).
  static LabelSelector from_set(const std::map<std::string, std::string, std::less<>>& labels);
  static LabelSelector from(std::vector<LabelRequirement> requirements);
  static LabelSelector nothing();

  bool selects_everything() const { return !nothing_ && requirements_.empty(); }
  bool selects_nothing() const { return nothing_; }
  const std::vector<LabelRequirement>& requirements() const { return requirements_; }
  // The canonical text: sorted by key.
  std::string text() const;
  // The only value that the label can have; nothing if it does not say.
  std::optional<std::string> find_exact(std::string_view key) const;

  // `labels` is anything that find_label() takes: a map, or an Object's labels().
  template <class Labels>
  bool matches(const Labels& labels) const {
    if (nothing_) return false;
    for (const LabelRequirement& requirement : requirements_) {
      if (!requirement.matches(find_label(labels, requirement.key()))) return false;
    }
    return true;
  }

  bool operator==(const LabelSelector&) const = default;

 private:
  std::vector<LabelRequirement> requirements_;  // Sorted by key.
  bool nothing_ = false;
};

// What kubectl shows of a selector: its text, "<none>" when it is empty, "<error>".
std::string format_label_selector(const meta::v1::LabelSelector* selector);

// What is wrong with matchLabels and matchExpressions.
FieldErrors validate_label_selector(const meta::v1::LabelSelector& selector, const FieldPath& path);

struct FieldRequirement {
  std::string field;
  bool equal = true;  // false: must differ.
  std::string value;

  bool operator==(const FieldRequirement&) const = default;
};

// "metadata.name=web,status.phase!=Running"; values escape comma, equals sign and backslash by a
// backslash. Which fields a kind has is for the caller to check.
class FieldSelector {
 public:
  FieldSelector() = default;
  explicit FieldSelector(std::vector<FieldRequirement> requirements)
      : requirements_(std::move(requirements)) {}

  // Errors: BadRequest with upstream's text.
  static Result<FieldSelector> parse(std::string_view text);

  bool selects_everything() const { return requirements_.empty(); }
  const std::vector<FieldRequirement>& requirements() const { return requirements_; }
  std::string text() const;
  // The value that the field must be equal to; nothing if the selector does not say.
  std::optional<std::string> find_exact(std::string_view field) const;

  // `value_of(std::string_view field)` returns the field as text, "" where it is not set.
  template <class ValueOf>
  bool matches(const ValueOf& value_of) const {
    for (const FieldRequirement& requirement : requirements_) {
      if ((value_of(std::string_view(requirement.field)) == requirement.value) !=
          requirement.equal) {
        return false;
      }
    }
    return true;
  }

  bool operator==(const FieldSelector&) const = default;

 private:
  std::vector<FieldRequirement> requirements_;
};

}  // namespace keelson::api
