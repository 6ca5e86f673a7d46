// SPDX-License-Identifier: Apache-2.0
#include "kubelet/logs/log_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include "kubelet/logs/log_rotation.h"
#include "temp_dir.h"

namespace keelson::kubelet {
namespace {

constexpr std::string_view kLog =
    "2026-01-01T00:00:01.000000001Z stdout F one\n"
    "2026-01-01T00:00:02Z stderr F two\n"
    "not a log line\n"
    "2026-01-01T00:00:03Z stdout P thr\n"
    "2026-01-01T00:00:03Z stdout F ee\n"
    "2026-01-01T00:00:04Z stdout F \n"
    "2026-01-01T00:00:05Z stdout F five words in one line\n";

std::string show(const LogOptions& options, std::string_view log = kLog) {
  return LogFilter(options).feed(log);
}

TEST(LogFilter, ShowsWhatWasWritten) {
  EXPECT_EQ(show({}), "one\ntwo\nthree\n\nfive words in one line\n");
}

TEST(LogFilter, ShowsTimesOnceALine) {
  EXPECT_EQ(show({.timestamps = true}),
            "2026-01-01T00:00:01.000000001Z one\n2026-01-01T00:00:02Z two\n"
            "2026-01-01T00:00:03Z three\n2026-01-01T00:00:04Z \n"
            "2026-01-01T00:00:05Z five words in one line\n");
}

TEST(LogFilter, TakesBytesInAnyPortions) {
  for (std::size_t step = 1; step < 40; ++step) {
    LogFilter filter(LogOptions{});
    std::string out;
    for (std::size_t at = 0; at < kLog.size(); at += step)
      out += filter.feed(kLog.substr(at, step));
    EXPECT_EQ(out, show({})) << step;
  }
}

TEST(LogFilter, KeepsToStreamTimeAndLength) {
  EXPECT_EQ(show({.stream = "stderr"}), "two\n");
  const Wall since =
      std::chrono::sys_days(std::chrono::year(2026) / 1 / 1) + std::chrono::seconds(4);
  EXPECT_EQ(show({.since = since}), "\nfive words in one line\n");
  LogFilter filter({.limit_bytes = 6});
  EXPECT_EQ(filter.feed(kLog), "one\ntw");
  EXPECT_TRUE(filter.is_done());
}

class LogFileTest : public testing::Test {
 protected:
  std::string write(std::string_view text, const std::string& name = "0.log") {
    const std::string path = folder / name;
    EXPECT_TRUE(write_file(path, text, 0644));
    return path;
  }
  TempDir folder;
};

TEST_F(LogFileTest, FindsTheLastLines) {
  const std::string path = write(kLog);
  struct Case {
    std::int64_t lines;
    std::string expected;
  };
  const Case cases[] = {{0, ""},
                        {1, "five words in one line\n"},
                        {2, "\nfive words in one line\n"},
                        {3, "three\n\nfive words in one line\n"},
                        {100, show({})}};
  for (const auto& c : cases) {
    EXPECT_EQ(read_log_text(path, {.tail_lines = c.lines}), c.expected) << c.lines;
  }
}

TEST_F(LogFileTest, FindsTheLastLinesOfALongFile) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) {
    text += "2026-01-01T00:00:00Z stdout F line " + std::to_string(i) + "\n";
  }
  const std::string path = write(text);

  const std::string tail = read_log_text(path, {.tail_lines = 5000});

  EXPECT_TRUE(tail.starts_with("line 15000\n")) << tail.substr(0, 40);
  EXPECT_EQ(std::ranges::count(tail, '\n'), 5000);
}

TEST_F(LogFileTest, OfAMissingFileIsEmpty) { EXPECT_EQ(read_log_text(folder / "none", {}), ""); }

TEST_F(LogFileTest, PartsAreListedOldestFirst) {
  const std::string path = write("x");
  write("x", "0.log.20260102-000000");
  write("x", "0.log.20260101-000000");
  write("x", "1.log");
  EXPECT_EQ(rotated_parts(path), (std::vector<std::string>{folder / "0.log.20260101-000000",
                                                           folder / "0.log.20260102-000000"}));
}

}  // namespace
}  // namespace keelson::kubelet
