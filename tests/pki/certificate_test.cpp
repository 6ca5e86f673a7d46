// SPDX-License-Identifier: Apache-2.0
#include "pki/certificate.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace keelson::pki {
namespace {

using namespace std::chrono_literals;

constexpr Wall kNow{1'800'000'000s};

TEST(Certificate, AuthorityIssuesForNamesAndAddresses) {
  const auto ca = make_ca("kubernetes", kNow);
  ASSERT_TRUE(ca);

  const auto pair = issue(*ca,
                          {.common_name = "system:node:n1",
                           .organizations = {"system:nodes", "other, with comma"},
                           .dns_names = {"n1", "kubernetes.default.svc"},
                           .ip_addresses = {"10.96.0.1", "fd00::1"},
                           .server = true,
                           .client = true},
                          kNow);

  ASSERT_TRUE(pair);
  EXPECT_TRUE(matches(*pair));
  EXPECT_FALSE(matches({pair->certificate_pem, ca->key_pem}));
  const auto authority = parse_certificate(ca->certificate_pem);
  EXPECT_TRUE(authority->is_ca);
  EXPECT_EQ(authority->common_name, "kubernetes");
  EXPECT_EQ(authority->not_after, kNow + 10 * kYear);
  const auto info = parse_certificate(pair->certificate_pem);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->common_name, "system:node:n1");
  EXPECT_EQ(info->organizations, (std::vector<std::string>{"system:nodes", "other, with comma"}));
  EXPECT_EQ(info->issuer_common_name, "kubernetes");
  EXPECT_EQ(info->dns_names, (std::vector<std::string>{"n1", "kubernetes.default.svc"}));
  EXPECT_EQ(info->ip_addresses, (std::vector<std::string>{"10.96.0.1", "fd00::1"}));
  EXPECT_EQ(info->not_before, kNow);
  EXPECT_EQ(info->not_after, kNow + kYear);
  EXPECT_FALSE(info->is_ca);
  EXPECT_TRUE(info->server && info->client);
  EXPECT_NE(info->serial, authority->serial);
}

TEST(Certificate, NeverOutlivesItsAuthority) {
  const auto ca = make_ca("short", kNow, 1h);
  const auto pair = issue(*ca, {.common_name = "leaf", .client = true}, kNow);
  EXPECT_EQ(parse_certificate(pair->certificate_pem)->not_after, kNow + 1h);
}

TEST(Certificate, RequestSaysWhatItAsksFor) {
  const auto key = make_key();
  const auto request = make_request(*key, {.common_name = "system:node:n2",
                                           .organizations = {"system:nodes"},
                                           .dns_names = {"n2"},
                                           .ip_addresses = {"192.0.2.7"}});
  ASSERT_TRUE(request);
  const auto info = parse_request(*request);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->common_name, "system:node:n2");
  EXPECT_EQ(info->organizations, std::vector<std::string>{"system:nodes"});
  EXPECT_EQ(info->dns_names, std::vector<std::string>{"n2"});
  EXPECT_EQ(info->ip_addresses, std::vector<std::string>{"192.0.2.7"});
}

TEST(Certificate, RefusesWhatIsNoPemAndNamesThatAreNone) {
  const auto ca = make_ca("kubernetes", kNow);
  const auto other = make_ca("other", kNow);
  EXPECT_FALSE(parse_certificate(""));
  EXPECT_FALSE(parse_certificate("-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n"));
  EXPECT_FALSE(parse_request(ca->certificate_pem));
  EXPECT_FALSE(public_key_pem("nonsense"));
  EXPECT_FALSE(issue({ca->certificate_pem, other->key_pem}, {.common_name = "x"}, kNow));
  EXPECT_FALSE(issue(*ca, {.common_name = "x", .ip_addresses = {"10.0.0.256"}}, kNow));
  EXPECT_FALSE(issue(*ca, {.common_name = "x", .dns_names = {"a b"}}, kNow));
}

TEST(Certificate, RefusesARequestChangedAfterItWasSigned) {
  const auto key = make_key();
  auto request = *make_request(*key, {.common_name = "system:node:n2"});
  // Changes one letter of the name: base64 of "n2" lies somewhere in the body, so try each place
  // until the request still parses but its signature does not hold.
  bool refused_for_its_signature = false;
  for (std::size_t i = 40; i + 40 < request.size(); ++i) {
    auto changed = request;
    if (changed[i] == '\n') continue;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (changed == request) continue;
    const auto parsed = parse_request(changed);
    EXPECT_FALSE(parsed);
    if (!parsed && parsed.error().message().find("signature") != std::string::npos)
      refused_for_its_signature = true;
  }
  EXPECT_TRUE(refused_for_its_signature);
}

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/keelson-pki-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static int mode(const std::string& path) {
    struct stat status{};
    ::stat(path.c_str(), &status);
    return status.st_mode & 0777;
  }

  std::string folder_;
};

TEST_F(Files, KeysAreForTheOwnerOnly) {
  const auto ca = make_ca("kubernetes", kNow);
  const std::string certificate = folder_ + "/pki/ca.crt", key = folder_ + "/pki/ca.key";

  ASSERT_TRUE(save_pair(*ca, certificate, key));
  ASSERT_TRUE(save_pair(*ca, certificate, key));  // Replaces.

  EXPECT_EQ(mode(key), 0600);
  EXPECT_EQ(mode(certificate), 0644);
  const auto loaded = load_pair(certificate, key);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->key_pem, ca->key_pem);
  // Nothing temporary stays behind.
  const auto count = std::distance(std::filesystem::directory_iterator(folder_ + "/pki"), {});
  EXPECT_EQ(count, 2);
}

TEST_F(Files, SaysWhatIsMissingOrDoesNotBelongTogether) {
  const auto ca = make_ca("a", kNow), other = make_ca("b", kNow);
  EXPECT_TRUE(load_pair(folder_ + "/no.crt", folder_ + "/no.key").error().is(Reason::NotFound));
  ASSERT_TRUE(write_file(folder_ + "/a.crt", ca->certificate_pem, 0644));
  ASSERT_TRUE(write_file(folder_ + "/b.key", other->key_pem, 0600));
  EXPECT_TRUE(load_pair(folder_ + "/a.crt", folder_ + "/b.key").error().is(Reason::BadRequest));
  ASSERT_TRUE(write_file(folder_ + "/huge", std::string(2 << 20, 'x'), 0600));
  EXPECT_TRUE(read_file(folder_ + "/huge").error().is(Reason::RequestEntityTooLarge));
}

}  // namespace
}  // namespace keelson::pki
