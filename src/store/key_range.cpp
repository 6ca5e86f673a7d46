// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

namespace keelson::store {

KeyRange KeyRange::prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  CHECK(!end.empty());
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return {std::string(prefix), std::move(end)};
}

// std::char_traits<char> compares as unsigned bytes, as etcd does.
bool KeyRange::contains(std::string_view key) const {
  return end.empty() ? key == start : key >= start && key < end;
}

}  // namespace keelson::store
