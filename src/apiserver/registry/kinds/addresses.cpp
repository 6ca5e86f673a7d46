// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/addresses.h"

#include <algorithm>

#include "api/ip.h"
#include "api/names.h"

namespace keelson::apiserver {
namespace {

bool is_in(const api::IpAddress& address, std::string_view prefix) {
  return api::IpPrefix::parse(prefix)->contains(address);
}

}  // namespace

void check_not_special(const std::string& text, const api::FieldPath& path,
                       api::FieldErrors& errors) {
  const auto address = api::IpAddress::parse(text, true);
  if (!address) {
    errors.invalid(path, text, "must be a valid IP address");
    return;
  }
  const bool v4 = address->is_v4();
  const bool unspecified =
      v4 ? address->v4_value() == 0
         : std::ranges::all_of(address->bytes(), [](std::uint8_t byte) { return byte == 0; });
  if (unspecified) errors.invalid(path, text, "may not be unspecified (" + text + ")");
  if (is_in(*address, v4 ? "127.0.0.0/8" : "::1/128")) {
    errors.invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
  }
  if (is_in(*address, v4 ? "169.254.0.0/16" : "fe80::/10")) {
    errors.invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
  }
  if (is_in(*address, v4 ? "224.0.0.0/24" : "ff02::/16")) {
    errors.invalid(path, text,
                   "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
  }
}

void check_ingress_point(const std::string& address, const std::string& name,
                         const api::FieldPath& path, api::FieldErrors& errors) {
  if (!address.empty()) {
    errors += api::validate_ip(path.child("ip"), address, {.legacy = true});
  }
  if (name.empty()) return;
  errors.invalid_each(path.child("hostname"), name, api::validate_dns1123_subdomain(name));
  if (api::IpAddress::parse(name, true)) {
    errors.invalid(path.child("hostname"), name, "must be a DNS name, not an IP address");
  }
}

}  // namespace keelson::apiserver
