// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "api/meta/v1.h"
#include "api/names.h"
#include "api/quote.h"
#include "api/selector.h"

namespace keelson::api {
namespace {

// As Go's strconv.ParseInt with base 10.
std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

enum class TokenKind : std::uint8_t {
  End,
  Identifier,
  In,
  NotIn,
  Equals,
  DoubleEquals,
  NotEquals,
  GreaterThan,
  LessThan,
  Not,
  Comma,
  Open,
  Close,
};

struct Token {
  TokenKind kind;
  std::string_view text;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_special(char c) { return std::string_view("=!(),><").find(c) != std::string_view::npos; }

// Takes one token off the front of `text`.
Token next_token(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  if (text.empty()) return {TokenKind::End, {}};
  const auto take = [&](TokenKind kind, std::size_t size) {
    const Token token{kind, text.substr(0, size)};
    text.remove_prefix(size);
    return token;
  };
  if (text.starts_with("==")) return take(TokenKind::DoubleEquals, 2);
  if (text.starts_with("!=")) return take(TokenKind::NotEquals, 2);
  switch (text.front()) {
    case '=':
      return take(TokenKind::Equals, 1);
    case '!':
      return take(TokenKind::Not, 1);
    case '(':
      return take(TokenKind::Open, 1);
    case ')':
      return take(TokenKind::Close, 1);
    case ',':
      return take(TokenKind::Comma, 1);
    case '>':
      return take(TokenKind::GreaterThan, 1);
    case '<':
      return take(TokenKind::LessThan, 1);
    default:
      break;
  }
  std::size_t size = 0;
  while (size < text.size() && !is_special(text[size]) && !is_space(text[size])) ++size;
  const std::string_view word = text.substr(0, size);
  return take(word == "in"      ? TokenKind::In
              : word == "notin" ? TokenKind::NotIn
                                : TokenKind::Identifier,
              size);
}

std::string found(std::string_view what, std::string_view expected) {
  return "found '" + std::string(what) + "'" + std::string(expected);
}

// Recursive descent with one token of lookahead. Outside the place of an operator `in` and `notin`
// are plain words. An error is a text.
class Parser {
 public:
  Parser(std::string_view text, const FieldPath& path) : rest_(text), path_(path) { advance(); }

  std::expected<std::vector<LabelRequirement>, std::string> parse() {
    std::vector<LabelRequirement> requirements;
    while (word().kind != TokenKind::End) {
      if (word().kind != TokenKind::Identifier && word().kind != TokenKind::Not) {
        return std::unexpected(found(token_.text, ", expected: !, identifier, or 'end of string'"));
      }
      auto requirement = parse_requirement();
      if (!requirement) {
        return std::unexpected("unable to parse requirement: " + requirement.error());
      }
      requirements.push_back(*std::move(requirement));
      const Token separator = advance();
      if (separator.kind == TokenKind::End) break;
      if (separator.kind != TokenKind::Comma) {
        return std::unexpected(found(separator.text, ", expected: ',' or 'end of string'"));
      }
      if (word().kind != TokenKind::Identifier && word().kind != TokenKind::Not) {
        return std::unexpected(found(token_.text, ", expected: identifier after ','"));
      }
    }
    return requirements;
  }

 private:
  using Values = std::expected<std::vector<std::string>, std::string>;

  // The current token, as it reads where a key or a value stands.
  Token word() const {
    if (token_.kind == TokenKind::In || token_.kind == TokenKind::NotIn) {
      return {TokenKind::Identifier, token_.text};
    }
    return token_;
  }
  Token advance() { return std::exchange(token_, next_token(rest_)); }
  Token advance_word() {
    const Token token = word();
    advance();
    return token;
  }

  std::expected<LabelRequirement, std::string> parse_requirement() {
    const bool negated = token_.kind == TokenKind::Not;
    if (negated) advance();
    const Token key = advance_word();
    if (key.kind != TokenKind::Identifier) {
      return std::unexpected(found(key.text, ", expected: identifier"));
    }
    if (const Messages messages = validate_qualified_name(key.text); !messages.empty()) {
      FieldErrors errors;
      // Upstream shows a path that is not known so.
      errors.invalid(path_.text().empty() ? FieldPath("<nil>") : path_, key.text,
                     join(messages, "; "));
      return std::unexpected(errors.text());
    }
    if (negated) return make(key.text, SelectorOperator::DoesNotExist, {});
    if (token_.kind == TokenKind::End || token_.kind == TokenKind::Comma) {
      return make(key.text, SelectorOperator::Exists, {});
    }
    const Token op = advance();
    switch (op.kind) {
      case TokenKind::In:
        return make(key.text, SelectorOperator::In, parse_values());
      case TokenKind::NotIn:
        return make(key.text, SelectorOperator::NotIn, parse_values());
      case TokenKind::Equals:
        return make(key.text, SelectorOperator::Equals, parse_exact());
      case TokenKind::DoubleEquals:
        return make(key.text, SelectorOperator::DoubleEquals, parse_exact());
      case TokenKind::NotEquals:
        return make(key.text, SelectorOperator::NotEquals, parse_exact());
      case TokenKind::GreaterThan:
        return make(key.text, SelectorOperator::GreaterThan, parse_exact());
      case TokenKind::LessThan:
        return make(key.text, SelectorOperator::LessThan, parse_exact());
      default:
        return std::unexpected(found(op.text, ", expected: in, notin, =, ==, !=, gt, lt"));
    }
  }

  std::expected<LabelRequirement, std::string> make(std::string_view key, SelectorOperator op,
                                                    Values values) const {
    if (!values) return std::unexpected(values.error());
    auto requirement = LabelRequirement::make(std::string(key), op, *std::move(values), path_);
    if (!requirement) return std::unexpected(requirement.error().message());
    return *std::move(requirement);
  }

  Values parse_exact() {
    if (token_.kind == TokenKind::End || token_.kind == TokenKind::Comma) return Values({""});
    const Token value = advance_word();
    if (value.kind != TokenKind::Identifier) {
      return std::unexpected(found(value.text, ", expected: identifier"));
    }
    return Values({std::string(value.text)});
  }

  // "(a,b)"; nothing between two separators is the empty value.
  Values parse_values() {
    if (const Token open = advance(); open.kind != TokenKind::Open) {
      return std::unexpected(found(open.text, " expected: '('"));
    }
    if (token_.kind == TokenKind::Close) {
      advance();
      return Values({""});
    }
    if (word().kind != TokenKind::Identifier && token_.kind != TokenKind::Comma) {
      return std::unexpected(found(token_.text, ", expected: ',', ')' or identifier"));
    }
    std::vector<std::string> values;
    while (true) {
      const Token token = advance_word();
      if (token.kind == TokenKind::Identifier) {
        values.emplace_back(token.text);
        if (token_.kind == TokenKind::Close) break;
        if (token_.kind != TokenKind::Comma) {
          return std::unexpected(found(token_.text, ", expected: ',' or ')'"));
        }
      } else if (token.kind == TokenKind::Comma) {
        if (values.empty()) values.emplace_back();
        if (token_.kind == TokenKind::Close) {
          values.emplace_back();
          break;
        }
        if (token_.kind == TokenKind::Comma) {
          advance();
          values.emplace_back();
        }
      } else {
        return std::unexpected(found(token.text, ", expected: ',', or identifier"));
      }
    }
    advance();
    return values;
  }

  std::string_view rest_;
  const FieldPath& path_;
  Token token_{TokenKind::End, {}};
};

}  // namespace

Result<LabelRequirement> LabelRequirement::make(std::string key, SelectorOperator op,
                                                std::vector<std::string> values,
                                                const FieldPath& path) {
  FieldErrors errors;
  if (const Messages messages = validate_qualified_name(key); !messages.empty()) {
    errors.invalid(path.child("key"), key, join(messages, "; "));
  }
  const FieldPath values_path = path.child("values");
  const auto reject_values = [&](std::string_view why) {
    errors.invalid(values_path, values.empty() ? FieldValue(nullptr) : FieldValue(values), why);
  };
  LabelRequirement requirement;
  switch (op) {
    case SelectorOperator::In:
    case SelectorOperator::NotIn:
      if (values.empty()) reject_values("for 'in', 'notin' operators, values set can't be empty");
      break;
    case SelectorOperator::Equals:
    case SelectorOperator::DoubleEquals:
    case SelectorOperator::NotEquals:
      if (values.size() != 1) {
        reject_values("exact-match compatibility requires one single value");
      }
      break;
    case SelectorOperator::Exists:
    case SelectorOperator::DoesNotExist:
      if (!values.empty()) reject_values("values set must be empty for exists and does not exist");
      break;
    case SelectorOperator::GreaterThan:
    case SelectorOperator::LessThan:
      if (values.size() != 1) {
        reject_values("for 'Gt', 'Lt' operators, exactly one value is required");
      }
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (const auto bound = parse_integer(values[i])) {
          requirement.bound_ = *bound;
        } else {
          errors.invalid(values_path.index(i), values[i],
                         "for 'Gt', 'Lt' operators, the value must be an integer");
        }
      }
      break;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (const Messages messages = validate_label_value(values[i]); !messages.empty()) {
      errors.invalid(values_path.index(i).key(key), values[i], join(messages, "; "));
    }
  }
  if (!errors.empty()) return fail(Reason::BadRequest, errors.text());

  std::ranges::sort(values);
  const auto repeated = std::ranges::unique(values);
  values.erase(repeated.begin(), repeated.end());
  requirement.key_ = std::move(key);
  requirement.op_ = op;
  requirement.values_ = std::move(values);
  return requirement;
}

LabelRequirement LabelRequirement::equals(std::string key, std::string value) {
  LabelRequirement requirement;
  requirement.key_ = std::move(key);
  requirement.op_ = SelectorOperator::Equals;
  requirement.values_.push_back(std::move(value));
  return requirement;
}

bool LabelRequirement::matches(const std::string* value) const {
  switch (op_) {
    case SelectorOperator::In:
    case SelectorOperator::Equals:
    case SelectorOperator::DoubleEquals:
      return value && std::ranges::binary_search(values_, *value);
    case SelectorOperator::NotIn:
    case SelectorOperator::NotEquals:
      return !value || !std::ranges::binary_search(values_, *value);
    case SelectorOperator::Exists:
      return value != nullptr;
    case SelectorOperator::DoesNotExist:
      return value == nullptr;
    case SelectorOperator::GreaterThan:
    case SelectorOperator::LessThan: {
      const auto number = value ? parse_integer(*value) : std::nullopt;
      if (!number) return false;
      return op_ == SelectorOperator::GreaterThan ? *number > bound_ : *number < bound_;
    }
  }
  return false;
}

std::string LabelRequirement::text() const {
  // In the order of SelectorOperator.
  constexpr std::string_view kBefore[] = {" in (", " notin (", "=", "==", "!=", ">", "<", "", ""};
  std::string text = op_ == SelectorOperator::DoesNotExist ? "!" + key_ : key_;
  text.append(kBefore[static_cast<std::size_t>(op_)]).append(join(values_, ","));
  if (op_ == SelectorOperator::In || op_ == SelectorOperator::NotIn) text += ")";
  return text;
}

Result<LabelSelector> LabelSelector::parse(std::string_view text, const FieldPath& path) {
  auto requirements = Parser(text, path).parse();
  if (!requirements) return fail(Reason::BadRequest, std::move(requirements).error());
  return from(*std::move(requirements));
}

LabelSelector LabelSelector::from(std::vector<LabelRequirement> requirements) {
  // Requirements on one label keep their order.
  std::vector<std::size_t> order(requirements.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const int compared = requirements[a].key().compare(requirements[b].key());
    return compared != 0 ? compared < 0 : a < b;
  });
  LabelSelector selector;
  selector.requirements_.reserve(order.size());
  for (const std::size_t i : order) {
    selector.requirements_.push_back(std::move(requirements[i]));
  }
  return selector;
}

Result<LabelSelector> LabelSelector::from(const meta::v1::LabelSelector& selector) {
  std::vector<LabelRequirement> requirements;
  for (const auto& [key, value] : selector.matchLabels) {
    TRY(auto requirement, LabelRequirement::make(key, SelectorOperator::Equals, {value}));
    requirements.push_back(std::move(requirement));
  }
  for (const auto& expression : selector.matchExpressions) {
    SelectorOperator op;
    if (expression.operator_ == "In") {
      op = SelectorOperator::In;
    } else if (expression.operator_ == "NotIn") {
      op = SelectorOperator::NotIn;
    } else if (expression.operator_ == "Exists") {
      op = SelectorOperator::Exists;
    } else if (expression.operator_ == "DoesNotExist") {
      op = SelectorOperator::DoesNotExist;
    } else {
      return fail(Reason::BadRequest,
                  quoted(expression.operator_) + " is not a valid label selector operator");
    }
    TRY(auto requirement, LabelRequirement::make(expression.key, op, expression.values));
    requirements.push_back(std::move(requirement));
  }
  return from(std::move(requirements));
}

Result<LabelSelector> LabelSelector::from(const meta::v1::LabelSelector* selector) {
  if (!selector) return nothing();
  return from(*selector);
}

LabelSelector LabelSelector::from_set(
    const std::map<std::string, std::string, std::less<>>& labels) {
  std::vector<LabelRequirement> requirements;
  for (const auto& [key, value] : labels)
    requirements.push_back(LabelRequirement::equals(key, value));
  return from(std::move(requirements));
}

LabelSelector LabelSelector::nothing() {
  LabelSelector selector;
  selector.nothing_ = true;
  return selector;
}

std::string LabelSelector::text() const {
  std::string text;
  for (std::size_t i = 0; i < requirements_.size(); ++i) {
    if (i) text += ',';
    text += requirements_[i].text();
  }
  return text;
}

std::optional<std::string> LabelSelector::find_exact(std::string_view key) const {
  for (const LabelRequirement& requirement : requirements_) {
    if (requirement.key() != key) continue;
    const bool exact = requirement.op() == SelectorOperator::Equals ||
                       requirement.op() == SelectorOperator::DoubleEquals ||
                       requirement.op() == SelectorOperator::In;
    if (exact && requirement.values().size() == 1) return requirement.values().front();
    return std::nullopt;
  }
  return std::nullopt;
}

std::string format_label_selector(const meta::v1::LabelSelector* selector) {
  const auto parsed = LabelSelector::from(selector);
  if (!parsed) return "<error>";
  std::string text = parsed->text();
  return text.empty() ? "<none>" : text;
}

FieldErrors validate_label_selector(const meta::v1::LabelSelector& selector,
                                    const FieldPath& path) {
  FieldErrors errors;
  const FieldPath labels_path = path.child("matchLabels");
  for (const auto& [key, value] : selector.matchLabels) {
    errors.invalid_each(labels_path, key, validate_qualified_name(key));
    errors.invalid_each(labels_path, value, validate_label_value(value));
  }
  for (std::size_t i = 0; i < selector.matchExpressions.size(); ++i) {
    const auto& expression = selector.matchExpressions[i];
    const FieldPath here = path.child("matchExpressions").index(i);
    if (expression.operator_ == "In" || expression.operator_ == "NotIn") {
      if (expression.values.empty()) {
        errors.required(here.child("values"),
                        "must be specified when `operator` is 'In' or 'NotIn'");
      }
    } else if (expression.operator_ == "Exists" || expression.operator_ == "DoesNotExist") {
      if (!expression.values.empty()) {
        errors.forbidden(here.child("values"),
                         "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
    } else {
      errors.invalid(here.child("operator"), expression.operator_, "not a valid selector operator");
    }
    errors.invalid_each(here.child("key"), expression.key, validate_qualified_name(expression.key));
    for (std::size_t v = 0; v < expression.values.size(); ++v) {
      errors.invalid_each(here.child("values").index(v), expression.values[v],
                          validate_label_value(expression.values[v]));
    }
  }
  return errors;
}

}  // namespace keelson::api
