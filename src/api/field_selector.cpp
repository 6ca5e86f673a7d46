// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "api/selector.h"

namespace keelson::api {
namespace {

// Terms between commas that no backslash escapes.
std::vector<std::string_view> split_terms(std::string_view text) {
  std::vector<std::string_view> terms;
  std::size_t start = 0;
  bool escaped = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (escaped) {
      escaped = false;
    } else if (text[i] == '\\') {
      escaped = true;
    } else if (text[i] == ',') {
      terms.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  terms.push_back(text.substr(start));
  return terms;
}

// Length of the UTF-8 character at the start of `text`, so that messages do not cut one in half.
std::size_t character_size(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return size;
}

Result<std::string> unescape(std::string_view value) {
  std::string plain;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == ',' || c == '=') {
      return fail(Reason::BadRequest, "invalid field selector: unescaped character in value: " +
                                          std::to_string(static_cast<int>(c)));
    }
    if (c != '\\') {
      plain += c;
      continue;
    }
    const std::string_view escaped = value.substr(i + 1);
    if (escaped.empty() || std::string_view("\\,=").find(escaped.front()) == escaped.npos) {
      const std::size_t size = escaped.empty() ? 0 : character_size(escaped);
      return fail(Reason::BadRequest, "invalid field selector: invalid escape sequence: " +
                                          std::string(value.substr(i, size + 1)));
    }
    plain += escaped.front();
    ++i;
  }
  return plain;
}

std::string escape(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == ',' || c == '=') text += '\\';
    text += c;
  }
  return text;
}

}  // namespace

Result<FieldSelector> FieldSelector::parse(std::string_view text) {
  std::vector<std::string_view> terms = split_terms(text);
  std::ranges::sort(terms);
  std::vector<FieldRequirement> requirements;
  for (const std::string_view term : terms) {
    if (term.empty()) continue;
    // The field's name cannot hold an operator, so the first one in the term is it.
    std::size_t at = term.find('=');
    if (at == term.npos) {
      return fail(Reason::BadRequest, "invalid selector: '" + std::string(text) +
                                          "'; can't understand '" + std::string(term) + "'");
    }
    const bool equal = at == 0 || term[at - 1] != '!';
    const std::size_t operator_end = equal && term.substr(at).starts_with("==") ? at + 2 : at + 1;
    if (!equal) --at;
    TRY(auto value, unescape(term.substr(operator_end)));
    requirements.push_back(
        {.field = std::string(term.substr(0, at)), .equal = equal, .value = std::move(value)});
  }
  return FieldSelector(std::move(requirements));
}

std::string FieldSelector::text() const {
  std::string text;
  for (const FieldRequirement& requirement : requirements_) {
    if (!text.empty()) text += ',';
    text.append(requirement.field).append(requirement.equal ? "=" : "!=");
    text += escape(requirement.value);
  }
  return text;
}

std::optional<std::string> FieldSelector::find_exact(std::string_view field) const {
  for (const FieldRequirement& requirement : requirements_) {
    if (requirement.equal && requirement.field == field) return requirement.value;
  }
  return std::nullopt;
}

}  // namespace keelson::api
