// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"
#include "dns/message.h"

// Any bytes may come as a question, or back from an upstream server.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keelson;
  std::string message(reinterpret_cast<const char*>(data), size);
  if (const auto query = dns::parse_query(message)) {
    const auto answer = dns::write_answer(
        *query,
        {.answers = {{query->name, dns::Type::Txt, 5, dns::text_data("x")}}, .authority = {}},
        query->udp_size);
    CHECK(answer.size() <= query->udp_size || answer.size() <= 12 + query->question.size() + 11);
    CHECK(dns::response_ttl(answer).has_value());
  }
  if (dns::response_ttl(message)) {
    dns::age_response(message, 7);
    for (const auto& record : dns::address_records(message)) dns::name_of_data(record.data);
    CHECK(dns::response_ttl(dns::without_opt(message)).has_value());
  }
  return 0;
}
