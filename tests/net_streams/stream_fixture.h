// SPDX-License-Identifier: Apache-2.0
// Tasks on a virtual clock, and a connection in memory.
#pragma once

#include <gtest/gtest.h>

#include "base/virtual_executor.h"
#include "net/splice.h"
#include "net/stream.h"

namespace keelson::net {

class StreamTest : public testing::Test {
 protected:
  ~StreamTest() override { executor_.advance(std::chrono::minutes(10)); }

  // Runs a task to its end; a bug if it has none.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    auto store = [](Task<T> inner, std::optional<T>* out) -> Task<void> {
      out->emplace(co_await std::move(inner));
    };
    spawn(executor_, store(std::move(task), &value));
    CHECK(executor_.run_until([&value] { return value.has_value(); }, std::chrono::hours(1)));
    return *std::move(value);
  }
  void run(Task<void> task) {
    auto finish = [](Task<void> inner) -> Task<bool> {
      co_await std::move(inner);
      co_return true;
    };
    run(finish(std::move(task)));
  }

  // All that `stream` has to say; the text of the error after it, if one ended it.
  std::string read_all(Stream& stream) {
    auto read = [](Stream& from) -> Task<std::string> {
      std::string all;
      while (true) {
        auto bytes = co_await read_some(from);
        if (!bytes) co_return all + "<" + bytes.error().message() + ">";
        if (bytes->empty()) co_return all;
        all += *bytes;
      }
    };
    return run(read(stream));
  }
  // Exactly as many bytes, or fewer at the end.
  std::string read_exactly(Stream& stream, std::size_t count) {
    auto read = [](Stream& from, std::size_t wanted) -> Task<std::string> {
      std::string all(wanted, '\0');
      std::size_t have = 0;
      while (have < wanted) {
        auto got = co_await from.read(std::span(all).subspan(have));
        if (!got || *got == 0) break;
        have += *got;
      }
      all.resize(have);
      co_return all;
    };
    return run(read(stream, count));
  }

  VirtualExecutor executor_;
};

// "81 05 ff" as bytes.
inline std::string from_hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size();) {
    if (text[i] == ' ') {
      ++i;
      continue;
    }
    unsigned int byte = 0;
    std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    out.push_back(static_cast<char>(byte));
    i += 2;
  }
  return out;
}

}  // namespace keelson::net
