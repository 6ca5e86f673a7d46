// SPDX-License-Identifier: Apache-2.0
// Changes to one nftables table, applied by the kernel all at once or not at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "nftables/expression.h"

struct nlmsghdr;
struct nftnl_set;

namespace keelson::nft {

struct Hook {
  std::string_view type;  // "nat", "filter"
  std::uint32_t number;   // NF_INET_PRE_ROUTING...
  std::int32_t priority;
};

// What nft shows of a set's key or data; the kernel itself only needs the length. Values of nft's
// TYPE_*; a concatenation is (first << 6) | second.
struct SetType {
  std::uint32_t number;
  std::uint32_t size;  // Bytes, each part of a concatenation padded to 4.
};

struct Set {
  std::string name;
  SetType key;
  // Of a map: its values; a map to verdicts is `to_verdicts`.
  std::optional<SetType> data;
  bool to_verdicts = false;
  bool dynamic = false;        // Filled by packets, with a timeout.
  std::uint32_t size_max = 0;  // Of a dynamic one; 0: the kernel's choice, 65,535.
};

struct Element {
  std::string key;
  std::string data;         // Of a map.
  std::string go_to_chain;  // Of a verdict map.
  // Of a dynamic set, in milliseconds: how long it stays, and how much of that is left. 0: as the
  // set has it.
  std::uint64_t timeout = 0, left = 0;
};

class Transaction {
 public:
  // `family` is NFPROTO_IPV4 or NFPROTO_IPV6.
  Transaction(std::uint8_t family, std::string table);

  void add_table();
  void delete_table();
  void delete_table(const std::string& other);
  void add_chain(const std::string& name);
  void add_base_chain(const std::string& name, const Hook& hook);
  void flush_chain(const std::string& name);
  void delete_chain(const std::string& name);
  void add_rule(const std::string& chain, Expressions expressions);
  void add_set(const Set& set);
  void add_elements(const Set& set, const std::vector<Element>& elements);
  void delete_elements(const Set& set, const std::vector<Element>& elements);

  bool empty() const { return messages_ == 0; }
  std::size_t size_bytes() const { return buffer_.size(); }

  // Sends it and waits for the kernel's answer. Errors: Unavailable with the kernel's reason; then
  // nothing has changed. The transaction is empty afterwards.
  Result<void> commit();

 private:
  nlmsghdr* begin(std::uint16_t type, std::uint16_t flags);
  void end(const nlmsghdr* message);
  void put_elements(std::uint16_t type, std::uint16_t flags, const Set& set,
                    const std::vector<Element>& elements);

  const std::uint8_t family_;
  const std::string table_;
  std::vector<char> buffer_;
  std::vector<char> scratch_;
  std::uint32_t messages_ = 0;
  std::uint32_t last_set_id_ = 0;
};

// Names of the tables of a family that begin with `prefix`.
Result<std::vector<std::string>> list_tables(std::uint8_t family, std::string_view prefix);

// The elements of a set, with the data of a map; without verdicts. Errors: Unavailable.
Result<std::vector<Element>> list_elements(std::uint8_t family, const std::string& table,
                                           const std::string& set);

}  // namespace keelson::nft
