// SPDX-License-Identifier: Apache-2.0
// Source: upstream, validateProbe, validateHandler and validateLifecycle.
#include "api/names.h"
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::Container;

void check_port(const api::IntOrString& port, const FieldPath& path, FieldErrors& errors) {
  if (port.is_int()) {
    errors.invalid_each(path, port.int_value(), api::validate_port_number(port.int_value()));
  } else {
    errors.invalid_each(path, port.string_value(), api::validate_port_name(port.string_value()));
  }
}

void check_sleep(const core::v1::SleepAction& sleep, std::optional<std::int64_t> grace_seconds,
                 const FieldPath& path, FieldErrors& errors) {
  if (!grace_seconds || (sleep.seconds >= 0 && sleep.seconds <= *grace_seconds)) return;
  errors.invalid(path, sleep.seconds,
                 "must be non-negative and less than terminationGracePeriodSeconds (" +
                     std::to_string(*grace_seconds) + ")");
}

// Of a probe or of a hook: exactly one handler.
template <class Handler>
void check_handler(const Handler& handler, std::optional<std::int64_t> grace_seconds,
                   const FieldPath& path, FieldErrors& errors) {
  int handlers = 0;
  const auto one_more = [&](std::string_view name) {
    if (handlers++ == 0) return true;
    errors.forbidden(path.child(name), "may not specify more than 1 handler type");
    return false;
  };
  if (handler.exec && one_more("exec") && handler.exec->command.empty()) {
    errors.required(path.child("exec", "command"));
  }
  if (handler.httpGet && one_more("httpGet")) {
    const FieldPath at = path.child("httpGet");
    if (handler.httpGet->path.empty()) errors.required(at.child("path"));
    check_port(handler.httpGet->port, at.child("port"), errors);
    for (const auto& header : handler.httpGet->httpHeaders) {
      errors.invalid_each(at.child("httpHeaders"), header.name,
                          api::validate_http_header_name(header.name));
    }
  }
  if (handler.tcpSocket && one_more("tcpSocket")) {
    check_port(handler.tcpSocket->port, path.child("tcpSocket", "port"), errors);
  }
  if constexpr (requires { handler.grpc; }) {
    if (handler.grpc && one_more("grpc")) {
      check_port(handler.grpc->port, path.child("grpc", "port"), errors);
    }
  }
  if constexpr (requires { handler.sleep; }) {
    if (handler.sleep && one_more("sleep")) {
      check_sleep(*handler.sleep, grace_seconds, path.child("sleep"), errors);
    }
  }
  if (handlers == 0) errors.required(path, "must specify a handler type");
}

enum class ProbeUse : std::uint8_t { Liveness, Readiness, Startup };

void check_probe(const core::v1::Probe& probe, ProbeUse use, const FieldPath& path,
                 FieldErrors& errors) {
  check_handler(probe, std::nullopt, path, errors);
  const std::pair<std::string_view, std::int32_t> numbers[] = {
      {"initialDelaySeconds", probe.initialDelaySeconds},
      {"timeoutSeconds", probe.timeoutSeconds},
      {"periodSeconds", probe.periodSeconds},
      {"successThreshold", probe.successThreshold},
      {"failureThreshold", probe.failureThreshold}};
  for (const auto& [name, value] : numbers) {
    if (value < 0) errors.invalid(path.child(name), value, api::kNegativeMessage);
  }
  if (probe.terminationGracePeriodSeconds && *probe.terminationGracePeriodSeconds <= 0) {
    errors.invalid(path.child("terminationGracePeriodSeconds"),
                   *probe.terminationGracePeriodSeconds, "must be greater than 0");
  }
  if (use == ProbeUse::Readiness) {
    if (probe.terminationGracePeriodSeconds) {
      errors.invalid(path.child("terminationGracePeriodSeconds"),
                     *probe.terminationGracePeriodSeconds, "must not be set for readinessProbes");
    }
  } else if (probe.successThreshold != 1) {
    errors.invalid(path.child("successThreshold"), probe.successThreshold, "must be 1");
  }
}

}  // namespace

void check_life(const Container& container, const core::v1::PodSpec& spec, const FieldPath& path,
                FieldErrors& errors) {
  if (container.lifecycle) {
    const FieldPath at = path.child("lifecycle");
    const auto check = [&](const api::Box<core::v1::LifecycleHandler>& hook,
                           std::string_view name) {
      if (hook) check_handler(*hook, spec.terminationGracePeriodSeconds, at.child(name), errors);
    };
    check(container.lifecycle->postStart, "postStart");
    check(container.lifecycle->preStop, "preStop");
  }
  const auto check = [&](const api::Box<core::v1::Probe>& probe, ProbeUse use,
                         std::string_view name) {
    if (probe) check_probe(*probe, use, path.child(name), errors);
  };
  check(container.livenessProbe, ProbeUse::Liveness, "livenessProbe");
  check(container.readinessProbe, ProbeUse::Readiness, "readinessProbe");
  check(container.startupProbe, ProbeUse::Startup, "startupProbe");
}

}  // namespace keelson::apiserver
