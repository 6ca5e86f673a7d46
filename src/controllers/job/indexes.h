// SPDX-License-Identifier: Apache-2.0
// Completion indexes of an Indexed Job: sets of numbers kept as runs, and their text in the status.
// Pure. Source: batch/v1, JobStatus.completedIndexes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/meta/v1.h"

namespace keelson::controllers::job {

class IndexSet {
 public:
  // "1,3-5,7". What is no number, and what is not below `completions`, is left out.
  static IndexSet parse(std::string_view text, int completions);

  bool has(int index) const;
  void insert(int index) { insert(index, index); }
  void insert(int first, int last);
  void insert(const IndexSet& other);
  int size() const;
  bool empty() const { return runs_.empty(); }
  // How many are in both.
  int overlap(const IndexSet& other) const;
  // The lowest that is not in the set, from `from` on.
  int next_absent(int from) const;

  // Three or more in a row are shown as a range.
  std::string text() const;

  bool operator==(const IndexSet&) const = default;

 private:
  std::map<int, int> runs_;  // First to last; apart by more than one.
};

// The index that a pod was created for; nothing if it has none.
std::optional<int> completion_index(const meta::v1::ObjectMeta& pod);

}  // namespace keelson::controllers::job
