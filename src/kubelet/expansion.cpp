// SPDX-License-Identifier: Apache-2.0
#include "kubelet/expansion.h"

namespace keelson::kubelet {

namespace {

const std::string* find(std::string_view name, std::initializer_list<const Variables*> scopes) {
  for (const Variables* scope : scopes) {
    if (const auto found = scope->find(name); found != scope->end()) return &found->second;
  }
  return nullptr;
}

}  // namespace

std::string expand(std::string_view text, std::initializer_list<const Variables*> scopes) {
  std::string out;
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i++];
      continue;
    }
    const char after = text[i + 1];
    if (after == '$') {
      out += '$';
      i += 2;
      continue;
    }
    const std::size_t end = after == '(' ? text.find(')', i + 2) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += text[i];
      out += after;
      i += 2;
      continue;
    }
    const std::string* value = find(text.substr(i + 2, end - i - 2), scopes);
    out += value ? std::string_view(*value) : text.substr(i, end + 1 - i);
    i = end + 1;
  }
  return out;
}

}  // namespace keelson::kubelet
