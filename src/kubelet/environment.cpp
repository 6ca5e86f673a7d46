// SPDX-License-Identifier: Apache-2.0
#include "kubelet/environment.h"

#include "base/ascii.h"

namespace keelson::kubelet {

namespace {

std::string upper_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    out += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string join_host_port(const std::string& host, const std::string& port) {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

// All printable ASCII except "=", as v1.36 allows it.
bool is_variable_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return c >= 0x20 && c < 0x7f && c != '=';
  });
}

// Keeps the order in which names first came.
class OrderedVariables {
 public:
  void set(const std::string& name, std::string value) {
    const auto [found, added] = values_.insert_or_assign(name, std::move(value));
    if (added) order_.push_back(name);
  }
  const Variables& values() const { return values_; }
  Environment take() && {
    Environment out;
    for (auto& name : order_) out.emplace_back(name, std::move(values_.find(name)->second));
    return out;
  }

 private:
  Variables values_;
  std::vector<std::string> order_;
};

template <class Map>
void add_all(OrderedVariables& out, const std::string& prefix, const Map& data) {
  for (const auto& [key, value] : data) {
    const std::string name = prefix + key;
    if (is_variable_name(name)) out.set(name, std::string(value));
  }
}

Task<Result<void>> add_source(const EnvironmentInputs& in, const v1::EnvFromSource& source,
                              OrderedVariables& out) {
  const std::string& namespace_ = in.pod->metadata.namespace_;
  if (source.configMapRef) {
    auto map = co_await in.configs->config_map({namespace_, source.configMapRef->name});
    if (map) {
      add_all(out, source.prefix, (*map)->data);
    } else if (!map.error().is(Reason::NotFound) ||
               !source.configMapRef->optional.value_or(false)) {
      co_return fail(std::move(map).error());
    }
  } else if (source.secretRef) {
    auto secret = co_await in.configs->secret({namespace_, source.secretRef->name});
    if (secret) {
      add_all(out, source.prefix, (*secret)->data);
    } else if (!secret.error().is(Reason::NotFound) ||
               !source.secretRef->optional.value_or(false)) {
      co_return fail(std::move(secret).error());
    }
  }
  co_return Result<void>{};
}

// Nothing: an optional source that is not there.
using OptionalValue = std::optional<std::string>;

Task<Result<OptionalValue>> referred_value(const EnvironmentInputs& in,
                                           const v1::EnvVarSource& source) {
  const std::string& namespace_ = in.pod->metadata.namespace_;
  if (source.fieldRef) {
    CO_TRY(auto value, field_value(*in.pod, source.fieldRef->fieldPath, in.node));
    co_return OptionalValue(std::move(value));
  }
  if (source.resourceFieldRef) {
    CO_TRY(auto value,
           resource_value(*in.pod, *source.resourceFieldRef, in.container->name, in.node));
    co_return OptionalValue(std::move(value));
  }
  if (source.configMapKeyRef) {
    const auto& ref = *source.configMapKeyRef;
    const bool optional = ref.optional.value_or(false);
    auto map = co_await in.configs->config_map({namespace_, ref.name});
    if (!map) {
      if (optional && map.error().is(Reason::NotFound)) co_return OptionalValue();
      co_return fail(std::move(map).error());
    }
    if (const auto found = (*map)->data.find(ref.key); found != (*map)->data.end()) {
      co_return OptionalValue(found->second);
    }
    if (optional) co_return OptionalValue();
    co_return fail(Reason::NotFound,
                   "couldn't find key " + ref.key + " in ConfigMap " + namespace_ + "/" + ref.name);
  }
  if (source.secretKeyRef) {
    const auto& ref = *source.secretKeyRef;
    const bool optional = ref.optional.value_or(false);
    auto secret = co_await in.configs->secret({namespace_, ref.name});
    if (!secret) {
      if (optional && secret.error().is(Reason::NotFound)) co_return OptionalValue();
      co_return fail(std::move(secret).error());
    }
    if (const auto found = (*secret)->data.find(ref.key); found != (*secret)->data.end()) {
      co_return OptionalValue(found->second);
    }
    if (optional) co_return OptionalValue();
    co_return fail(Reason::NotFound,
                   "couldn't find key " + ref.key + " in Secret " + namespace_ + "/" + ref.name);
  }
  co_return fail(Status::bad_request("environment variable has an unsupported source"));
}

}  // namespace

Variables service_variables(const std::vector<ServicePtr>& services) {
  Variables out;
  for (const auto& service : services) {
    const std::string& ip = service->spec.clusterIP;
    if (ip.empty() || ip == "None" || service->spec.ports.empty()) continue;
    const std::string name = upper_name(service->metadata.name);
    const std::string first_port = std::to_string(service->spec.ports.front().port);
    out[name + "_SERVICE_HOST"] = ip;
    out[name + "_SERVICE_PORT"] = first_port;
    bool first = true;
    for (const auto& port : service->spec.ports) {
      const std::string number = std::to_string(port.port);
      const std::string protocol = port.protocol.empty() ? "TCP" : port.protocol;
      const std::string url = lower_case(protocol) + "://" + join_host_port(ip, number);
      if (!port.name.empty()) out[name + "_SERVICE_PORT_" + upper_name(port.name)] = number;
      if (std::exchange(first, false)) out[name + "_PORT"] = url;
      const std::string prefix = name + "_PORT_" + number + "_" + upper_name(protocol);
      out[prefix] = url;
      out[prefix + "_PROTO"] = lower_case(protocol);
      out[prefix + "_PORT"] = number;
      out[prefix + "_ADDR"] = ip;
    }
  }
  return out;
}

std::vector<ServicePtr> visible_services(const v1::Pod& pod, const std::vector<ServicePtr>& all) {
  std::map<std::string, ServicePtr> by_name;
  const bool links = pod.spec.enableServiceLinks.value_or(true);
  for (const auto& service : all) {
    const auto& meta = service->metadata;
    const bool own = meta.namespace_ == pod.metadata.namespace_;
    const bool master = meta.namespace_ == "default" && meta.name == "kubernetes";
    // A service of the pod's own namespace goes before the master of the same name.
    if (own && links) by_name[meta.name] = service;
    if (master && !own) by_name.try_emplace(meta.name, service);
    if (master && own) by_name[meta.name] = service;
  }
  std::vector<ServicePtr> out;
  for (auto& [name, service] : by_name) out.push_back(std::move(service));
  return out;
}

Task<Result<Environment>> make_environment(EnvironmentInputs in) {
  OrderedVariables out;
  Variables services = service_variables(in.services);
  for (const auto& source : in.container->envFrom) CO_TRY_OK(co_await add_source(in, source, out));
  for (const auto& variable : in.container->env) {
    if (variable.valueFrom) {
      CO_TRY(auto value, co_await referred_value(in, *variable.valueFrom));
      if (!value) continue;
      services.erase(variable.name);
      out.set(variable.name, std::move(*value));
      continue;
    }
    std::string value = expand(variable.value, {&out.values(), &services});
    services.erase(variable.name);
    out.set(variable.name, std::move(value));
  }
  for (auto& [name, value] : services) {
    if (!out.values().contains(name)) out.set(name, std::move(value));
  }
  co_return std::move(out).take();
}

}  // namespace keelson::kubelet
