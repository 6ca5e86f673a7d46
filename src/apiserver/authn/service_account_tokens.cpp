// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authn/service_account_tokens.h"

#include <algorithm>
#include <boost/json/value_from.hpp>

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "apiserver/authn/node_token.h"
#include "apiserver/context/document_metadata.h"
#include "apiserver/registry/registry.h"
#include "net/http.h"
#include "pki/digest.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using core::v1::Node;
using core::v1::Pod;
using core::v1::Secret;
using core::v1::ServiceAccount;

constexpr std::string_view kUserPrefix = "system:serviceaccount:";
constexpr std::string_view kExtra = "authentication.kubernetes.io/";

// Source: authentication.k8s.io/v1 TokenRequest; upstream validation of its spec.
constexpr std::int64_t kExpirationMin = std::int64_t{10} * 60;
constexpr std::int64_t kExpirationLimit = std::int64_t{1} << 32;
constexpr std::int64_t kExpirationDefault = 3600;
// What the projected volume of a pod asks for. As upstream, such tokens hold longer than they say,
// for programs that read them only once.
constexpr std::int64_t kPodExpiration = 3607;
constexpr std::int64_t kPodLifetime = std::int64_t{365} * 24 * 3600;
// Clocks of servers differ; upstream's leeway.
constexpr auto kLeeway = 60s;
// A pod keeps its identity while it ends, and a little longer; upstream's.
constexpr auto kDeletedLeeway = 60s;
constexpr std::size_t kKnownMax = 4096;
constexpr std::size_t kTokenMax = 64 << 10;

std::int64_t seconds_of(Wall time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::unexpected<Status> unauthorized() { return fail(Reason::Unauthorized, "Unauthorized"); }

std::vector<std::string> strings_of(const api::Document* value) {
  std::vector<std::string> out;
  if (value == nullptr) return out;
  if (value->is_string()) {
    out.emplace_back(value->get_string());
  } else if (value->is_array()) {
    for (const auto& item : value->get_array()) {
      if (item.is_string()) out.emplace_back(item.get_string());
    }
  }
  return out;
}

json::object reference(const api::Object& object) {
  return {{"name", object.name()}, {"uid", object.uid()}};
}

Status uid_conflict(const api::Resource& resource, const std::string& name,
                    const std::string& wanted, const std::string& actual) {
  return Status::conflict(resource.group, resource.plural, name,
                          "the UID in the bound object reference (" + wanted +
                              ") does not match the UID in record (" + actual +
                              "). The object might have been deleted and then recreated");
}

bool is_past(const meta::v1::ObjectMeta& metadata, Wall now) {
  return metadata.deletionTimestamp && metadata.deletionTimestamp->point() + kDeletedLeeway < now;
}

}  // namespace

struct ServiceAccountTokens::Claims {
  struct Bound {
    std::string name, uid;
    bool is_set() const { return !name.empty() || !uid.empty(); }
  };

  std::vector<std::string> audiences;
  std::int64_t expires = 0, not_before = 0;
  std::string id, namespace_;
  Bound account, pod, secret, node;
  bool node_alone = false;  // Bound to the node itself, not to a pod on it.

  static std::optional<Claims> parse(std::string_view text);
};

std::optional<ServiceAccountTokens::Claims> ServiceAccountTokens::Claims::parse(
    std::string_view text) {
  const auto document = api::parse_json(text);
  if (!document || !document->is_object()) return std::nullopt;
  const auto bound = [&](std::string_view name) {
    return Bound{std::string(api::string_at(*document, {"kubernetes.io", name, "name"})),
                 std::string(api::string_at(*document, {"kubernetes.io", name, "uid"}))};
  };
  Claims claims;
  claims.audiences = strings_of(api::find_at(*document, {"aud"}));
  claims.expires = int_at(*document, {"exp"});
  claims.not_before = int_at(*document, {"nbf"});
  claims.id = api::string_at(*document, {"jti"});
  claims.namespace_ = api::string_at(*document, {"kubernetes.io", "namespace"});
  claims.account = bound("serviceaccount");
  claims.pod = bound("pod");
  claims.secret = bound("secret");
  claims.node = bound("node");
  claims.node_alone = claims.node.is_set() && !claims.pod.is_set();
  std::string subject(kUserPrefix);
  subject.append(claims.namespace_).append(":").append(claims.account.name);
  if (claims.namespace_.empty() || claims.account.name.empty() || claims.account.uid.empty() ||
      claims.expires == 0 || api::string_at(*document, {"sub"}) != subject) {
    return std::nullopt;
  }
  return claims;
}

ServiceAccountTokens::ServiceAccountTokens(Parts parts, CacheSet& caches, const Executor& executor,
                                           Random& random)
    : parts_(std::move(parts)), caches_(caches), executor_(executor), random_(random) {}

Task<Result<api::ObjectPtr>> ServiceAccountTokens::find(const api::Resource& resource,
                                                        api::ObjectKey key) const {
  const auto cache = caches_.find(resource);
  CHECK(cache != nullptr);
  auto object = cache->find(key);
  if (!object) {
    CO_TRY_OK(co_await caches_.wait_consistent());
    object = cache->find(key);
  }
  if (!object) co_return fail(Status::not_found(resource.group, resource.plural, key.name));
  co_return object;
}

Task<Result<json::object>> ServiceAccountTokens::bind(const api::ObjectKey& account,
                                                      const api::Document& request) const {
  json::object claims;
  const auto* bound_to = api::find_at(request, {"spec", "boundObjectRef"});
  if (bound_to == nullptr || !bound_to->is_object()) co_return claims;
  const auto text = [&](std::string_view name) {
    return std::string(api::string_at(request, {"spec", "boundObjectRef", name}));
  };
  const std::string kind = text("kind");
  const std::string uid = text("uid");
  const api::Resource* resource = nullptr;
  if (text("apiVersion") == "v1") {
    if (kind == "Pod") resource = &api::resource_of<Pod>();
    if (kind == "Secret") resource = &api::resource_of<Secret>();
    if (kind == "Node") resource = &api::resource_of<Node>();
  }
  if (resource == nullptr) {
    const std::string version = text("apiVersion");
    const auto slash = version.find('/');
    std::string shown = slash == std::string::npos
                            ? "/" + version
                            : version.substr(0, slash) + "/" + version.substr(slash + 1);
    co_return fail(
        Status::bad_request("cannot bind token for object of type " + shown + ", Kind=" + kind));
  }
  const api::ObjectKey key{resource->namespaced ? account.namespace_ : std::string(), text("name")};
  CO_TRY(const auto object, co_await find(*resource, key));
  if (!uid.empty() && uid != object->uid()) {
    co_return fail(uid_conflict(*resource, key.name, uid, object->uid()));
  }
  if (kind != "Pod") {
    claims[kind == "Node" ? "node" : "secret"] = reference(*object);
    co_return claims;
  }
  const Pod& pod = object->as<Pod>();
  if (pod.spec.serviceAccountName != account.name) {
    co_return fail(Status::bad_request("cannot bind token for serviceaccount \"" + account.name +
                                       "\" to pod running with different serviceaccount name."));
  }
  claims["pod"] = reference(*object);
  if (!pod.spec.nodeName.empty()) {
    const auto node =
        caches_.find(api::resource_of<Node>())->find(api::ObjectKey{{}, pod.spec.nodeName});
    // A pod may be told to run on a node that does not exist.
    json::object bound{{"name", pod.spec.nodeName}};
    if (node) bound["uid"] = node->uid();
    claims["node"] = std::move(bound);
  }
  co_return claims;
}

Task<Result<api::Document>> ServiceAccountTokens::issue(CallContext& call, api::ObjectKey key,
                                                        api::Document request) {
  CO_TRY(const auto account, co_await find(api::resource_of<ServiceAccount>(), key));
  std::int64_t seconds = int_at(request, {"spec", "expirationSeconds"});
  if (api::find_at(request, {"spec", "expirationSeconds"}) == nullptr) seconds = kExpirationDefault;
  api::FieldErrors errors;
  if (seconds < kExpirationMin) {
    errors.invalid("spec.expirationSeconds", seconds,
                   "may not specify a duration less than 10 minutes");
  } else if (seconds > kExpirationLimit) {
    errors.invalid("spec.expirationSeconds", seconds,
                   "may not specify a duration larger than 2^32 seconds");
  }
  if (!errors.empty()) {
    co_return fail(errors.status("authentication.k8s.io", "TokenRequest", key.name));
  }
  auto audiences = strings_of(api::find_at(request, {"spec", "audiences"}));
  if (audiences.empty()) audiences.push_back(parts_.issuer);
  CO_TRY(json::object bound, co_await bind(key, request));
  CO_TRY_OK(check_node_token(caches_, parts_.issuer, call.user, key, request));
  bound["namespace"] = key.namespace_;
  bound["serviceaccount"] = reference(*account);

  const std::int64_t now = seconds_of(executor_.now());
  std::int64_t lifetime = seconds;
  if (seconds == kPodExpiration && bound.contains("pod") && audiences.size() == 1 &&
      audiences.front() == parts_.issuer) {
    lifetime = kPodLifetime;
    bound["warnafter"] = now + seconds;
  }
  std::string subject(kUserPrefix);
  subject.append(key.namespace_).append(":").append(key.name);
  const json::object claims{{"aud", json::value_from(audiences)},
                            {"exp", now + lifetime},
                            {"iat", now},
                            {"iss", parts_.issuer},
                            {"jti", random_.uuid()},
                            {"kubernetes.io", std::move(bound)},
                            {"nbf", now},
                            {"sub", subject}};
  std::string token;
  if (!call.dry_run) {
    CO_TRY(token, parts_.signer->sign(api::to_json(claims)));
  }
  auto& spec = api::object_at(request, {"spec"});
  spec["audiences"] = json::value_from(audiences);
  spec["expirationSeconds"] = seconds;
  auto& metadata = metadata_of(request);
  metadata["name"] = key.name;
  metadata["namespace"] = key.namespace_;
  metadata["creationTimestamp"] = time_text(call.now);
  request.get_object()["status"] = json::object{
      {"token", token},
      {"expirationTimestamp", time_text(executor_.now() + std::chrono::seconds(seconds))}};
  co_return request;
}

Result<std::shared_ptr<const ServiceAccountTokens::Claims>> ServiceAccountTokens::verified(
    const std::string& token) {
  const std::string digest = pki::sha256(token);
  {
    std::lock_guard lock(mutex_);
    if (const auto found = known_.find(digest); found != known_.end()) return found->second;
  }
  TRY(const std::string text, parts_.verifier->verify(token));
  auto claims = Claims::parse(text);
  if (!claims) return unauthorized();
  auto shared = std::make_shared<const Claims>(*std::move(claims));
  std::lock_guard lock(mutex_);
  // What is in use comes back at once.
  if (known_.size() >= kKnownMax) known_.clear();
  known_[digest] = shared;
  return shared;
}

Result<void> ServiceAccountTokens::check_objects(const Claims& claims) const {
  const Wall now = executor_.now();
  const auto find_same = [&](const api::Resource& resource, std::string namespace_,
                             const Claims::Bound& bound) -> api::ObjectPtr {
    auto object = caches_.find(resource)->find({std::move(namespace_), bound.name});
    return object && object->uid() == bound.uid ? object : nullptr;
  };
  const auto account =
      find_same(api::resource_of<ServiceAccount>(), claims.namespace_, claims.account);
  if (!account || is_past(account->as<ServiceAccount>().metadata, now)) {
    return unauthorized();
  }
  if (claims.secret.is_set()) {
    const auto secret = find_same(api::resource_of<Secret>(), claims.namespace_, claims.secret);
    if (!secret || is_past(secret->as<Secret>().metadata, now)) return unauthorized();
  }
  if (claims.pod.is_set()) {
    const auto pod = find_same(api::resource_of<Pod>(), claims.namespace_, claims.pod);
    if (!pod || is_past(pod->as<Pod>().metadata, now)) return unauthorized();
  }
  if (claims.node_alone && !find_same(api::resource_of<Node>(), {}, claims.node)) {
    return unauthorized();
  }
  return {};
}

Task<Result<std::optional<Identity>>> ServiceAccountTokens::authenticate(
    std::string token, std::vector<std::string> audiences) {
  if (token.size() > kTokenMax) co_return unauthorized();
  const auto unverified = pki::unverified_claims(token);
  if (!unverified) co_return std::nullopt;
  const auto parsed = api::parse_json(*unverified);
  if (!parsed || api::string_at(*parsed, {"iss"}) != parts_.issuer) co_return std::nullopt;

  auto found = verified(token);
  if (!found) co_return unauthorized();
  const Claims& claims = **found;
  const Wall now = executor_.now();
  if (seconds_of(now - kLeeway) > claims.expires || seconds_of(now + kLeeway) < claims.not_before) {
    co_return unauthorized();
  }
  if (audiences.empty()) audiences.push_back(parts_.issuer);
  std::erase_if(audiences, [&](const std::string& audience) {
    return std::ranges::find(claims.audiences, audience) == claims.audiences.end();
  });
  if (audiences.empty()) co_return unauthorized();
  if (!check_objects(claims)) {
    // The cache may not have seen yet what another server made.
    CO_TRY_OK(co_await caches_.wait_consistent());
    CO_TRY_OK(check_objects(claims));
  }

  Identity identity;
  identity.audiences = std::move(audiences);
  User& user = identity.user;
  user.name = kUserPrefix;
  user.name.append(claims.namespace_).append(":").append(claims.account.name);
  user.uid = claims.account.uid;
  user.groups = {"system:serviceaccounts", "system:serviceaccounts:" + claims.namespace_};
  const auto add = [&](std::string_view name, std::string value) {
    if (value.empty()) return;
    std::string key(kExtra);
    user.extra[key.append(name)] = {std::move(value)};
  };
  if (!claims.id.empty()) add("credential-id", "JTI=" + claims.id);
  add("pod-name", claims.pod.name);
  add("pod-uid", claims.pod.uid);
  add("node-name", claims.node.name);
  add("node-uid", claims.node.uid);
  co_return std::optional(std::move(identity));
}

namespace {

class ServiceAccountAuthenticator final : public Authenticator {
 public:
  explicit ServiceAccountAuthenticator(std::shared_ptr<ServiceAccountTokens> tokens)
      : tokens_(std::move(tokens)) {}

  Task<Result<std::optional<Identity>>> authenticate(const Credentials& credentials) override {
    constexpr std::string_view kScheme = "bearer ";
    const std::string_view value = credentials.headers.get("Authorization");
    if (value.size() <= kScheme.size()) co_return std::nullopt;
    for (std::size_t i = 0; i < kScheme.size(); ++i) {
      const char c = value[i];
      const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      if (lower != kScheme[i]) co_return std::nullopt;
    }
    std::string token(value.substr(kScheme.size()));
    const auto first = token.find_first_not_of(' ');
    if (first == std::string::npos) co_return std::nullopt;
    token.erase(0, first);
    co_return co_await tokens_->authenticate(std::move(token), credentials.audiences);
  }

 private:
  const std::shared_ptr<ServiceAccountTokens> tokens_;
};

}  // namespace

std::unique_ptr<Authenticator> make_service_account_authenticator(
    std::shared_ptr<ServiceAccountTokens> tokens) {
  return std::make_unique<ServiceAccountAuthenticator>(std::move(tokens));
}

}  // namespace keelson::apiserver
