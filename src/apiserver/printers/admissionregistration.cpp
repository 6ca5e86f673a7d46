// SPDX-License-Identifier: Apache-2.0
#include "api/admissionregistration/v1.h"
#include "api/selector.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using namespace admissionregistration::v1;

template <class Configuration>
Cells webhook_cells(const Configuration& configuration, Wall now) {
  return {configuration.metadata.name, configuration.webhooks.size(), age_of(configuration, now)};
}

template <class Spec>
std::string parameter_kind(const Spec& spec) {
  return spec.paramKind ? spec.paramKind->apiVersion + "/" + spec.paramKind->kind
                        : std::string(kUnset);
}

Cells validating_policy_cells(const ValidatingAdmissionPolicy& policy, Wall now) {
  return {policy.metadata.name, policy.spec.validations.size(), parameter_kind(policy.spec),
          age_of(policy, now)};
}

Cells mutating_policy_cells(const MutatingAdmissionPolicy& policy, Wall now) {
  return {policy.metadata.name, policy.spec.mutations.size(), parameter_kind(policy.spec),
          age_of(policy, now)};
}

// "namespace/name". It cannot be told from here whether the parameter has a namespace at all.
std::string parameter_name(const ParamRef& reference) {
  if (!reference.name.empty()) return or_else(reference.namespace_, "*") + "/" + reference.name;
  return reference.selector ? api::format_label_selector(reference.selector.get())
                            : std::string(kUnset);
}

template <class Binding>
Cells policy_binding_cells(const Binding& binding, Wall now) {
  const auto& reference = binding.spec.paramRef;
  return {binding.metadata.name, binding.spec.policyName,
          reference ? parameter_name(*reference) : std::string(kUnset), age_of(binding, now)};
}

constexpr Printer kPrinters[] = {
    printer<MutatingAdmissionPolicy, mutating_policy_cells>(),
    printer<MutatingAdmissionPolicyBinding, policy_binding_cells<MutatingAdmissionPolicyBinding>>(),
    printer<MutatingWebhookConfiguration, webhook_cells<MutatingWebhookConfiguration>>(),
    printer<ValidatingAdmissionPolicy, validating_policy_cells>(),
    printer<ValidatingAdmissionPolicyBinding,
            policy_binding_cells<ValidatingAdmissionPolicyBinding>>(),
    printer<ValidatingWebhookConfiguration, webhook_cells<ValidatingWebhookConfiguration>>(),
};

}  // namespace

std::span<const Printer> admissionregistration_printers() { return kPrinters; }

}  // namespace keelson::apiserver
