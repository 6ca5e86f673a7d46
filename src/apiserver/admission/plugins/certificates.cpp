// SPDX-License-Identifier: Apache-2.0
// Upstream's CertificateApproval, CertificateSigning and CertificateSubjectRestriction: who may
// have a certificate approved and signed is said for each signer. Says as well when that was.
#include "api/certificates/v1.h"
#include "api/codec/json.h"
#include "apiserver/admission/plugins/plugins.h"
#include "apiserver/context/document_metadata.h"
#include "base/base64.h"
#include "base/log.h"
#include "pki/certificate.h"

namespace keelson::apiserver {
namespace {

using certificates::v1::CertificateSigningRequest;

constexpr std::string_view kGroup = "certificates.k8s.io";
constexpr std::string_view kClientSigner = "kubernetes.io/kube-apiserver-client";

bool is_signing_request(const AdmissionRequest& request) {
  return request.resource.group == kGroup &&
         request.resource.plural == "certificatesigningrequests";
}

void set_if_missing(boost::json::object& condition, std::string_view member,
                    const std::string& time) {
  auto& present = condition[member];
  if (!present.is_string() || present.get_string().empty()) present = time;
}

// Fills in when conditions came and when they became what they are, where nobody has.
// Source: upstream, pkg/registry/certificates/certificates, populateConditionTimestamps.
void date_conditions(api::Document& object, const CertificateSigningRequest& before, Wall now) {
  auto* conditions = api::find_at(object, {"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array()) return;
  const std::string time = time_text(now);
  for (auto& condition : conditions->get_array()) {
    if (!condition.is_object()) continue;
    std::string since = time;
    for (const auto& old : before.status.conditions) {
      if (old.type == api::string_at(condition, {"type"}) &&
          old.status == api::string_at(condition, {"status"}) && old.lastTransitionTime) {
        since = old.lastTransitionTime.text();
        break;
      }
    }
    set_if_missing(condition.get_object(), "lastUpdateTime", time);
    set_if_missing(condition.get_object(), "lastTransitionTime", since);
  }
}

class CertificateAdmission final : public AdmissionPlugin {
 public:
  explicit CertificateAdmission(std::shared_ptr<const RbacAuthorizer> rbac)
      : rbac_(std::move(rbac)) {}

  std::string_view name() const override { return "CertificateApproval"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    const std::string& subresource = request.call.info.subresource;
    if (is_signing_request(request) && request.operation == Operation::Update &&
        (subresource == "approval" || subresource == "status")) {
      date_conditions(*request.object, request.before->as<CertificateSigningRequest>(),
                      request.call.now);
    }
    co_return Result<void>{};
  }

  Task<Result<void>> validate(const AdmissionRequest& request) override {
    if (!is_signing_request(request)) co_return Result<void>{};
    if (request.operation == Operation::Create) co_return check_subject(request);
    if (request.operation != Operation::Update) co_return Result<void>{};
    const auto& signer = request.before->as<CertificateSigningRequest>().spec.signerName;
    const std::string& subresource = request.call.info.subresource;
    if (subresource == "approval" && !may(request, "approve", signer)) {
      co_return fail(admission_forbidden(
          request, "user not permitted to approve requests with signerName \"" + signer + "\""));
    }
    if (subresource == "status" && signs(request) && !may(request, "sign", signer)) {
      co_return fail(admission_forbidden(
          request, "user not permitted to sign requests with signerName \"" + signer + "\""));
    }
    co_return Result<void>{};
  }

 private:
  // Whether the certificate, or the verdict that there will be none, changes.
  static bool signs(const AdmissionRequest& request) {
    const auto& before = request.before->as<CertificateSigningRequest>().status;
    const auto now = api::decode<CertificateSigningRequest>(*request.object);
    return !now || now->status.certificate != before.certificate ||
           now->status.conditions != before.conditions;
  }

  // The signer itself, or all of its domain: "example.com/*".
  bool may(const AdmissionRequest& request, std::string verb, std::string_view signer) const {
    if (request.call.user.in_group("system:masters")) return true;
    RequestInfo info;
    info.is_resource = true;
    info.verb = std::move(verb);
    info.group = kGroup;
    info.version = "*";
    info.resource = "signers";
    info.name = signer;
    if (rbac_->authorize(request.call.user, info).allowed) return true;
    info.name = signer.substr(0, signer.find('/'));
    info.name += "/*";
    return rbac_->authorize(request.call.user, info).allowed;
  }

  static Result<void> check_subject(const AdmissionRequest& request) {
    if (api::string_at(*request.object, {"spec", "signerName"}) != kClientSigner) return {};
    const auto pem = base64_decode(api::string_at(*request.object, {"spec", "request"}));
    if (!pem) return fail(admission_forbidden(request, "failed to parse CSR"));
    const auto parsed = pki::parse_request(*pem);
    if (!parsed) return fail(admission_forbidden(request, "failed to parse CSR"));
    for (const auto& organization : parsed->organizations) {
      if (organization != "system:masters") continue;
      return fail(admission_forbidden(
          request,
          "use of kubernetes.io/kube-apiserver-client signer with system:masters group "
          "is not allowed"));
    }
    return {};
  }

  const std::shared_ptr<const RbacAuthorizer> rbac_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_certificate_admission(
    std::shared_ptr<const RbacAuthorizer> rbac) {
  return std::make_unique<CertificateAdmission>(std::move(rbac));
}

}  // namespace keelson::apiserver
