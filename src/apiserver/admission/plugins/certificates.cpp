// SPDX-License-Identifier: Apache-2.0
// Upstream's CertificateApproval, CertificateSigning and CertificateSubjectRestriction: who may
// have a certificate approved and signed is said for each signer.
#include "api/certificates/v1.h"
#include "api/codec/json.h"
#include "apiserver/admission/plugins/plugins.h"
#include "base/log.h"
#include "pki/certificate.h"
#include "pki/digest.h"

namespace keelson::apiserver {
namespace {

using certificates::v1::CertificateSigningRequest;

constexpr std::string_view kGroup = "certificates.k8s.io";
constexpr std::string_view kClientSigner = "kubernetes.io/kube-apiserver-client";

class CertificateAdmission final : public AdmissionPlugin {
 public:
  explicit CertificateAdmission(std::shared_ptr<const RbacAuthorizer> rbac)
      : rbac_(std::move(rbac)) {}

  std::string_view name() const override { return "CertificateApproval"; }

  Task<Result<void>> validate(const AdmissionRequest& request) override {
    if (request.resource.group != kGroup ||
        request.resource.plural != "certificatesigningrequests") {
      co_return Result<void>{};
    }
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
    const auto pem = pki::base64_decode(api::string_at(*request.object, {"spec", "request"}));
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
