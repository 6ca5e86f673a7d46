// SPDX-License-Identifier: Apache-2.0
// Ingresses and their classes.
#include <string>

#include "api/ip.h"
#include "api/names.h"
#include "api/networking/v1.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/addresses.h"
#include "apiserver/registry/kinds/networking.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using networking::v1::Ingress;
using networking::v1::IngressBackend;
using networking::v1::IngressClass;

constexpr std::size_t kControllerLengthMax = 250;
constexpr std::string_view kClassAnnotation = "kubernetes.io/ingress.class";

bool is_address(const std::string& host) { return api::IpAddress::parse(host, true).has_value(); }

void check_host(const std::string& host, const FieldPath& path, FieldErrors& errors) {
  errors.invalid_each(path, host,
                      host.find('*') != std::string::npos
                          ? api::validate_wildcard_dns1123_subdomain(host)
                          : api::validate_dns1123_subdomain(host));
}

// An object that is named by group, kind and name.
template <class Reference>
void check_reference(const Reference& reference, const FieldPath& path, FieldErrors& errors) {
  if (reference.apiGroup) {
    errors.invalid_each(path.child("apiGroup"), *reference.apiGroup,
                        api::validate_dns1123_subdomain(*reference.apiGroup));
  }
  for (const auto& [member, text] :
       {std::pair("kind", &reference.kind), std::pair("name", &reference.name)}) {
    if (text->empty()) {
      errors.required(path.child(member));
    } else {
      errors.invalid_each(path.child(member), *text, api::name_is_path_segment(*text, false));
    }
  }
}

void check_service_backend(const networking::v1::IngressServiceBackend& service,
                           const FieldPath& path, FieldErrors& errors) {
  const FieldPath at = path.child("service");
  if (service.name.empty()) {
    errors.required(at.child("name"));
  } else {
    errors.invalid_each(at.child("name"), service.name,
                        api::name_is_dns1035_label(service.name, false));
  }
  const auto& port = service.port;
  if (!port.name.empty() && port.number != 0) {
    errors.invalid(path, "", "cannot set both port name & port number");
  } else if (!port.name.empty()) {
    errors.invalid_each(at.child("port", "name"), port.name, api::validate_port_name(port.name));
  } else if (port.number != 0) {
    errors.invalid_each(at.child("port", "number"), port.number,
                        api::validate_port_number(port.number));
  } else {
    errors.required(path, "port name or number is required");
  }
}

void check_backend(const IngressBackend& backend, const FieldPath& path, FieldErrors& errors) {
  if (backend.resource && backend.service) {
    errors.invalid(path, "", "cannot set both resource and service backends");
  } else if (backend.resource) {
    check_reference(*backend.resource, path.child("resource"), errors);
  } else if (backend.service) {
    check_service_backend(*backend.service, path, errors);
  } else {
    errors.invalid(path, "", "resource or service backend is required");
  }
}

void check_path_text(const std::string& text, bool exact, const FieldPath& path,
                     FieldErrors& errors) {
  if (!text.starts_with('/') && (exact || !text.empty())) {
    errors.invalid(path, text, "must be an absolute path");
  }
  if (!exact) return;
  for (const std::string_view sequence : {"//", "/./", "/../", "%2f", "%2F"}) {
    if (text.find(sequence) == std::string::npos) continue;
    errors.invalid(path, text, "must not contain '" + std::string(sequence) + "'");
  }
  for (const std::string_view suffix : {"/..", "/."}) {
    if (text.ends_with(suffix)) {
      errors.invalid(path, text, "cannot end with '" + std::string(suffix) + "'");
    }
  }
}

void check_path(const networking::v1::HTTPIngressPath& path, const FieldPath& at,
                FieldErrors& errors) {
  if (!path.pathType) {
    errors.required(at.child("pathType"), "pathType must be specified");
    return;
  }
  const bool exact = *path.pathType == "Exact" || *path.pathType == "Prefix";
  check_path_text(path.path, exact, at.child("path"), errors);
  check_backend(path.backend, at.child("backend"), errors);
}

void check_rules(const std::vector<networking::v1::IngressRule>& rules, FieldErrors& errors) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    const FieldPath at = FieldPath("spec").child("rules").index(i);
    if (!rule.host.empty()) {
      if (is_address(rule.host)) {
        errors.invalid(at.child("host"), rule.host, "must be a DNS name, not an IP address");
      }
      check_host(rule.host, at.child("host"), errors);
    }
    if (!rule.http) continue;
    const FieldPath paths = at.child("http", "paths");
    if (rule.http->paths.empty()) errors.required(paths);
    for (std::size_t j = 0; j < rule.http->paths.size(); ++j) {
      check_path(rule.http->paths[j], paths.index(j), errors);
    }
  }
}

void check_ingress(const Ingress& ingress, FieldErrors& errors) {
  const auto& spec = ingress.spec;
  const FieldPath path("spec");
  if (spec.rules.empty() && !spec.defaultBackend) {
    errors.invalid(path, boost::json::value(boost::json::array()),
                   "either `defaultBackend` or `rules` must be specified");
  }
  if (spec.defaultBackend) {
    check_backend(*spec.defaultBackend, path.child("defaultBackend"), errors);
  }
  check_rules(spec.rules, errors);
  for (std::size_t i = 0; i < spec.tls.size(); ++i) {
    const FieldPath at = path.child("tls").index(i);
    const auto& tls = spec.tls[i];
    for (std::size_t j = 0; j < tls.hosts.size(); ++j) {
      check_host(tls.hosts[j], at.child("hosts").index(j), errors);
    }
    if (!tls.secretName.empty()) {
      errors.invalid_each(at.child("secretName"), tls.secretName,
                          api::name_is_dns_subdomain(tls.secretName, false));
    }
  }
  if (spec.ingressClassName) {
    errors.invalid_each(path.child("ingressClassName"), *spec.ingressClassName,
                        api::name_is_dns_subdomain(*spec.ingressClassName, false));
  }
}

void check_ingress_status(const Ingress& ingress, FieldErrors& errors) {
  check_ingress_points(ingress.status.loadBalancer.ingress,
                       FieldPath("status").child("loadBalancer", "ingress"), errors);
}

void check_class_parameters(const networking::v1::IngressClassParametersReference& parameters,
                            const FieldPath& path, FieldErrors& errors) {
  check_reference(parameters, path, errors);
  if (!parameters.scope) {
    errors.required(path.child("scope"));
  } else if (*parameters.scope == "Namespace") {
    if (!parameters.namespace_) {
      errors.required(path.child("namespace"), "`parameters.scope` is set to 'Namespace'");
    } else {
      errors.invalid_each(path.child("namespace"), *parameters.namespace_,
                          api::name_is_dns_label(*parameters.namespace_, false));
    }
  } else if (*parameters.scope == "Cluster") {
    if (parameters.namespace_) {
      errors.forbidden(path.child("namespace"), "`parameters.scope` is set to 'Cluster'");
    }
  } else {
    errors.not_supported(path.child("scope"), *parameters.scope, {"Cluster", "Namespace"});
  }
}

void check_class(const IngressClass& ingress_class, FieldErrors& errors) {
  const FieldPath path("spec");
  const std::string& controller = ingress_class.spec.controller;
  if (controller.empty()) {
    errors.required(path.child("controller"));
  } else {
    if (controller.size() > kControllerLengthMax) {
      errors.too_long(path.child("controller"), kControllerLengthMax);
    }
    errors += api::validate_domain_prefixed_path(path.child("controller"), controller);
  }
  if (ingress_class.spec.parameters) {
    check_class_parameters(*ingress_class.spec.parameters, path.child("parameters"), errors);
  }
}

}  // namespace

FieldErrors IngressStrategy::validate(const api::Document& object) const {
  return check_typed<Ingress>(object, Strategy::validate(object), check_ingress);
}

FieldErrors IngressStrategy::validate_create(const api::Document& object,
                                             const CallContext&) const {
  FieldErrors errors = validate(object);
  const auto annotation = api::string_at(object, {"metadata", "annotations", kClassAnnotation});
  const auto* name = api::find_at(object, {"spec", "ingressClassName"});
  if (!annotation.empty() && name != nullptr && name->is_string() &&
      std::string_view(name->get_string()) != annotation) {
    errors.invalid(FieldPath("annotations").child(kClassAnnotation), annotation,
                   "must match `ingressClassName` when both are specified");
  }
  return errors;
}

FieldErrors IngressStrategy::validate_status_update(const api::Document& now,
                                                    const api::Document&) const {
  return check_typed<Ingress>(now, {}, check_ingress_status);
}

FieldErrors IngressClassStrategy::validate(const api::Document& object) const {
  return check_typed<IngressClass>(object, {}, check_class);
}

FieldErrors IngressClassStrategy::validate_update(const api::Document& now,
                                                  const api::Document& before) const {
  FieldErrors errors =
      api::validate_immutable(std::string(api::string_at(now, {"spec", "controller"})),
                              std::string(api::string_at(before, {"spec", "controller"})),
                              FieldPath("spec").child("controller"));
  errors += validate(now);
  return errors;
}

}  // namespace keelson::apiserver
