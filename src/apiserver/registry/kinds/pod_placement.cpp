// SPDX-License-Identifier: Apache-2.0
// Affinity to nodes and pods, and spreading.
#include "api/names.h"
#include "api/selector.h"
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

using core::v1::NodeSelectorRequirement;
using core::v1::NodeSelectorTerm;

// `any_value`: also such that no label can have.
void check_requirement(const NodeSelectorRequirement& requirement, bool any_value,
                       const FieldPath& path, FieldErrors& errors) {
  const FieldPath values = path.child("values");
  const std::string& op = requirement.operator_;
  if (op == "In" || op == "NotIn") {
    if (requirement.values.empty()) {
      errors.required(values, "must be specified when `operator` is 'In' or 'NotIn'");
    }
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (!requirement.values.empty()) {
      errors.forbidden(values,
                       "may not be specified when `operator` is 'Exists' or "
                       "'DoesNotExist'");
    }
  } else if (op == "Gt" || op == "Lt") {
    if (requirement.values.size() != 1) {
      errors.required(values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
    }
  } else {
    errors.invalid(path.child("operator"), op, "not a valid selector operator");
  }
  errors.invalid_each(path.child("key"), requirement.key,
                      api::validate_qualified_name(requirement.key));
  if (any_value) return;
  for (std::size_t i = 0; i < requirement.values.size(); ++i) {
    errors.invalid_each(values.index(i), requirement.values[i],
                        api::validate_label_value(requirement.values[i]));
  }
}

// Of the node itself rather than its labels: its name, that is.
void check_field_requirement(const NodeSelectorRequirement& requirement, const FieldPath& path,
                             FieldErrors& errors) {
  const std::string& op = requirement.operator_;
  if (op != "In" && op != "NotIn") {
    errors.invalid(path.child("operator"), op, "not a valid selector operator");
  } else if (requirement.values.size() != 1) {
    errors.required(path.child("values"),
                    "must be only one value when `operator` is 'In' or 'NotIn' for node field "
                    "selector");
  }
  if (requirement.key != "metadata.name") {
    errors.invalid(path.child("key"), requirement.key, "not a valid field selector key");
    return;
  }
  for (std::size_t i = 0; i < requirement.values.size(); ++i) {
    errors.invalid_each(path.child("values").index(i), requirement.values[i],
                        api::name_is_dns_subdomain(requirement.values[i], false));
  }
}

void check_term(const NodeSelectorTerm& term, bool any_value, const FieldPath& path,
                FieldErrors& errors) {
  for (std::size_t i = 0; i < term.matchExpressions.size(); ++i) {
    check_requirement(term.matchExpressions[i], any_value, path.child("matchExpressions").index(i),
                      errors);
  }
  for (std::size_t i = 0; i < term.matchFields.size(); ++i) {
    check_field_requirement(term.matchFields[i], path.child("matchFields").index(i), errors);
  }
}

void check_node_affinity(const core::v1::NodeAffinity& affinity, const PodRules& rules,
                         const FieldPath& path, FieldErrors& errors) {
  if (affinity.requiredDuringSchedulingIgnoredDuringExecution) {
    const auto& terms = affinity.requiredDuringSchedulingIgnoredDuringExecution->nodeSelectorTerms;
    const FieldPath at =
        path.child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
    if (terms.empty()) errors.required(at, "must have at least one node selector term");
    for (std::size_t i = 0; i < terms.size(); ++i) {
      check_term(terms[i], rules.any_node_label_value, at.index(i), errors);
    }
  }
  const auto& preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution;
  for (std::size_t i = 0; i < preferred.size(); ++i) {
    const FieldPath at = path.child("preferredDuringSchedulingIgnoredDuringExecution").index(i);
    if (preferred[i].weight <= 0 || preferred[i].weight > 100) {
      errors.invalid(at.child("weight"), preferred[i].weight, "must be in the range 1-100");
    }
    check_term(preferred[i].preference, true, at.child("preference"), errors);
  }
}

void check_pod_term(const core::v1::PodAffinityTerm& term, const FieldPath& path,
                    FieldErrors& errors) {
  if (term.labelSelector) {
    errors += api::validate_label_selector(*term.labelSelector, path.child("labelSelector"));
  }
  if (term.namespaceSelector) {
    errors +=
        api::validate_label_selector(*term.namespaceSelector, path.child("namespaceSelector"));
  }
  for (const auto& name : term.namespaces) {
    errors.invalid_each(path.child("namespace"), name, api::name_is_dns_label(name, false));
  }
  if (term.topologyKey.empty()) {
    errors.required(path.child("topologyKey"), "can not be empty");
  } else {
    errors.invalid_each(path.child("topologyKey"), term.topologyKey,
                        api::validate_qualified_name(term.topologyKey));
  }
}

void check_pod_affinity(const auto& affinity, const FieldPath& path, FieldErrors& errors) {
  const auto& required = affinity.requiredDuringSchedulingIgnoredDuringExecution;
  for (std::size_t i = 0; i < required.size(); ++i) {
    check_pod_term(required[i],
                   path.child("requiredDuringSchedulingIgnoredDuringExecution").index(i), errors);
  }
  const auto& preferred = affinity.preferredDuringSchedulingIgnoredDuringExecution;
  for (std::size_t i = 0; i < preferred.size(); ++i) {
    const FieldPath at = path.child("preferredDuringSchedulingIgnoredDuringExecution").index(i);
    if (preferred[i].weight <= 0 || preferred[i].weight > 100) {
      errors.invalid(at.child("weight"), preferred[i].weight, "must be in the range 1-100");
    }
    check_pod_term(preferred[i].podAffinityTerm, at.child("podAffinityTerm"), errors);
  }
}

void check_spread(const std::vector<core::v1::TopologySpreadConstraint>& constraints,
                  const FieldPath& path, FieldErrors& errors) {
  NameSet seen;
  for (std::size_t i = 0; i < constraints.size(); ++i) {
    const auto& constraint = constraints[i];
    const FieldPath at = path.index(i);
    if (constraint.maxSkew <= 0) {
      errors.invalid(at.child("maxSkew"), constraint.maxSkew, "must be greater than zero");
    }
    if (constraint.topologyKey.empty()) {
      errors.required(at.child("topologyKey"), "can not be empty");
    } else {
      errors.invalid_each(at.child("topologyKey"), constraint.topologyKey,
                          api::validate_qualified_name(constraint.topologyKey));
    }
    if (constraint.whenUnsatisfiable.empty()) {
      errors.not_supported(at.child("whenUnsatisfiable"), "", {"DoNotSchedule", "ScheduleAnyway"});
    }
    if (constraint.minDomains) {
      if (*constraint.minDomains <= 0) {
        errors.invalid(at.child("minDomains"), *constraint.minDomains, "must be greater than zero");
      }
      if (constraint.whenUnsatisfiable != "DoNotSchedule") {
        errors.invalid(at.child("minDomains"), *constraint.minDomains,
                       "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not " +
                           constraint.whenUnsatisfiable);
      }
    }
    const std::string pair =
        "{" + constraint.topologyKey + ", " + constraint.whenUnsatisfiable + "}";
    if (!seen.insert(pair).second) {
      errors.duplicate(at.child("{topologyKey, whenUnsatisfiable}"), pair);
    }
    if (constraint.labelSelector) {
      errors += api::validate_label_selector(*constraint.labelSelector, at.child("labelSelector"));
    }
  }
}

}  // namespace

void check_placement(const core::v1::PodSpec& spec, const PodRules& rules, const FieldPath& path,
                     FieldErrors& errors) {
  if (spec.affinity) {
    const FieldPath at = path.child("affinity");
    const auto& affinity = *spec.affinity;
    if (affinity.nodeAffinity) {
      check_node_affinity(*affinity.nodeAffinity, rules, at.child("nodeAffinity"), errors);
    }
    if (affinity.podAffinity) {
      check_pod_affinity(*affinity.podAffinity, at.child("podAffinity"), errors);
    }
    if (affinity.podAntiAffinity) {
      check_pod_affinity(*affinity.podAntiAffinity, at.child("podAntiAffinity"), errors);
    }
  }
  check_spread(spec.topologySpreadConstraints, path.child("topologySpreadConstraints"), errors);
}

bool breaks_node_label_value(const core::v1::PodSpec& spec) {
  if (!spec.affinity || !spec.affinity->nodeAffinity) return false;
  const auto& required =
      spec.affinity->nodeAffinity->requiredDuringSchedulingIgnoredDuringExecution;
  if (!required) return false;
  for (const auto& term : required->nodeSelectorTerms) {
    for (const auto& requirement : term.matchExpressions) {
      for (const auto& value : requirement.values) {
        if (!api::validate_label_value(value).empty()) return true;
      }
    }
  }
  return false;
}

}  // namespace keelson::apiserver
