// SPDX-License-Identifier: Apache-2.0
// Tells the API server where the pod runs: a Binding to the pod's binding subresource.
#include <boost/json.hpp>

#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

class DefaultBinder final : public BindPlugin {
 public:
  explicit DefaultBinder(client::Client& client) : client_(client) {}

  std::string_view name() const override { return "DefaultBinder"; }

  Task<Result<bool>> bind(const CycleState&, PodInfoPtr pod, std::string node) override {
    boost::json::value binding = {
        {"apiVersion", "v1"},
        {"kind", "Binding"},
        {"metadata",
         {{"namespace", pod->key.namespace_}, {"name", pod->key.name}, {"uid", pod->uid()}}},
        {"target", {{"kind", "Node"}, {"name", node}}}};
    client::WriteOptions options;
    options.subresource = "binding";
    CO_TRY_OK(co_await client_.create(api::resource_of<Pod>(), pod->key, std::move(binding),
                                      std::move(options)));
    co_return true;
  }

 private:
  client::Client& client_;
};

}  // namespace

std::unique_ptr<Plugin> make_default_binder(client::Client& client) {
  return std::make_unique<DefaultBinder>(client);
}

}  // namespace keelson::scheduler
