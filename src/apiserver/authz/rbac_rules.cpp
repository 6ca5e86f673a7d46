// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authz/rbac_rules.h"

#include <algorithm>

namespace keelson::apiserver {
namespace {

using rbac::v1::PolicyRule;
using Strings = std::vector<std::string>;

bool has(const Strings& list, std::string_view value) {
  return std::ranges::find(list, value) != list.end();
}

bool has_or_all(const Strings& list, std::string_view value) {
  return std::ranges::any_of(list,
                             [&](const std::string& item) { return item == "*" || item == value; });
}

// A rule's resource is "pods", "pods/log", "*/scale" or "*".
bool resource_matches(std::string_view rule, std::string_view resource,
                      std::string_view subresource) {
  if (rule == "*") return true;
  if (subresource.empty()) return rule == resource;
  const auto slash = rule.find('/');
  if (slash == std::string_view::npos || rule.substr(slash + 1) != subresource) return false;
  const std::string_view parent = rule.substr(0, slash);
  return parent == "*" || parent == resource;
}

bool url_matches(std::string_view rule, std::string_view path) {
  if (rule == "*" || rule == path) return true;
  return rule.ends_with('*') && path.starts_with(rule.substr(0, rule.size() - 1));
}

bool url_covers(std::string_view held, std::string_view wanted) {
  if (held == "*" || held == wanted) return true;
  return held.ends_with('*') && wanted.starts_with(held.substr(0, held.size() - 1));
}

bool resource_covers(const Strings& held, std::string_view wanted) {
  const auto slash = wanted.find('/');
  for (const std::string_view item : held) {
    if (item == "*" || item == wanted) return true;
    if (slash != std::string_view::npos && item.starts_with("*/") &&
        item.substr(1) == wanted.substr(slash)) {
      return true;
    }
  }
  return false;
}

// `wanted` has one verb and one group, resource and name, or one URL.
bool covers(const PolicyRule& held, const PolicyRule& wanted) {
  if (!has_or_all(held.verbs, wanted.verbs.front())) return false;
  if (!wanted.nonResourceURLs.empty()) {
    return std::ranges::any_of(held.nonResourceURLs, [&](const std::string& url) {
      return url_covers(url, wanted.nonResourceURLs.front());
    });
  }
  if (!has_or_all(held.apiGroups, wanted.apiGroups.front())) return false;
  if (!resource_covers(held.resources, wanted.resources.front())) return false;
  if (held.resourceNames.empty()) return true;
  return !wanted.resourceNames.empty() && has(held.resourceNames, wanted.resourceNames.front());
}

void split(const PolicyRule& rule, std::vector<PolicyRule>& out) {
  for (const auto& verb : rule.verbs) {
    for (const auto& url : rule.nonResourceURLs) {
      PolicyRule part;
      part.verbs = {verb};
      part.nonResourceURLs = {url};
      out.push_back(std::move(part));
    }
    for (const auto& group : rule.apiGroups) {
      for (const auto& resource : rule.resources) {
        PolicyRule part;
        part.verbs = {verb};
        part.apiGroups = {group};
        part.resources = {resource};
        if (rule.resourceNames.empty()) out.push_back(part);
        for (const auto& name : rule.resourceNames) {
          part.resourceNames = {name};
          out.push_back(part);
        }
      }
    }
  }
}

Strings split_list(std::string_view text) {
  Strings out;
  while (true) {
    const auto comma = text.find(',');
    out.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

std::string_view take_word(std::string_view& text) {
  const auto space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  return word;
}

void append_list(std::string& out, std::string_view name, const Strings& values) {
  if (values.empty()) return;
  if (out.size() > 1) out += ", ";
  out.append(name).append(":[");
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ' ';
    out.append("\"").append(values[i]).append("\"");
  }
  out += ']';
}

}  // namespace

bool rule_allows(const PolicyRule& rule, const RequestInfo& request) {
  if (!has_or_all(rule.verbs, request.verb)) return false;
  if (!request.is_resource) {
    return std::ranges::any_of(rule.nonResourceURLs, [&](const std::string& url) {
      return url_matches(url, request.path);
    });
  }
  if (!has_or_all(rule.apiGroups, request.group)) return false;
  if (!std::ranges::any_of(rule.resources, [&](const std::string& resource) {
        return resource_matches(resource, request.resource, request.subresource);
      })) {
    return false;
  }
  return rule.resourceNames.empty() || has(rule.resourceNames, request.name);
}

std::vector<PolicyRule> uncovered_rules(const std::vector<PolicyRule>& held,
                                        const std::vector<PolicyRule>& wanted) {
  std::vector<PolicyRule> parts;
  for (const auto& rule : wanted) split(rule, parts);
  std::erase_if(parts, [&](const PolicyRule& part) {
    return std::ranges::any_of(held, [&](const PolicyRule& rule) { return covers(rule, part); });
  });
  return parts;
}

std::string compact_text(const PolicyRule& rule) {
  std::string out = "{";
  append_list(out, "APIGroups", rule.apiGroups);
  append_list(out, "Resources", rule.resources);
  append_list(out, "ResourceNames", rule.resourceNames);
  append_list(out, "NonResourceURLs", rule.nonResourceURLs);
  append_list(out, "Verbs", rule.verbs);
  return out + "}";
}

PolicyRule parse_rule(std::string_view text) {
  PolicyRule rule;
  rule.verbs = split_list(take_word(text));
  const std::string_view groups = take_word(text);
  const std::string_view objects = take_word(text);
  CHECK(!groups.empty() && !objects.empty());
  if (groups == "url") {
    rule.nonResourceURLs = split_list(objects);
    return rule;
  }
  rule.apiGroups = split_list(groups);
  for (auto& group : rule.apiGroups) {
    if (group == "core") group.clear();
  }
  rule.resources = split_list(objects);
  if (!text.empty()) rule.resourceNames = split_list(text);
  return rule;
}

}  // namespace keelson::apiserver
