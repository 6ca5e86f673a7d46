// SPDX-License-Identifier: Apache-2.0
// Walks JSON text without building anything: for the few members that the server wants to know of
// bytes that it otherwise passes on as they are. Checks the structure, not every detail of numbers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace keelson::api {

// Each function returns false on malformed text, too, and failed() is true from then on.
//   JsonScanner scanner(text);
//   scanner.enter_object();
//   for (std::string_view name; scanner.next_member(name);) scanner.skip_value();
class JsonScanner {
 public:
  static constexpr int kDepthMax = 1000;

  explicit JsonScanner(std::string_view text) : text_(text) {}

  bool failed() const { return failed_; }
  // Of the next byte to be read.
  std::size_t position() const { return at_; }
  bool at_end();

  // True, and consumed, if the next value is null.
  bool take_null();
  bool enter_object();
  // Reads a member's name and the colon; false, and past the brace, when there are no more. The
  // name is valid until the next call.
  bool next_member(std::string_view& name);
  bool read_string(std::string& out);
  bool skip_value();

 private:
  bool fail();
  void skip_space();
  bool take(char c);
  // Past the closing quote; `raw` is what stands between the quotes.
  bool raw_string(std::string_view& raw, bool& escaped);
  bool skip_scalar();

  std::string_view text_;
  std::size_t at_ = 0;
  bool failed_ = false;
  bool first_ = false;  // No member of the object just entered has been read yet.
  std::string name_;
};

// The text between the quotes of a JSON string with its escapes resolved. False for a bad escape.
bool unescape_json(std::string_view raw, std::string& out);

}  // namespace keelson::api
