// SPDX-License-Identifier: Apache-2.0
// Reads JSON text value by value, so that documents and structs are built without a step between,
// and the few members that somebody wants to know of bytes that are passed on as they are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace keelson::api {

struct JsonNumber {
  enum class Kind : std::uint8_t { Int64, Uint64, Double };

  Kind kind = Kind::Int64;
  std::int64_t int64 = 0;
  std::uint64_t uint64 = 0;  // Kind::Uint64: more than int64 holds.
  double number = 0;
};

// After an error every function returns false, nothing or Kind::None.
//   JsonReader reader(text, kJsonDepthMax);
//   reader.enter_object();
//   bool first = true;
//   for (std::string_view key; reader.next_member(first, key);) reader.skip_value();
class JsonReader {
 public:
  enum class Kind : std::uint8_t { None, Null, Bool, Number, String, Object, Array };

  JsonReader(std::string_view text, int depth_max)
      : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()), depth_(depth_max) {}

  // What comes next.
  Kind peek();

  // These four expect what peek() has told.
  void take_null();
  bool take_bool();
  JsonNumber take_number();
  // Without escapes; valid until the next string is taken.
  std::string_view take_string();
  // For a value that may be something else: true, and past it, if it is null; its text, or an
  // error, if it should be a string.
  bool skip_null();
  std::string_view read_string();
  // Passes over any value and returns its text.
  std::string_view skip_value();

  void enter_object();
  // Error unless an object comes next.
  bool read_object();
  bool next_member(bool& first, std::string_view& key);
  void enter_array();
  bool next_element(bool& first);

  // Nothing but white space may follow.
  void finish();
  // Of the next byte to be read.
  std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }

  bool failed() const { return failed_; }
  std::unexpected<Status> error() const { return fail(Status::bad_request(message_)); }
  void set_error(std::string message);

 private:
  void skip_space();
  bool literal(std::string_view text);
  void unexpected_character(std::string_view where);
  bool escape();
  int hex4();

  const char* begin_;
  const char* at_;
  const char* end_;
  int depth_;  // Levels left.
  bool failed_ = false;
  std::string message_;
  std::string scratch_;
};

}  // namespace keelson::api
