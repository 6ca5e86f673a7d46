// SPDX-License-Identifier: Apache-2.0
#include "controllers/service_account.h"

#include "api/core/v1.h"

namespace keelson::controllers {
namespace {

using core::v1::ConfigMap;
using core::v1::Namespace;
using core::v1::ServiceAccount;

// One object of a fixed name in every active namespace, put back when it is lost or changed.
template <class T>
class OnePerNamespace final : public Controller {
 public:
  // `correct` brings an object to what it must be, and tells whether it had to.
  OnePerNamespace(ControllerContext& context, std::string_view controller_name,
                  std::string object_name, std::function<bool(T&)> correct)
      : context_(context),
        name_(controller_name),
        object_name_(std::move(object_name)),
        correct_(std::move(correct)),
        queue_(context.executor) {
    context.informers.of<Namespace>().add_handler([this](const ObjectPtr&, const ObjectPtr& now) {
      if (now && !now->is_deleting()) queue_.add(now->key());
    });
    context.informers.of<T>().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      const ObjectPtr& any = now ? now : before;
      if (any->name() == object_name_) queue_.add({"", any->namespace_()});
    });
  }

  std::string_view name() const override { return name_; }

  Task<void> run() override {
    if (!co_await context_.informers.of<Namespace>().wait_synced()) co_return;
    if (!co_await context_.informers.of<T>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 2, name_, [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto namespace_ = context_.informers.of<Namespace>().find(key);
    if (!namespace_ || namespace_->is_deleting()) co_return client::Requeue::none();
    const auto current = context_.informers.of<T>().template find<T>({key.name, object_name_});
    T next = current ? *current : T{};
    if (!correct_(next) && current) co_return client::Requeue::none();
    if (current) {
      CO_TRY_OK(co_await context_.client.update(std::move(next)));
      co_return client::Requeue::none();
    }
    next.metadata.name = object_name_;
    next.metadata.namespace_ = key.name;
    auto created = co_await context_.client.create(std::move(next));
    if (!created && !created.error().is(Reason::AlreadyExists) &&
        !created.error().is(Reason::NotFound) && !is_namespace_ending(created.error()))
      co_return fail(std::move(created).error());
    co_return client::Requeue::none();
  }

  ControllerContext& context_;
  const std::string_view name_;
  const std::string object_name_;
  const std::function<bool(T&)> correct_;
  client::WorkQueue<ObjectKey> queue_;
};

}  // namespace

std::unique_ptr<Controller> make_service_account_controller(ControllerContext& context) {
  return std::make_unique<OnePerNamespace<ServiceAccount>>(context, "serviceaccount", "default",
                                                           [](ServiceAccount&) { return false; });
}

std::unique_ptr<Controller> make_root_ca_controller(ControllerContext& context,
                                                    std::string root_ca_pem) {
  return std::make_unique<OnePerNamespace<ConfigMap>>(
      context, "root-ca-certificate-publisher", "kube-root-ca.crt",
      [pem = std::move(root_ca_pem)](ConfigMap& map) {
        // Whoever changes the trust of a namespace's pods is undone.
        if (map.data.size() == 1 && map.data.contains("ca.crt") && map.data.at("ca.crt") == pem)
          return false;
        map.data = {{"ca.crt", pem}};
        map.metadata.annotations["kubernetes.io/description"] =
            "Contains a CA bundle that can be used to verify the kube-apiserver when using "
            "internal endpoints such as the internal service IP or kubernetes.default.svc. No "
            "other usage is guaranteed across distributions of Kubernetes clusters.";
        return true;
      });
}

}  // namespace keelson::controllers
