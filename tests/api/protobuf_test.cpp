// SPDX-License-Identifier: Apache-2.0
#include "api/codec/protobuf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>

#include "api/codec/json.h"
#include "filler.h"

namespace keelson::api {
namespace {

std::string from_hex(std::string_view hex) {
  std::string out;
  int digits = 0;
  int byte = 0;
  for (const char c : hex) {
    if (c == ' ') continue;
    byte = byte * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    if (++digits % 2 == 0) out.push_back(static_cast<char>(std::exchange(byte, 0)));
  }
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    out.push_back("0123456789abcdef"[static_cast<unsigned char>(c) >> 4]);
    out.push_back("0123456789abcdef"[c & 15]);
  }
  return out;
}

std::string varint(std::size_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}

std::string field(std::size_t number, std::string_view bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + std::string(bytes);
}

std::string envelope(std::string_view api_version, std::string_view kind, std::string_view raw) {
  return std::string(kProtobufMagic) + field(1, field(1, api_version) + field(2, kind)) +
         field(2, raw) + field(3, "") + field(4, "");
}

Document json(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(Document());
}

// Lists without elements do not stand on the wire: they come back as null.
std::string without_empty_lists(std::string text) {
  for (std::size_t at; (at = text.find(":[]")) != std::string::npos;) text.replace(at, 3, ":null");
  return text;
}

// An object through the wire and back, normalised.
void expect_round_trip(const Type& type, const void* value) {
  const Document before = encode_document(type, value);
  const auto bytes = encode_protobuf(before);
  ASSERT_TRUE(bytes.has_value()) << bytes.error().message();

  auto after = decode_protobuf(*bytes);
  ASSERT_TRUE(after.has_value()) << after.error().message();
  const auto findings = normalize(*after, type);

  ASSERT_TRUE(findings.has_value()) << findings.error().message();
  EXPECT_TRUE(findings->unknown.empty());
  EXPECT_EQ(to_json(*after), without_empty_lists(to_json(before)));
  EXPECT_EQ(encode_protobuf(*after).value_or(""), *bytes);
}

// Calls visit(type, memory of a default value) for each root type that is a message.
template <class Visit>
int each_root_type(Visit visit) {
  int count = 0;
  for (const GroupVersion* group_version : builtin_group_versions()) {
    for (const Type* type : group_version->types) {
      if (!type->root || type->api_version.empty() || !type->construct) continue;
      const bool on_wire =
          std::ranges::any_of(type->fields, [](const Field& field) { return field.number != 0; });
      if (!on_wire) continue;
      SCOPED_TRACE(std::string(type->package) + "." + std::string(type->name));
      Value value(*type);
      visit(*type, value.get());
      ++count;
    }
  }
  return count;
}

TEST(Protobuf, KeepsEveryFieldOfEveryKind) {
  const int kinds = each_root_type([](const Type& type, void* value) {
    Filler().fill(type, value);
    expect_round_trip(type, value);
  });

  EXPECT_GT(kinds, 150);
}

TEST(Protobuf, KeepsEmptyObjectsOfEveryKind) {
  each_root_type([](const Type& type, void* value) { expect_round_trip(type, value); });
}

TEST(Protobuf, WritesWhatUpstreamWrites) {
  struct Case {
    std::string_view name, object, raw;
  };
  // ObjectMeta: plain strings though empty, generation 0, a creationTimestamp without members.
  const Case cases[] = {
      {"maps in the order of their keys, bytes as they are",
       R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},)"
       R"("data":{"y":"2","x":"1"},"binaryData":{"b":"AP8="}})",
       "0a11 0a0161 1200 1a00 2200 2a00 3200 3800 4200"
       "1206 0a0178 120131 1206 0a0179 120132 1a07 0a0162 120200ff"},
      {"pointers when they are set, though zero",
       R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{},"immutable":false})",
       "0a10 0a00 1200 1a00 2200 2a00 3200 3800 4200 2000"},
      {"lists of scalars not packed; a time in seconds",
       R"({"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":{)"
       R"("creationTimestamp":"1970-01-01T00:00:01Z","finalizers":["f","g"]}})",
       "0a1a 0a00 1200 1a00 2200 2a00 3200 3800 4204 08011000 720166 720167"},
      {"numbers and strings where either may stand, negative numbers in ten bytes",
       R"({"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{},"spec":{)"
       R"("minAvailable":-1,"maxUnavailable":"5%"},"status":{"disruptionsAllowed":0,)"
       R"("currentHealthy":0,"desiredHealthy":0,"expectedPods":0}})",
       "0a10 0a00 1200 1a00 2200 2a00 3200 3800 4200"
       "121b 0a0f 0800 10ffffffffffffffffff01 1a00 1a08 0801 1000 1a0235 25"
       "1a0a 0800 1800 2000 2800 3000"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Document object = json(c.object);
    const auto bytes = encode_protobuf(object);
    ASSERT_TRUE(bytes.has_value()) << bytes.error().message();
    const std::string expected =
        envelope(string_at(object, {"apiVersion"}), string_at(object, {"kind"}), from_hex(c.raw));
    EXPECT_EQ(to_hex(*bytes), to_hex(expected));
  }
}

TEST(Protobuf, PutsInlinedFieldsIntoMessagesOfTheirOwn) {
  // PodSpec { volumes = 1 }, Volume { name = 1, volumeSource = 2 }, VolumeSource { emptyDir = 2 }.
  const std::string volume = field(1, "v") + field(2, field(2, field(1, "")));
  const auto pod = decode_protobuf(envelope("v1", "Pod", field(2, field(1, volume))));

  ASSERT_TRUE(pod.has_value()) << pod.error().message();
  EXPECT_EQ(to_json(*pod), R"({"apiVersion":"v1","kind":"Pod","spec":{"volumes":[{"name":"v",)"
                           R"("emptyDir":{"medium":""}}]}})");
}

TEST(Protobuf, ReadsObjectsInsideObjects) {
  // ControllerRevision { data = 2 }, RawExtension { raw = 1 }.
  const std::string inner = envelope("v1", "ConfigMap", field(2, field(1, "k") + field(2, "v")));
  const std::pair<std::string, std::string_view> cases[] = {
      {R"({"z":1,"a":[2]})", R"({"z":1,"a":[2]})"},
      {inner, R"({"apiVersion":"v1","kind":"ConfigMap","data":{"k":"v"}})"},
  };
  for (const auto& [raw, expected] : cases) {
    const auto revision =
        decode_protobuf(envelope("apps/v1", "ControllerRevision", field(2, field(1, raw))));
    ASSERT_TRUE(revision.has_value()) << revision.error().message();
    EXPECT_EQ(to_json(revision->at("data")), expected);
  }
}

TEST(Protobuf, TakesDeleteOptionsOfAnyGroup) {
  const auto options = decode_protobuf(envelope("apps/v1", "DeleteOptions", from_hex("0805")));

  ASSERT_TRUE(options.has_value()) << options.error().message();
  EXPECT_EQ(options->at("gracePeriodSeconds"), Document(5));
}

TEST(Protobuf, SkipsFieldsThatItDoesNotKnow) {
  // 1000 as a number, 1001 as bytes, 1002 and 1003 in eight and four bytes.
  const auto map = decode_protobuf(envelope(
      "v1", "ConfigMap",
      from_hex("c03e01 ca3e0161 d13e0000000000000000 dd3e00000000") + field(2, field(1, "k"))));

  ASSERT_TRUE(map.has_value()) << map.error().message();
  EXPECT_EQ(to_json(map->at("data")), R"({"k":null})");
}

TEST(Protobuf, MergesWhatComesTwiceAndUnpacksNumbers) {
  // PodSecurityContext { supplementalGroups = 4 } in PodSpec { securityContext = 14 }.
  const std::string once = field(14, field(4, from_hex("0102")));
  const std::string again = field(14, from_hex("2003"));
  const auto pod = decode_protobuf(envelope("v1", "Pod", field(2, once) + field(2, again)));

  ASSERT_TRUE(pod.has_value()) << pod.error().message();
  EXPECT_EQ(to_json(pod->at("spec")), R"({"securityContext":{"supplementalGroups":[1,2,3]}})");
}

TEST(Protobuf, RefusesMalformedInput) {
  const auto config_map = [](std::string_view raw) { return envelope("v1", "ConfigMap", raw); };
  struct Case {
    std::string_view name;
    std::string bytes;
    std::string_view message;
  };
  std::string deep = "{}";
  for (int i = 0; i < 1100; ++i) deep = "[" + deep + "]";
  const Case cases[] = {
      {"nothing", "", "empty data"},
      {"JSON", "{}", "does not appear to be a protobuf message"},
      {"only the magic", std::string(kProtobufMagic), "empty body"},
      {"no kind", envelope("v1", "", ""), "'Kind' is missing"},
      {"unknown kind", envelope("v1", "Foo", ""), "no kind \"Foo\" is registered"},
      {"length beyond the end", config_map(from_hex("12ff01")), "unexpected EOF"},
      {"endless number", config_map(from_hex("20ffffffffffffffffffffff")), "integer overflow"},
      {"cut number", config_map(from_hex("20ff")), "unexpected EOF"},
      {"field 0", config_map(from_hex("0000")), "illegal tag 0"},
      {"group", config_map(from_hex("c33e")), "illegal wireType 3"},
      {"wrong wire type", config_map(from_hex("0801")), "wrong wireType = 0 for field metadata"},
      {"no UTF-8", config_map(field(2, field(1, "k") + field(2, "\xff"))), "invalid UTF-8"},
      {"no UTF-8 in a key", config_map(field(2, field(1, "\xff"))), "invalid UTF-8"},
      {"a time out of reach", config_map(field(1, field(8, from_hex("08ffffffffffffffff7f")))),
       "year outside of range"},
      {"JSON too deep", envelope("apps/v1", "ControllerRevision", field(2, field(1, deep))),
       "depth"},
      {"JSON that is none", envelope("apps/v1", "ControllerRevision", field(2, field(1, "{"))),
       "unexpected end"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto decoded = decode_protobuf(c.bytes);
    ASSERT_FALSE(decoded.has_value());
    EXPECT_TRUE(decoded.error().is(Reason::BadRequest));
    EXPECT_NE(decoded.error().message().find(c.message), std::string::npos)
        << decoded.error().message();
  }
}

TEST(Protobuf, LimitsNestingOfEnvelopes) {
  // v1 List { items = 2 } of RawExtension { raw = 1 }, each a list again.
  std::string list = envelope("v1", "List", "");
  for (int i = 0; i < 100; ++i) list = envelope("v1", "List", field(2, field(1, list)));
  EXPECT_TRUE(decode_protobuf(list).has_value());
  for (int i = 0; i < 100; ++i) list = envelope("v1", "List", field(2, field(1, list)));

  const auto decoded = decode_protobuf(list);

  ASSERT_FALSE(decoded.has_value());
  EXPECT_TRUE(decoded.error().is(Reason::BadRequest));
}

TEST(Protobuf, SurvivesEveryTruncationOfAnObject) {
  const Type* type = find_root_type("v1", "Pod");
  ASSERT_NE(type, nullptr);
  Value pod(*type);
  Filler().fill(*type, pod.get());
  const std::string bytes = encode_protobuf(encode_document(*type, pod.get())).value();

  // The two empty fields at the end can go, the object itself cannot lose a byte.
  for (std::size_t size = 5; size + 4 < bytes.size(); size += 7) {
    EXPECT_FALSE(decode_protobuf(std::string_view(bytes).substr(0, size)).has_value()) << size;
  }
}

TEST(Protobuf, EncodesWhateverItAccepts) {
  std::minstd_rand random(1);
  int accepted = 0;
  for (const auto& [version, kind] :
       {std::pair("v1", "Pod"), std::pair("batch/v1", "CronJob"),
        std::pair("apiextensions.k8s.io/v1", "CustomResourceDefinition")}) {
    SCOPED_TRACE(kind);
    const Type* type = find_root_type(version, kind);
    ASSERT_NE(type, nullptr);
    Value value(*type);
    Filler().fill(*type, value.get());
    const std::string bytes = encode_protobuf(encode_document(*type, value.get())).value();
    for (int i = 0; i < 300; ++i) {
      std::string changed = bytes;
      for (unsigned n = random() % 3 + 1; n-- > 0;) {
        changed[random() % changed.size()] = static_cast<char>(random());
      }
      auto decoded = decode_protobuf(changed);
      if (!decoded || string_at(*decoded, {"kind"}) != kind) continue;
      if (!normalize(*decoded, *type)) continue;
      EXPECT_TRUE(encode_protobuf(*decoded).has_value()) << to_hex(changed);
      ++accepted;
    }
  }
  EXPECT_GT(accepted, 50);
}

TEST(Protobuf, FramesWatchEventsByTheirLength) {
  const Document object = json(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{}})");
  const std::string event = field(1, "ADDED") + field(2, field(1, encode_protobuf(object).value()));

  const auto frame = encode_watch_frame("ADDED", object);

  ASSERT_TRUE(frame.has_value()) << frame.error().message();
  ASSERT_LT(event.size(), 256u);
  EXPECT_EQ(to_hex(*frame),
            to_hex(std::string("\0\0\0", 3) + static_cast<char>(event.size()) + event));
}

TEST(Protobuf, HasNoFormForKindsWithoutTables) {
  const auto bytes = encode_protobuf(json(R"({"apiVersion":"example.com/v1","kind":"Widget"})"));

  ASSERT_FALSE(bytes.has_value());
  EXPECT_TRUE(bytes.error().is(Reason::NotAcceptable));
}

}  // namespace
}  // namespace keelson::api
