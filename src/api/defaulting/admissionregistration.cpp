// SPDX-License-Identifier: Apache-2.0
// Defaults of admissionregistration.k8s.io.
#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"admissionregistration/v1.ValidatingWebhook", "failurePolicy", When::Nil, R"("Fail")"},
    {"admissionregistration/v1.ValidatingWebhook", "matchPolicy", When::Nil, R"("Equivalent")"},
    {"admissionregistration/v1.ValidatingWebhook", "namespaceSelector", When::Nil, "{}"},
    {"admissionregistration/v1.ValidatingWebhook", "objectSelector", When::Nil, "{}"},
    {"admissionregistration/v1.ValidatingWebhook", "timeoutSeconds", When::Nil, "10"},
    {"admissionregistration/v1.MutatingWebhook", "failurePolicy", When::Nil, R"("Fail")"},
    {"admissionregistration/v1.MutatingWebhook", "matchPolicy", When::Nil, R"("Equivalent")"},
    {"admissionregistration/v1.MutatingWebhook", "namespaceSelector", When::Nil, "{}"},
    {"admissionregistration/v1.MutatingWebhook", "objectSelector", When::Nil, "{}"},
    {"admissionregistration/v1.MutatingWebhook", "timeoutSeconds", When::Nil, "10"},
    {"admissionregistration/v1.MutatingWebhook", "reinvocationPolicy", When::Nil, R"("Never")"},
    // A rule's members stand in the types that inline it.
    {"admissionregistration/v1.RuleWithOperations", "scope", When::Nil, R"("*")"},
    {"admissionregistration/v1.NamedRuleWithOperations", "scope", When::Nil, R"("*")"},
    {"admissionregistration/v1beta1.NamedRuleWithOperations", "scope", When::Nil, R"("*")"},
    {"admissionregistration/v1alpha1.NamedRuleWithOperations", "scope", When::Nil, R"("*")"},
    {"admissionregistration/v1.ServiceReference", "port", When::Nil, "443"},
    {"admissionregistration/v1.ValidatingAdmissionPolicySpec", "failurePolicy", When::Nil,
     R"("Fail")"},
    {"admissionregistration/v1.MutatingAdmissionPolicySpec", "failurePolicy", When::Nil,
     R"("Fail")"},
    {"admissionregistration/v1.MatchResources", "matchPolicy", When::Nil, R"("Equivalent")"},
    {"admissionregistration/v1.MatchResources", "namespaceSelector", When::Nil, "{}"},
    {"admissionregistration/v1.MatchResources", "objectSelector", When::Nil, "{}"},
    {"admissionregistration/v1beta1.MutatingAdmissionPolicySpec", "failurePolicy", When::Nil,
     R"("Fail")"},
    {"admissionregistration/v1beta1.MatchResources", "matchPolicy", When::Nil, R"("Equivalent")"},
    {"admissionregistration/v1beta1.MatchResources", "namespaceSelector", When::Nil, "{}"},
    {"admissionregistration/v1beta1.MatchResources", "objectSelector", When::Nil, "{}"},
    {"admissionregistration/v1alpha1.MutatingAdmissionPolicySpec", "failurePolicy", When::Nil,
     R"("Fail")"},
    {"admissionregistration/v1alpha1.MatchResources", "matchPolicy", When::Nil, R"("Equivalent")"},
    {"admissionregistration/v1alpha1.MatchResources", "namespaceSelector", When::Nil, "{}"},
    {"admissionregistration/v1alpha1.MatchResources", "objectSelector", When::Nil, "{}"},
    {"admissionregistration/v1alpha1.ParamRef", "parameterNotFoundAction", When::Nil, R"("Deny")"},
};

}  // namespace

const Rules kAdmissionRegistrationRules = {kLiterals, {}};

}  // namespace keelson::api::defaulting
