// SPDX-License-Identifier: Apache-2.0
#include "kubelet/images/image_name.h"

#include <boost/json.hpp>

#include "api/scalars.h"

namespace keelson::kubelet {

namespace {

constexpr std::string_view kDefaultRegistry = "docker.io";
constexpr std::size_t kNameLimit = 255;

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// One part of a repository's path: runs of letters and digits, joined by ".", "_", "__" or "-"s.
bool is_path_component(std::string_view text) {
  if (text.empty() || !is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back())) {
    return false;
  }
  for (std::size_t i = 0; i < text.size();) {
    if (is_lower_or_digit(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && !is_lower_or_digit(text[end])) ++end;
    const std::string_view separator = text.substr(i, end - i);
    const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (separator != "." && separator != "_" && separator != "__" && !dashes) return false;
    i = end;
  }
  return true;
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > 128 || text.front() == '.' || text.front() == '-') return false;
  return std::ranges::all_of(
      text, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_digest(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view value = text.substr(colon + 1);
  return value.size() >= 32 && std::ranges::all_of(value, [](unsigned char c) {
           return std::isxdigit(c) && !std::isupper(c);
         });
}

bool is_registry(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
  });
}

std::string_view without_scheme(std::string_view url) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (url.starts_with(scheme)) url.remove_prefix(scheme.size());
  }
  // "https://index.docker.io/v1/" is the historical name of the default registry.
  while (url.ends_with('/')) url.remove_suffix(1);
  for (const std::string_view version : {"/v1", "/v2"}) {
    if (url.ends_with(version)) url.remove_suffix(version.size());
  }
  return url;
}

std::string text_member(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

std::string ImageName::text() const {
  std::string out = registry + "/" + repository;
  if (!tag.empty()) out += ":" + tag;
  if (!digest.empty()) out += "@" + digest;
  return out;
}

Result<ImageName> parse_image_name(std::string_view text) {
  const auto bad = [&] {
    return fail(Status::bad_request("couldn't parse image name \"" + std::string(text) +
                                    "\": invalid reference format"));
  };
  ImageName name;
  std::string_view rest = text;
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    name.digest = rest.substr(at + 1);
    if (!is_digest(name.digest)) return bad();
    rest = rest.substr(0, at);
  }
  const auto slash = rest.rfind('/');
  if (const auto colon = rest.rfind(':');
      colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    name.tag = rest.substr(colon + 1);
    if (!is_tag(name.tag)) return bad();
    rest = rest.substr(0, colon);
  }
  const auto first_slash = rest.find('/');
  const std::string_view first =
      first_slash == std::string_view::npos ? std::string_view() : rest.substr(0, first_slash);
  const bool has_registry =
      first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
      std::ranges::any_of(first, [](unsigned char c) { return std::isupper(c); });
  if (has_registry) {
    if (!is_registry(first)) return bad();
    name.registry = first;
    rest.remove_prefix(first_slash + 1);
  } else {
    name.registry = kDefaultRegistry;
  }
  if (name.registry == "index.docker.io") name.registry = kDefaultRegistry;
  std::string_view path = rest;
  while (true) {
    const auto next = path.find('/');
    if (!is_path_component(path.substr(0, next))) return bad();
    if (next == std::string_view::npos) break;
    path.remove_prefix(next + 1);
  }
  name.repository = rest;
  if (name.registry == kDefaultRegistry && rest.find('/') == std::string_view::npos) {
    name.repository = "library/" + name.repository;
  }
  if (name.registry.size() + name.repository.size() > kNameLimit) return bad();
  if (name.tag.empty() && name.digest.empty()) name.tag = "latest";
  return name;
}

Result<std::vector<RegistryCredentials>> find_credentials(std::string_view docker_config,
                                                          const ImageName& image) {
  boost::system::error_code error;
  const auto document = boost::json::parse(docker_config, error);
  if (error || !document.is_object()) {
    return fail(Status::bad_request("image pull secret is not a docker configuration"));
  }
  const auto* auths = document.get_object().if_contains("auths");
  const boost::json::object& entries =
      auths && auths->is_object() ? auths->get_object() : document.get_object();
  const std::string whole = image.registry + "/" + image.repository;
  std::vector<std::pair<std::size_t, RegistryCredentials>> found;
  for (const auto& [url, value] : entries) {
    if (!value.is_object()) continue;
    std::string server(without_scheme(url));
    if (server == "index.docker.io") server = kDefaultRegistry;
    const bool matches = whole == server || whole.starts_with(server + "/");
    if (!matches) continue;
    RegistryCredentials credentials{.username = text_member(value.get_object(), "username"),
                                    .password = text_member(value.get_object(), "password"),
                                    .server = server};
    if (const std::string encoded = text_member(value.get_object(), "auth"); !encoded.empty()) {
      TRY(const std::string pair, api::base64_decode(encoded));
      const auto colon = pair.find(':');
      if (colon == std::string::npos) {
        return fail(Status::bad_request("image pull secret has an unusable auth field"));
      }
      credentials.username = pair.substr(0, colon);
      credentials.password = pair.substr(colon + 1);
    }
    found.emplace_back(server.size(), std::move(credentials));
  }
  std::ranges::sort(found, std::greater<>(), [](const auto& entry) { return entry.first; });
  std::vector<RegistryCredentials> out;
  for (auto& entry : found) out.push_back(std::move(entry.second));
  return out;
}

}  // namespace keelson::kubelet
