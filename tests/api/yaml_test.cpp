// SPDX-License-Identifier: Apache-2.0
#include "api/yaml.h"

#include <gtest/gtest.h>

#include "api/yaml_scalar.h"

namespace keelson::api {
namespace {

// The first document as JSON, or the error's message without what all of them begin with.
std::string read(std::string_view text, YamlOptions options = {}) {
  const auto document = parse_yaml(text, options);
  if (document) return to_json(*document);
  constexpr std::string_view kContext = "error converting YAML to JSON: ";
  std::string message = document.error().message();
  if (message.starts_with(kContext)) message.erase(0, kContext.size());
  return message;
}

TEST(YamlReader, ResolvesScalarsAsKubernetesDoes) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"yes", "true"},
      {"On", "true"},
      {"Y", "true"},
      {"TRUE", "true"},
      {"no", "false"},
      {"off", "false"},
      {"n", "false"},
      {"False", "false"},
      {"~", "null"},
      {"null", "null"},
      {"Null", "null"},
      {"", "null"},
      {"0", "0"},
      {"-12", "-12"},
      {"+12", "12"},
      {"1_000", "1000"},
      {"0x1F", "31"},
      {"-0x1f", "-31"},
      {"0o17", "15"},
      {"017", "15"},
      {"0b101", "5"},
      {"08", "8"},
      {"1.5", "1.5"},
      {".5", "0.5"},
      {"1e3", "1000"},
      {"1.", "1"},
      {"-.5", "-0.5"},
      {"6.02e23", "6.02e+23"},
      {"9223372036854775807", "9223372036854775807"},
      {"9223372036854775808", "9223372036854775808"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"truE", "\"truE\""},
      {"yEs", "\"yEs\""},
      {"t", "\"t\""},
      {"1e", "\"1e\""},
      {"0x", "\"0x\""},
      {"1.2.3", "\"1.2.3\""},
      {"12:30:45", "\"12:30:45\""},
      {"100m", "\"100m\""},
      {"1Gi", "\"1Gi\""},
      {"2001-12-14", "\"2001-12-14\""},
      {"2001-12-14T21:59:43Z", "\"2001-12-14T21:59:43Z\""},
      {"=", "\"=\""},
      {"inf", "\"inf\""},
      {"'yes'", "\"yes\""},
      {"\"12\"", "\"12\""},
      {"''", "\"\""},
      {"!!str 12", "\"12\""},
      {"! 12", "\"12\""},
      {"!!int 0x10", "16"},
      {"!!float 1", "1"},
      {"!!bool yes", "true"},
      {"!!null ~", "null"},
      {"!!binary aGVsbG8=", "\"hello\""},
      {"!custom x", "\"x\""},
      {"\"\\u00e4\\n\\x41\"", "\"ä\\nA\""},
  };
  for (const auto& [text, json] : cases) {
    EXPECT_EQ(read("v: " + std::string(text)), "{\"v\":" + std::string(json) + "}") << text;
  }
}

TEST(YamlReader, KeysAreStrings) {
  EXPECT_EQ(read("{1: a, yes: b, 2.5: c, \"on\": d, 1000000.0: e, 0x10: f}"),
            R"({"1":"a","true":"b","2.5":"c","on":"d","1e+06":"e","16":"f"})");
  EXPECT_EQ(read("~: a"), "unsupported map key of type: %!s(<nil>), key: <nil>");
  EXPECT_EQ(read("[a]: b"), "yaml: line 1: invalid map key");
}

TEST(YamlReader, ReadsWhatPeopleWrite) {
  EXPECT_EQ(read("# comment\n"
                 "kind: Pod  # another\n"
                 "script: |\n"
                 "  #!/bin/sh\n"
                 "    echo hi\n"
                 "\n"
                 "  exit\n"
                 "strip: |-\n"
                 "  x\n"
                 "keep: |+\n"
                 "  x\n"
                 "\n"
                 "folded: >\n"
                 "  one\n"
                 "  two\n"
                 "plain: a\n"
                 "  b\n"
                 "flow: {a: [1, \"2\"], b: }\n"
                 "list:\n"
                 "- a\n"
                 "-  - b\n"
                 "   - c: d\n"
                 "     e: f\n"
                 "url: http://x:80/a#b\n"),
            R"({"kind":"Pod","script":"#!/bin/sh\n  echo hi\n\nexit\n","strip":"x","keep":"x\n\n",)"
            R"("folded":"one two\n","plain":"a b","flow":{"a":[1,"2"],"b":null},)"
            R"("list":["a",["b",{"c":"d","e":"f"}]],"url":"http://x:80/a#b"})");
  EXPECT_EQ(read("a: 'it''s'\nb: ''''''\nc: 'x\n\n\n   y  \n  z'\nd: '  e  '\n"),
            R"({"a":"it's","b":"''","c":"x\n\ny z","d":"  e  "})");
  EXPECT_EQ(read("{\n\t\"a\": [1, true, null]\n}"), R"({"a":[1,true,null]})");
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "a: 1"),
            R"({"a":1})");
  EXPECT_EQ(read(""), "null");
  EXPECT_EQ(read("# nothing\n"), "null");
}

TEST(YamlReader, ExpandsAliasesAndMergeKeys) {
  EXPECT_EQ(read("a: &x {k: 1, l: 2}\nb: *x\n"), R"({"a":{"k":1,"l":2},"b":{"k":1,"l":2}})");
  EXPECT_EQ(read("a: &x {k: 1, l: 2}\nb:\n  k: 3\n  <<: *x\n"),
            R"({"a":{"k":1,"l":2},"b":{"k":3,"l":2}})");
  EXPECT_EQ(read("a: &x {k: 1}\nb: &z {k: 2, m: 3}\nc: {<<: [*x, *z]}\n"),
            R"({"a":{"k":1},"b":{"k":2,"m":3},"c":{"k":1,"m":3}})");
  EXPECT_EQ(read("a: {\"<<\": {k: 1}}"), R"({"a":{"<<":{"k":1}}})");
  EXPECT_EQ(read("a: {<<: 1}"), "yaml: map merge requires map or sequence of maps as the value");
  EXPECT_EQ(read("a: {<<: [{b: 1}, 2]}"),
            "yaml: map merge requires map or sequence of maps as the value");
  EXPECT_EQ(read("a: *x"), "yaml: unknown anchor 'x' referenced");
  EXPECT_EQ(read("&a [*a]"), "yaml: anchor 'a' value contains itself");
  // An anchor does not outlive its document.
  EXPECT_FALSE(parse_yaml_all("a: &x 1\n---\nb: *x\n"));
}

TEST(YamlReader, RefusesAliasBombs) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) text += ", " + before;
    text += "]\n";
  }
  EXPECT_EQ(read(text), "yaml: document contains excessive aliasing");

  std::string long_text = "a: &a " + std::string(1'000'000, 'x') + "\nb: [";
  for (int i = 0; i < 50; ++i) long_text += "*a, ";
  EXPECT_EQ(read(long_text + "]\n"), "yaml: document contains excessive aliasing");
}

TEST(YamlReader, FindsKeysThatStandTwice) {
  constexpr std::string_view kText = "a: 1\nb:\n  c: 1\n  d: 2\n  c:\n    3\na: 4\n";
  std::vector<std::string> duplicates;

  EXPECT_EQ(read(kText, {.duplicates = &duplicates}), R"({"a":4,"b":{"c":3,"d":2}})");
  EXPECT_EQ(duplicates, (std::vector<std::string>{"line 6: key \"c\" already set in map",
                                                  "line 7: key \"a\" already set in map"}));
  EXPECT_EQ(read(kText, {.strict = true}),
            "yaml: unmarshal errors:\n  line 6: key \"c\" already set in map\n  line 7: key \"a\" "
            "already set in map");
  // What a merge brings is meant to be overridden.
  EXPECT_EQ(read("a: &x {k: 1}\nb: {<<: *x, k: 2}", {.strict = true}),
            R"({"a":{"k":1},"b":{"k":2}})");
}

TEST(YamlReader, SaysWhereTheMistakeIs) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a: b: c", "yaml: line 1: mapping values are not allowed in this context"},
      {"a: 1\nb:\n\t- c\n", "yaml: line 3: found character that cannot start any token"},
      {"a: @x", "yaml: line 1: found character that cannot start any token"},
      {"a: 1\nb: [1, 2\n", "yaml: line 3: did not find expected ',' or ']'"},
      {"a: \"x", "yaml: line 1: found unexpected end of stream"},
      {"a: !!int x", "yaml: cannot decode !!str `x` as a !!int"},
      {"a: !!binary '*'", "yaml: !!binary value contains invalid base64 data"},
      {"a: .inf", "json: unsupported value: +Inf"},
      {"a: \x01", "yaml: line 1: control characters are not allowed"},
      {"a: 1\nb: \xff", "yaml: line 2: invalid UTF-8"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(read(text), message) << text;
  EXPECT_EQ(parse_yaml("a: b: c").error().message(),
            "error converting YAML to JSON: yaml: line 1: mapping values are not allowed in this "
            "context");
  EXPECT_EQ(parse_yaml("a: b: c").error().code(), 400);
}

TEST(YamlReader, BoundsDepthAndSize) {
  const std::string deep = std::string(3000, '[') + std::string(3000, ']');
  EXPECT_EQ(read(deep), "yaml: exceeded max depth of 1000");
  EXPECT_EQ(read("[[1]]", {.depth_max = 2}), "[[1]]");
  EXPECT_EQ(read("[[[1]]]", {.depth_max = 2}), "yaml: exceeded max depth of 2");
  // Through aliases, too.
  EXPECT_EQ(read("[&a [1], [*a]]", {.depth_max = 2}), "yaml: exceeded max depth of 2");
  EXPECT_EQ(parse_yaml("abc", {.size_max = 2}).error().code(), 413);
}

TEST(YamlReader, ReadsSeveralDocuments) {
  const auto documents =
      parse_yaml_all("---\na: 1\n---\n# nothing\n---\n---\nb: 2\n...\n---\n- c\n");
  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 3u);
  EXPECT_EQ(to_json((*documents)[0]), R"({"a":1})");
  EXPECT_EQ(to_json((*documents)[1]), R"({"b":2})");
  EXPECT_EQ(to_json((*documents)[2]), R"(["c"])");
  EXPECT_EQ(read("a: 1\n---\nb: 2\n"), R"({"a":1})");
  EXPECT_TRUE(parse_yaml_all("")->empty());
}

TEST(YamlWriter, PrintsAsKubectlDoes) {
  const auto document = parse_json(R"({"kind":"Pod","apiVersion":"v1","metadata":{
      "name":"web","creationTimestamp":null,"labels":{},"annotations":{"a10":"1","a2":"2","A":"3"}},
      "spec":{"containers":[{"name":"c","args":["sh","-c"],"ports":[{"containerPort":80}]}],
      "volumes":[],"nested":[["a"],{}]}})");
  ASSERT_TRUE(document);
  EXPECT_EQ(to_yaml(*document),
            "apiVersion: v1\n"
            "kind: Pod\n"
            "metadata:\n"
            "  annotations:\n"
            "    A: \"3\"\n"
            "    a2: \"2\"\n"
            "    a10: \"1\"\n"
            "  creationTimestamp: null\n"
            "  labels: {}\n"
            "  name: web\n"
            "spec:\n"
            "  containers:\n"
            "  - args:\n"
            "    - sh\n"
            "    - -c\n"
            "    name: c\n"
            "    ports:\n"
            "    - containerPort: 80\n"
            "  nested:\n"
            "  - - a\n"
            "  - {}\n"
            "  volumes: []\n");
}

TEST(YamlWriter, QuotesWhatWouldReadAsSomethingElse) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a", "a"},
      {"", "\"\""},
      {"yes", "\"yes\""},
      {"n", "\"n\""},
      {"null", "\"null\""},
      {"123", "\"123\""},
      {"0x1F", "\"0x1F\""},
      {"1e3", "\"1e3\""},
      {"1_0", "\"1_0\""},
      {"12:30:45", "\"12:30:45\""},
      {"2001-12-14", "\"2001-12-14\""},
      {"2020-01-01T00:00:00Z", "\"2020-01-01T00:00:00Z\""},
      {"2020-13-01", "2020-13-01"},
      {"100m", "100m"},
      {"-", "'-'"},
      {"- a", "'- a'"},
      {"-a", "-a"},
      {"a: b", "'a: b'"},
      {"a:b", "a:b"},
      {"a:", "'a:'"},
      {"a #b", "'a #b'"},
      {"a#b", "a#b"},
      {"#a", "'#a'"},
      {"it's", "it's"},
      {"'q'", "'''q'''"},
      {"{a}", "'{a}'"},
      {"a]", "a]"},
      {"*a", "'*a'"},
      {"%a", "'%a'"},
      {" a", "' a'"},
      {"a ", "'a '"},
      {"---", "'---'"},
      {"a\tb", "\"a\\tb\""},
      {"a\r\nb", "\"a\\r\\nb\""},
      {"\u00e4", "\u00e4"},
      {"\U0001F600", "\"\\U0001F600\""},
      {"a\x07", "\"a\\a\""},
      {"a\\b", "a\\b"},
      {"\"", "'\"'"},
  };
  for (const auto& [text, yaml] : cases) {
    const Document value = boost::json::object{{"k", boost::json::string_view(text)}};
    EXPECT_EQ(to_yaml(value), "k: " + std::string(yaml) + "\n") << text;
  }
}

TEST(YamlWriter, WritesSeveralLinesAsBlocks) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a\nb", "k: |-\n  a\n  b\n"},       {"a\nb\n", "k: |\n  a\n  b\n"},
      {"a\n\n", "k: |+\n  a\n\n"},         {"\na", "k: |2-\n\n  a\n"},
      {"  a\nb\n", "k: |2\n    a\n  b\n"}, {"a \nb", "k: \"a \\nb\"\n"},
      {"a\n b", "k: |-\n  a\n   b\n"},
  };
  for (const auto& [text, yaml] : cases) {
    const Document value = boost::json::object{{"k", boost::json::string_view(text)}};
    EXPECT_EQ(to_yaml(value), yaml) << text;
  }
}

TEST(YamlWriter, IndentsABlockThatIsAllOfADocument) {
  EXPECT_EQ(to_yaml(Document("a\nb")), "|-\n  a\n  b\n");
  for (const std::string_view text : {"a\nb", " a\nb\n", "\na\n\n", "a\n\n\n\nb"}) {
    EXPECT_EQ(parse_yaml(to_yaml(Document(text))), Document(text)) << text;
  }
}

TEST(YamlWriter, FoldsLongLines) {
  std::string words;
  for (int i = 0; i < 30; ++i) words += "word ";
  words += "end";
  const Document value = boost::json::object{{"k", words}};
  EXPECT_EQ(to_yaml(value),
            "k: word word word word word word word word word word word word word word word word\n"
            "  word word word word word word word word word word word word word word end\n");
}

TEST(YamlWriter, LongKeysStandAlone) {
  const std::string key(129, 'k');
  const Document value = boost::json::object{{key, boost::json::array{1}}};
  EXPECT_EQ(to_yaml(value), "? " + key + "\n:\n- 1\n");
  EXPECT_EQ(read(to_yaml(value)), to_json(value));
}

TEST(Yaml, WhatIsWrittenReadsTheSame) {
  constexpr std::string_view kPieces[] = {
      "a",          " ",
      "\n",         "- ",
      ": ",         "#",
      "'",          "\"",
      "\\",         "\t",
      "1",          ".",
      "e",          "yes",
      "|",          ">",
      "&x",         "*",
      "!",          "%",
      "@",          "`",
      "{",          "}",
      "[",          "]",
      ",",          "?",
      "~",          "\u00e4",
      "\u2028",     "\u0085",
      "\U0001F600", "word word word word word word word word word word word word word word wo ",
      "---",        "...",
      "<<",         "0x",
      "_",          "\r",
      "\x07",
  };
  std::uint64_t state = 1;
  const auto random = [&state](std::size_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(state >> 33) % below;
  };
  for (int round = 0; round < 3000; ++round) {
    const auto text = [&] {
      std::string made;
      for (std::size_t n = random(6); n > 0; --n) made += kPieces[random(std::size(kPieces))];
      return made;
    };
    const Document value = boost::json::object{
        {"a" + text(), text()},
        {"list", boost::json::array{text(), boost::json::object{{"b" + text(), text()}}, text()}},
        {"map", boost::json::object{{"c", text()}, {"d", 1.5}, {"e", nullptr}}},
    };
    const std::string yaml = to_yaml(value);
    const auto back = parse_yaml(yaml, {.strict = true});
    ASSERT_TRUE(back) << back.error().message() << "\n" << yaml;
    ASSERT_EQ(*back, value) << to_json(value) << "\n" << yaml;
  }
}

}  // namespace
}  // namespace keelson::api
