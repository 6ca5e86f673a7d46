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
  std::string message = write_answer(
      *query, {.answers = {{"a.b", Type::A, 30, *address_data("10.0.0.1")}}}, 512);
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
