// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/certificates_signing_request.h"

#include "api/names.h"
#include "apiserver/registry/kinds/signing_request_rules.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {

namespace json = boost::json;
using certificates::v1::CertificateSigningRequest;

namespace {

std::vector<json::value*> conditions_of(api::Document& request, std::string_view type) {
  std::vector<json::value*> found;
  auto* conditions = api::find_at(request, {"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array()) return found;
  for (auto& condition : conditions->get_array()) {
    if (api::string_at(condition, {"type"}) == type) found.push_back(&condition);
  }
  return found;
}

// Where none was added and none taken away, they are as they were.
void keep_conditions(api::Document& now, api::Document before, std::string_view type) {
  const auto present = conditions_of(now, type);
  const auto old = conditions_of(before, type);
  if (present.size() != old.size()) return;
  for (std::size_t i = 0; i < old.size(); ++i) *present[i] = *old[i];
}

// What was asked for does not change, so the tables are not consulted again.
api::FieldErrors checked_change(const api::Document& now, const api::Document& before,
                                SigningChange change) {
  const auto old = api::decode<CertificateSigningRequest>(before);
  if (!old) return {};
  return check_typed<CertificateSigningRequest>(
      now, {}, [&](const CertificateSigningRequest& request, api::FieldErrors& errors) {
        check_signing_change(request, *old, change, errors);
      });
}

}  // namespace

void SigningRequestStrategy::prepare_for_create(api::Document& object,
                                                const CallContext& call) const {
  auto& spec = api::object_at(object, {"spec"});
  for (const std::string_view name : {"username", "uid", "groups", "extra"}) spec.erase(name);
  spec["username"] = call.user.name;
  if (!call.user.uid.empty()) spec["uid"] = call.user.uid;
  json::array groups;
  for (const auto& group : call.user.groups) groups.emplace_back(group);
  spec["groups"] = std::move(groups);
  json::object extra;
  for (const auto& [key, values] : call.user.extra) {
    json::array list;
    for (const auto& value : values) list.emplace_back(value);
    extra[key] = std::move(list);
  }
  if (!extra.empty()) spec["extra"] = std::move(extra);
}

bool SigningRequestStrategy::prepare_for_update(api::Document& now, const api::Document& before,
                                                const CallContext& call) const {
  // What was asked for cannot change: it is what gets signed.
  if (const auto* spec = api::find_at(before, {"spec"})) now.get_object()["spec"] = *spec;
  return Strategy::prepare_for_update(now, before, call);
}

void SigningRequestStrategy::prepare_for_status_update(api::Document& now,
                                                       const api::Document& before) const {
  for (const std::string_view type : {"Approved", "Denied"}) keep_conditions(now, before, type);
}

std::vector<std::string> SigningRequestStrategy::validate_name(std::string_view name,
                                                               bool prefix) const {
  return api::name_is_path_segment(name, prefix);
}

api::FieldErrors SigningRequestStrategy::validate(const api::Document& object) const {
  return check_typed<CertificateSigningRequest>(object, Strategy::validate(object),
                                                check_signing_request);
}

api::FieldErrors SigningRequestStrategy::validate_update(const api::Document& now,
                                                         const api::Document& before) const {
  return checked_change(now, before, SigningChange::Object);
}

api::FieldErrors SigningRequestStrategy::validate_status_update(const api::Document& now,
                                                                const api::Document& before) const {
  return checked_change(now, before, SigningChange::Status);
}

api::FieldErrors SigningRequestStrategy::validate_subresource_update(const api::Document& now,
                                                                     const api::Document& before,
                                                                     std::string_view) const {
  return checked_change(now, before, SigningChange::Approval);
}

}  // namespace keelson::apiserver
