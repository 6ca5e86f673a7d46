// SPDX-License-Identifier: Apache-2.0
#include "controllers/job/indexes.h"

#include <algorithm>
#include <charconv>

#include "api/batch/v1.h"

namespace keelson::controllers::job {
namespace {

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

IndexSet IndexSet::parse(std::string_view text, int completions) {
  IndexSet set;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    const auto hyphen = part.find('-');
    const auto first = number(part.substr(0, hyphen));
    const auto last = hyphen == std::string_view::npos ? first : number(part.substr(hyphen + 1));
    if (!first || !last || *first >= completions || *last < *first) continue;
    set.insert(*first, std::min(*last, completions - 1));
  }
  return set;
}

bool IndexSet::has(int index) const {
  const auto after = runs_.upper_bound(index);
  return after != runs_.begin() && std::prev(after)->second >= index;
}

void IndexSet::insert(int first, int last) {
  auto at = runs_.upper_bound(first);
  if (at != runs_.begin() && std::prev(at)->second >= first - 1) {
    --at;
    first = at->first;
  }
  while (at != runs_.end() && at->first <= last + 1) {
    last = std::max(last, at->second);
    at = runs_.erase(at);
  }
  runs_.emplace(first, last);
}

void IndexSet::insert(const IndexSet& other) {
  for (const auto& [first, last] : other.runs_) insert(first, last);
}

int IndexSet::size() const {
  int count = 0;
  for (const auto& [first, last] : runs_) count += last - first + 1;
  return count;
}

int IndexSet::overlap(const IndexSet& other) const {
  int count = 0;
  auto a = runs_.begin(), b = other.runs_.begin();
  while (a != runs_.end() && b != other.runs_.end()) {
    count += std::max(0, std::min(a->second, b->second) - std::max(a->first, b->first) + 1);
    if (a->second < b->second) {
      ++a;
    } else {
      ++b;
    }
  }
  return count;
}

int IndexSet::next_absent(int from) const {
  const auto after = runs_.upper_bound(from);
  if (after == runs_.begin() || std::prev(after)->second < from) return from;
  return std::prev(after)->second + 1;
}

std::string IndexSet::text() const {
  std::string out;
  for (const auto& [first, last] : runs_) {
    if (!out.empty()) out += ',';
    out += std::to_string(first);
    if (last != first) {
      out += last == first + 1 ? ',' : '-';
      out += std::to_string(last);
    }
  }
  return out;
}

std::optional<int> completion_index(const meta::v1::ObjectMeta& pod) {
  const auto found = pod.annotations.find(batch::v1::JobCompletionIndexAnnotation);
  return found == pod.annotations.end() ? std::nullopt : number(found->second);
}

}  // namespace keelson::controllers::job
