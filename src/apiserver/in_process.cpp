// SPDX-License-Identifier: Apache-2.0
#include "apiserver/in_process.h"

#include "api/codec/json.h"
#include "apiserver/registry/conversion/convert.h"

namespace keelson::apiserver {
namespace {

using client::DeleteOptions;
using client::ListOptions;
using client::ObjectList;
using client::PatchType;
using client::Propagation;
using client::WatchEvent;
using client::WatchOptions;
using client::WatchStream;
using client::WriteOptions;

DeleteQuery::Propagation propagation_of(Propagation propagation) {
  switch (propagation) {
    case Propagation::Orphan:
      return DeleteQuery::Propagation::Orphan;
    case Propagation::Background:
      return DeleteQuery::Propagation::Background;
    case Propagation::Foreground:
      return DeleteQuery::Propagation::Foreground;
    case Propagation::Default:
      break;
  }
  return DeleteQuery::Propagation::Default;
}

DeleteQuery delete_query(const DeleteOptions& options) {
  DeleteQuery query;
  query.grace_period_seconds = options.grace_period_seconds;
  query.propagation = propagation_of(options.propagation);
  query.uid = options.precondition_uid;
  query.resource_version = options.precondition_resource_version;
  query.dry_run = options.dry_run;
  return query;
}

WatchEvent::Type event_type(WatchType type) {
  switch (type) {
    case WatchType::Added:
      return WatchEvent::Type::Added;
    case WatchType::Modified:
      return WatchEvent::Type::Modified;
    case WatchType::Deleted:
      return WatchEvent::Type::Deleted;
    case WatchType::Bookmark:
      break;
  }
  return WatchEvent::Type::Bookmark;
}

class InProcessWatch final : public WatchStream {
 public:
  InProcessWatch(std::unique_ptr<Watcher> watcher, const api::Resource& resource)
      : watcher_(std::move(watcher)), resource_(resource), stored_(stored_form(resource)) {}

  Task<Result<std::optional<std::vector<WatchEvent>>>> next() override {
    CO_TRY(auto deliveries, co_await watcher_->next());
    if (!deliveries) co_return std::nullopt;
    std::vector<WatchEvent> events;
    events.reserve(deliveries->size());
    for (auto& delivery : *deliveries) {
      WatchEvent event;
      event.type = event_type(delivery.type);
      event.initial_events_end = delivery.initial_events_end;
      if (delivery.type == WatchType::Bookmark) {
        CO_TRY(event.object, api::Object::from_json(bookmark_json(resource_.api_version(),
                                                                  resource_.kind, delivery.revision,
                                                                  delivery.initial_events_end)));
      } else {
        CO_TRY(event.object, convert(std::move(delivery.object), stored_, resource_));
      }
      events.push_back(std::move(event));
    }
    co_return std::optional(std::move(events));
  }

 private:
  const std::unique_ptr<Watcher> watcher_;
  const api::Resource& resource_;
  const api::Resource& stored_;
};

class InProcessClient final : public client::Client {
 public:
  InProcessClient(InProcessParts parts, User user)
      : parts_(std::move(parts)), user_(std::move(user)) {}

  Task<Result<api::ObjectPtr>> get(const api::Resource& resource, api::ObjectKey key,
                                   std::string subresource) override {
    Call call(*this, "get", resource, key, subresource);
    CO_TRY([[maybe_unused]] const auto permit, co_await parts_.pipeline.enter(call.context));
    co_return call.done(
        co_await parts_.api.get(resource, std::move(key), std::move(subresource), {}));
  }

  Task<Result<ObjectList>> list(const api::Resource& resource, std::string namespace_,
                                ListOptions options) override {
    Call call = Call::of_many(*this, "list", resource, namespace_, options.field_selector);
    CO_TRY([[maybe_unused]] const auto permit, co_await parts_.pipeline.enter(call.context));
    auto found = call.done(co_await parts_.api.registry().list(resource, std::move(namespace_),
                                                               list_query(std::move(options))));
    if (!found) co_return fail(std::move(found).error());
    co_return ObjectList{std::move(found->items), std::to_string(found->revision),
                         std::move(found->continue_)};
  }

  Task<Result<std::unique_ptr<WatchStream>>> watch(const api::Resource& resource,
                                                   std::string namespace_,
                                                   WatchOptions options) override {
    Call call = Call::of_many(*this, "watch", resource, namespace_, options.field_selector);
    CO_TRY([[maybe_unused]] const auto permit, co_await parts_.pipeline.enter(call.context));
    ListQuery query;
    query.label_selector = std::move(options.label_selector);
    query.field_selector = std::move(options.field_selector);
    query.resource_version = std::move(options.resource_version);
    query.watch = true;
    query.allow_bookmarks = true;
    if (options.send_initial_events) query.send_initial_events = true;
    auto watcher = call.done(
        co_await parts_.api.registry().watch(resource, std::move(namespace_), std::move(query)));
    if (!watcher) co_return fail(std::move(watcher).error());
    std::unique_ptr<WatchStream> stream =
        std::make_unique<InProcessWatch>(*std::move(watcher), resource);
    co_return stream;
  }

  Task<Result<api::ObjectPtr>> create(const api::Resource& resource, api::ObjectKey key,
                                      boost::json::value object, WriteOptions options) override {
    Call call(*this, "create", resource, key, options);
    // Only a subresource has its object's name in the path.
    if (options.subresource.empty()) key.name.clear();
    CO_TRY([[maybe_unused]] const auto permit, co_await parts_.pipeline.enter(call.context));
    auto written = call.done(co_await parts_.api.create(call.context, resource, std::move(key),
                                                        std::move(options.subresource),
                                                        Body{std::move(object), {}}));
    if (!written) co_return fail(std::move(written).error());
    co_return std::move(written->object);
  }

  Task<Result<api::ObjectPtr>> update(const api::Resource& resource, api::ObjectKey key,
                                      boost::json::value object, WriteOptions options) override {
    if (key.name.empty()) key.name = api::string_at(object, {"metadata", "name"});
    Call call(*this, "update", resource, key, options);
    CO_TRY([[maybe_unused]] const auto permit, co_await parts_.pipeline.enter(call.context));
    auto written = call.done(co_await parts_.api.update(call.context, resource, std::move(key),
                                                        std::move(options.subresource),
                                                        Body{std::move(object), {}}));
    if (!written) co_return fail(std::move(written).error());
    co_return std::move(written->object);
  }

  Task<Result<api::ObjectPtr>> patch(const api::Resource& resource, api::ObjectKey key,
                                     PatchType type, std::string patch,
                                     WriteOptions options) override {
    Call call(*this, "patch", resource, key, options);
    CO_TRY([[maybe_unused]] const auto permit, co_await parts_.pipeline.enter(call.context));
    CO_TRY(const PatchKind kind, patch_kind(type));
    auto written = call.done(co_await parts_.api.patch(call.context, resource, std::move(key),
                                                       std::move(options.subresource), kind,
                                                       std::move(patch)));
    if (!written) co_return fail(std::move(written).error());
    co_return std::move(written->object);
  }

  Task<Result<api::ObjectPtr>> remove(const api::Resource& resource, api::ObjectKey key,
                                      DeleteOptions options) override {
    Call call(*this, "delete", resource, key, std::string());
    CO_TRY([[maybe_unused]] const auto permit, co_await parts_.pipeline.enter(call.context));
    auto removed = call.done(co_await parts_.api.registry().remove(
        call.context, resource, std::move(key), delete_query(options)));
    if (!removed) co_return fail(std::move(removed).error());
    co_return std::move(removed->object);
  }

  Task<Result<void>> remove_collection(const api::Resource& resource, std::string namespace_,
                                       DeleteOptions options, ListOptions selection) override {
    Call call =
        Call::of_many(*this, "deletecollection", resource, namespace_, selection.field_selector);
    CO_TRY([[maybe_unused]] const auto permit, co_await parts_.pipeline.enter(call.context));
    auto removed = call.done(co_await parts_.api.registry().remove_collection(
        call.context, resource, std::move(namespace_), list_query(std::move(selection)),
        delete_query(options)));
    if (!removed) co_return fail(std::move(removed).error());
    co_return Result<void>{};
  }

 private:
  // What the pipeline has to know of one call; tells the audit how it ended.
  struct Call {
    Call(const InProcessClient& client, std::string verb, const api::Resource& resource,
         const api::ObjectKey& key, std::string subresource)
        : owner(client), started(client.parts_.executor.monotonic()) {
      context.user = client.user_;
      context.now = client.parts_.executor.now();
      context.field_validation = FieldValidation::Ignore;
      RequestInfo& info = context.info;
      info.verb = std::move(verb);
      info.is_resource = true;
      info.group = resource.group;
      info.version = resource.version;
      info.resource = resource.plural;
      info.subresource = std::move(subresource);
      info.namespace_ = key.namespace_;
      info.name = key.name;
    }
    Call(const InProcessClient& client, std::string verb, const api::Resource& resource,
         const api::ObjectKey& key, const WriteOptions& options)
        : Call(client, std::move(verb), resource, key, options.subresource) {
      context.field_manager = options.field_manager;
      context.dry_run = options.dry_run;
      if (context.info.verb == "create" && options.subresource.empty()) context.info.name.clear();
    }
    // Of many objects; a selector that cannot be read is refused later.
    static Call of_many(const InProcessClient& client, std::string verb,
                        const api::Resource& resource, const std::string& namespace_,
                        std::string_view fields) {
      Call call(client, std::move(verb), resource, api::ObjectKey{namespace_, {}}, std::string());
      if (auto selector = api::FieldSelector::parse(fields)) {
        RequestInfo& info = call.context.info;
        info.name = selector->find_exact("metadata.name").value_or(std::string());
        info.field_selector = *std::move(selector);
      }
      return call;
    }

    template <class T>
    Result<T> done(Result<T> result) {
      if (owner.parts_.audit) {
        const int code = result ? 200 : result.error().code();
        owner.parts_.audit({{}, context, {}, code, owner.parts_.executor.monotonic() - started});
      }
      return result;
    }

    const InProcessClient& owner;
    const Duration started;
    CallContext context;
  };

  static ListQuery list_query(ListOptions options) {
    ListQuery query;
    query.label_selector = std::move(options.label_selector);
    query.field_selector = std::move(options.field_selector);
    query.limit = options.limit;
    query.continue_ = std::move(options.continue_);
    query.resource_version = std::move(options.resource_version);
    return query;
  }

  static Result<PatchKind> patch_kind(PatchType type) {
    switch (type) {
      case PatchType::Json:
        return PatchKind::Json;
      case PatchType::Merge:
        return PatchKind::Merge;
      case PatchType::Strategic:
        return PatchKind::Strategic;
      case PatchType::Apply:
        break;
    }
    return fail(Reason::UnsupportedMediaType,
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json, "
                "application/strategic-merge-patch+json");
  }

  const InProcessParts parts_;
  const User user_;
};

}  // namespace

std::unique_ptr<client::Client> make_in_process_client(InProcessParts parts, User user) {
  return std::make_unique<InProcessClient>(std::move(parts), std::move(user));
}

}  // namespace keelson::apiserver
