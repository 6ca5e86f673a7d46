// SPDX-License-Identifier: Apache-2.0
#include "dns/message.h"

#include <gtest/gtest.h>

#include "dns/forwarder.h"

namespace keelson::dns {
namespace {

using namespace std::string_literals;

std::string make_query(std::string_view name, Type type, bool edns = false) {
  std::string message = "\x12\x34\x01\0\0\1\0\0\0\0\0\0"s;
  if (edns) message[11] = 1;
  message += name_data(name);
  message += "\0"s + static_cast<char>(type) + "\0\1"s;
  if (edns) message += "\0\0\x29\x10\0\0\0\0\0\0\0"s;
  return message;
}

TEST(Message, ReadsAQuestionInLowerCase) {
  const auto query = parse_query(make_query("Web.Default.SVC.cluster.local", Type::A));

  ASSERT_TRUE(query);
  EXPECT_EQ(query->id, 0x1234);
  EXPECT_EQ(query->name, "web.default.svc.cluster.local");
  EXPECT_EQ(query->type, 1);
  EXPECT_TRUE(query->recursion_desired);
  EXPECT_EQ(query->udp_size, 512);
}

TEST(Message, ReadsTheSizeOfEdns) {
  const auto query = parse_query(make_query("a.b", Type::A, true));

  ASSERT_TRUE(query);
  EXPECT_TRUE(query->edns);
  EXPECT_EQ(query->udp_size, 1232) << "held at what passes without fragments";
}

TEST(Message, RefusesWhatIsMalformed) {
  const std::string good = make_query("a.b", Type::A);
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(parse_query(good.substr(0, length))) << length;
  std::string response = good;
  response[2] = static_cast<char>(0x81);
  EXPECT_FALSE(parse_query(response)) << "an answer is no question";
  std::string pointer = good;
  pointer[12] = static_cast<char>(0xc0);
  EXPECT_FALSE(parse_query(pointer)) << "a question has nothing to point at";
}

TEST(Message, AnswersFormatErrorsToQueriesOnly) {
  const std::string good = make_query("a.b", Type::A);
  std::string two = good, twice = make_query("a.b", Type::A, true), response = good;
  two[5] = 2;
  twice[11] = 2;
  twice += twice.substr(twice.size() - 11);
  response[2] = static_cast<char>(0x81);
  struct Case {
    std::string_view name;
    std::string message;
    bool answered;
  };
  const Case cases[] = {
      {"cut off", good.substr(0, good.size() - 1), true},
      {"two questions", two, true},
      {"two OPT records", twice, true},
      {"no whole header", good.substr(0, 11), false},
      {"a response", response, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_FALSE(parse_query(c.message));
    EXPECT_EQ(format_error(c.message), c.answered ? "\x12\x34\x81\x01\0\0\0\0\0\0\0\0"s : ""s);
  }
}

TEST(Message, ReadsVersionAndFlagsOfEdns) {
  std::string message = make_query("a.b", Type::A, true);
  message[message.size() - 5] = 1;
  message[message.size() - 4] = static_cast<char>(0x80);
  message[3] = 0x10;

  const auto query = parse_query(message);

  EXPECT_EQ(query->edns_version, 1);
  EXPECT_TRUE(query->dnssec_ok);
  EXPECT_TRUE(query->checking_disabled);
  const std::string answer = write_answer(*query, {.code = Code::BadVersion}, 512);
  EXPECT_EQ(answer[3] & 15, 0);
  EXPECT_EQ(answer[answer.size() - 6], 1) << "the upper bits of the code";
}

TEST(Message, KeepsTheAskersSpelling) {
  const auto query = parse_query(make_query("WeB.DeFault", Type::A));
  const std::string answer = write_answer(
      *query, {.answers = {{"web.default", Type::A, 5, *address_data("10.0.0.1")}}}, 512);

  EXPECT_NE(answer.find("\3WeB\7DeFault"s), std::string::npos);
  EXPECT_EQ(answer.find("\3web"s), std::string::npos) << "records point at the question";
}

// A response of another server, with its own id and OPT record.
std::string make_response(const Query& query, const std::vector<Record>& answers) {
  Query asked = *parse_query(write_query(query, 0x7777));
  return write_answer(asked, {.authoritative = false, .answers = answers}, 65'535);
}

TEST(Message, FitsResponsesOfOthersToTheClient) {
  std::vector<Record> many;
  for (int i = 0; i < 40; ++i) many.push_back({"a.b", Type::A, 60, *address_data("10.0.0.1")});
  for (const bool edns : {false, true}) {
    SCOPED_TRACE(edns);
    const auto query = parse_query(make_query("A.b", Type::A, edns));
    const std::string response = without_opt(make_response(*query, many));
    ASSERT_TRUE(is_response_to(response, 0x7777, query->question));

    const std::string whole = fit_response(*query, response, 65'535);
    const std::string cut = fit_response(*query, response, 512);

    EXPECT_EQ(whole.substr(0, 2), "\x12\x34");
    EXPECT_EQ(whole[7], 40);
    EXPECT_EQ(whole[11], edns ? 1 : 0);
    EXPECT_EQ(without_opt(whole).size(), whole.size() - (edns ? 11 : 0));
    EXPECT_TRUE(is_truncated(cut));
    EXPECT_FALSE(is_truncated(whole));
  }
}

TEST(Message, TellsOthersResponsesFromForgedOnes) {
  const auto query = parse_query(make_query("a.b", Type::A));
  const std::string good = make_response(*query, {});
  std::string question = good, other_id = good, counts = good;
  question[13] = 'x';
  other_id[0] = 0;
  counts[7] = 1;
  EXPECT_TRUE(is_response_to(good, 0x7777, query->question));
  for (const auto& bad :
       {question, other_id, counts, good.substr(0, 11), write_query(*query, 0x7777)})
    EXPECT_FALSE(is_response_to(bad, 0x7777, query->question));
}

TEST(Message, ReadsAliasesWithCompressedNames) {
  const auto query = parse_query(make_query("a.example.com", Type::A));
  // CNAME to "b" at example.com of the question, then the address of "b", whose name points there.
  std::string response = make_response(*query, {});
  response.resize(response.size() - 11);
  response[7] = 2;
  response[11] = 0;
  response += "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1b\xc0\x0e"s;
  const char at = static_cast<char>(response.size() - 4);
  response += "\xc0"s + at + "\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1"s;

  const auto records = address_records(response);

  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].name, "a.example.com");
  EXPECT_EQ(name_of_data(records[0].data), "b.example.com");
  EXPECT_EQ(records[1].name, "b.example.com");
  // A pointer to itself is no name.
  response[response.size() - 16 - 2] = '\xc0';
  response[response.size() - 16 - 1] = static_cast<char>(response.size() - 18);
  EXPECT_LT(address_records(response).size(), 2u);
}

TEST(Message, WritesAnswersThatFitAndSaysWhenTheyDoNot) {
  const auto query = parse_query(make_query("a.b", Type::Txt));
  Answer answer;
  for (int i = 0; i < 20; ++i)
    answer.answers.push_back({"a.b", Type::Txt, 5, text_data(std::string(60, 'x'))});

  const std::string whole = write_answer(*query, answer, 65'535);
  const std::string cut = write_answer(*query, answer, 512);

  EXPECT_EQ(whole[7], 20);
  EXPECT_EQ(whole[2] & 0x02, 0);
  EXPECT_LE(cut.size(), 512u);
  EXPECT_GT(cut[7], 0);
  EXPECT_NE(cut[2] & 0x02, 0);
}

TEST(Message, AgesRecords) {
  const auto query = parse_query(make_query("a.b", Type::A));
  std::string message =
      write_answer(*query, {.answers = {{"a.b", Type::A, 30, *address_data("10.0.0.1")}}}, 512);
  EXPECT_EQ(response_ttl(message), 30u);

  age_response(message, 12);
  EXPECT_EQ(response_ttl(message), 18u);
  age_response(message, 100);
  EXPECT_EQ(response_ttl(message), 0u);
}

TEST(Nameservers, AreReadFromResolvConf) {
  EXPECT_EQ(parse_nameservers("# c\nnameserver 10.0.0.1\nsearch a.b\nnameserver\t10.0.0.2 # x\n"
                              "nameserver bad\nnameserverx 10.0.0.9\nnameserver ::1"),
            (std::vector<std::string>{"10.0.0.1", "10.0.0.2", "::1"}));
}

}  // namespace
}  // namespace keelson::dns
