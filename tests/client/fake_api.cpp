// SPDX-License-Identifier: Apache-2.0
#include "client/fake_api.h"

#include <boost/json.hpp>

#include "api/core/v1.h"
#include "api/patch/json_patch.h"
#include "api/patch/merge_patch.h"
#include "api/patch/strategic_merge.h"
#include "api/selector.h"
#include "api/time.h"
#include "base/log.h"

namespace keelson::client {
namespace {

namespace json = boost::json;

constexpr std::int64_t kDefaultGraceSeconds = 30;

bool is_pod(const Resource& resource) {
  return resource.group.empty() && resource.plural == "pods";
}

json::object& metadata_of(json::value& object) {
  json::value& metadata = object.as_object()["metadata"];
  if (!metadata.is_object()) metadata.emplace_object();
  return metadata.as_object();
}

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

bool has_items(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value && value->is_array() && !value->as_array().empty();
}

json::value document_of(const api::Object& object) { return json::parse(object.json()); }

// The value of a field selector's path; "" where there is none.
std::string field_at(const json::value& document, std::string_view path) {
  const json::value* at = &document;
  while (!path.empty()) {
    const auto dot = path.find('.');
    if (!at->is_object()) return {};
    at = at->as_object().if_contains(path.substr(0, dot));
    if (!at) return {};
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  if (at->is_string()) return std::string(at->as_string());
  if (at->is_bool()) return at->as_bool() ? "true" : "false";
  return at->is_null() ? std::string() : json::serialize(*at);
}

bool matches_fields(const api::Object& object, std::string_view selector) {
  if (selector.empty()) return true;
  const auto parsed = api::FieldSelector::parse(selector);
  CHECK(parsed.has_value());
  const json::value document = document_of(object);
  return parsed->matches([&](std::string_view path) { return field_at(document, path); });
}

// What a list or watch is restricted to.
struct Selection {
  std::string namespace_, label_selector, field_selector;

  bool matches(const api::Object& object) const {
    if (!namespace_.empty() && object.namespace_() != namespace_) return false;
    if (!label_selector.empty()) {
      const auto selector = api::LabelSelector::parse(label_selector);
      CHECK(selector.has_value());
      if (!selector->matches(object.labels())) return false;
    }
    return matches_fields(object, field_selector);
  }
};

}  // namespace

// Reads the history of the store at its own pace.
class FakeWatch final : public WatchStream {
 public:
  FakeWatch(FakeApi& api, const Resource& resource, Selection selection, std::int64_t revision)
      : api_(api),
        resource_(resource.group_resource()),
        selection_(std::move(selection)),
        revision_(revision),
        epoch_(api.watch_epoch_) {}

  // First the state, then a bookmark at the revision.
  void add_initial_events(const std::vector<ObjectPtr>& state, const Resource& resource) {
    for (const auto& object : state) {
      if (selection_.matches(*object)) pending_.push_back({WatchEvent::Type::Added, object, false});
    }
    json::value bookmark = {{"apiVersion", resource.api_version()},
                            {"kind", resource.kind},
                            {"metadata",
                             {{"resourceVersion", std::to_string(revision_)},
                              {"annotations", {{"k8s.io/initial-events-end", "true"}}}}}};
    auto object = api::Object::from_json(json::serialize(bookmark));
    CHECK(object.has_value());
    pending_.push_back({WatchEvent::Type::Bookmark, *std::move(object), true});
  }

  Task<Result<std::optional<std::vector<WatchEvent>>>> next() override {
    co_await yield_now();
    while (true) {
      if (!pending_.empty()) co_return std::optional(std::exchange(pending_, {}));
      if (epoch_ != api_.watch_epoch_) {
        if (api_.watch_end_) co_return fail(*api_.watch_end_);
        co_return std::optional<std::vector<WatchEvent>>();
      }
      if (revision_ < api_.store_.compacted()) {
        co_return fail(Status::expired("too old resource version"));
      }
      while (const auto* change = api_.store_.next_change(revision_)) {
        revision_ = change->revision;
        take(*change);
      }
      if (!pending_.empty()) continue;
      api_.store_.changed().reset();
      CO_TRY_OK(co_await api_.store_.changed().wait());
    }
  }

 private:
  void take(const FakeStore::Change& change) {
    if (change.resource->group_resource() != resource_) return;
    const bool was = change.before && selection_.matches(*change.before);
    const bool is = change.now && selection_.matches(*change.now);
    using Type = WatchEvent::Type;
    if (is) {
      pending_.push_back({was ? Type::Modified : Type::Added, change.now, false});
    } else if (was) {
      // Of an object that only stopped to match, watchers are told the present state.
      pending_.push_back({Type::Deleted, change.now ? change.now : change.before, false});
    }
  }

  FakeApi& api_;
  const std::string resource_;
  const Selection selection_;
  std::int64_t revision_;
  const int epoch_;
  std::vector<WatchEvent> pending_;
};

void FakeApi::log_failure(const Status& status) {
  log_error("The fake API server refused", {{"err", status.message()}});
}

std::string FakeApi::now_text() const { return api::Time(executor_.now()).text(); }

void FakeApi::fail_next(int count, Call match, Status status) {
  failures_.push_back({count, std::move(match), std::move(status)});
}

void FakeApi::end_watches(std::optional<Status> status) {
  ++watch_epoch_;
  watch_end_ = std::move(status);
  store_.changed().set();
}

namespace {
bool matches_call(const FakeApi::Call& match, const FakeApi::Call& call) {
  const auto fits = [](const std::string& wanted, const std::string& value) {
    return wanted.empty() || wanted == value;
  };
  return fits(match.verb, call.verb) && fits(match.resource, call.resource) &&
         fits(match.name, call.name) && fits(match.subresource, call.subresource);
}
}  // namespace

int FakeApi::calls(const Call& match) const {
  return static_cast<int>(
      std::ranges::count_if(calls_, [&](const Call& call) { return matches_call(match, call); }));
}

Result<void> FakeApi::enter(std::string_view verb, const Resource& resource, const ObjectKey& key,
                            std::string_view subresource) {
  calls_.push_back(
      {std::string(verb), resource.group_resource(), key.name, std::string(subresource)});
  for (auto failure = failures_.begin(); failure != failures_.end(); ++failure) {
    if (!matches_call(failure->match, calls_.back())) continue;
    Status status = failure->status;
    if (--failure->left <= 0) failures_.erase(failure);
    return fail(std::move(status));
  }
  return {};
}

Task<Result<ObjectPtr>> FakeApi::get(const Resource& resource, ObjectKey key,
                                     std::string subresource) {
  co_await yield_now();
  CO_TRY_OK(enter("get", resource, key, subresource));
  auto object = store_.find(resource, key);
  if (!object) co_return fail(Status::not_found(resource.group, resource.plural, key.name));
  co_return object;
}

Task<Result<ObjectList>> FakeApi::list(const Resource& resource, std::string namespace_,
                                       ListOptions options) {
  co_await yield_now();
  CO_TRY_OK(enter("list", resource, {}, {}));
  const Selection selection{namespace_, options.label_selector, options.field_selector};
  ObjectList found;
  found.resource_version = std::to_string(store_.revision());
  for (auto& object : store_.list(resource, namespace_)) {
    if (!options.continue_.empty() && object->key().text() <= options.continue_) continue;
    if (!selection.matches(*object)) continue;
    if (options.limit > 0 && std::ssize(found.items) == options.limit) {
      found.continue_ = found.items.back()->key().text();
      break;
    }
    found.items.push_back(std::move(object));
  }
  co_return found;
}

Task<Result<std::unique_ptr<WatchStream>>> FakeApi::watch(const Resource& resource,
                                                          std::string namespace_,
                                                          WatchOptions options) {
  co_await yield_now();
  CO_TRY_OK(enter("watch", resource, {}, {}));
  if (options.send_initial_events && !streaming_lists_) {
    co_return fail(Reason::Invalid, "sendInitialEvents is forbidden for watch");
  }
  std::int64_t revision = store_.revision();
  if (!options.resource_version.empty() && options.resource_version != "0") {
    revision = std::stoll(options.resource_version);
    if (revision < store_.compacted()) {
      co_return fail(Status::expired("too old resource version: " + options.resource_version));
    }
  }
  auto stream = std::make_unique<FakeWatch>(
      *this, resource, Selection{namespace_, options.label_selector, options.field_selector},
      options.send_initial_events ? store_.revision() : revision);
  if (options.send_initial_events) {
    stream->add_initial_events(store_.list(resource, namespace_), resource);
  }
  co_return std::unique_ptr<WatchStream>(std::move(stream));
}

Result<ObjectPtr> FakeApi::do_create(const Resource& resource, ObjectKey key, json::value object,
                                     const WriteOptions& options) {
  if (options.subresource == "binding") return bind(key, object);
  if (options.subresource == "eviction") return do_remove(resource, key, {});
  json::object& metadata = metadata_of(object);
  if (key.name.empty()) {
    const std::string prefix = text_at(metadata, "generateName");
    if (prefix.empty()) return fail(Status::bad_request("name or generateName is required"));
    std::string suffix = std::to_string(++last_suffix_);
    key.name = prefix + std::string(5 - std::min<std::size_t>(5, suffix.size()), 'x') + suffix;
  }
  if (store_.find(resource, key)) {
    return fail(Status::already_exists(resource.group, resource.plural, key.name));
  }
  object.as_object()["apiVersion"] = resource.api_version();
  object.as_object()["kind"] = resource.kind;
  metadata["name"] = key.name;
  if (resource.namespaced) metadata["namespace"] = key.namespace_;
  std::string uid = std::to_string(++last_uid_);
  metadata["uid"] = "00000000-0000-4000-8000-" + std::string(12 - uid.size(), '0') + uid;
  if (text_at(metadata, "creationTimestamp").empty()) metadata["creationTimestamp"] = now_text();
  if (resource.has_generation) metadata["generation"] = 1;
  if (options.dry_run) return api::Object::from_json(json::serialize(object));
  return store_.put(resource, key, &object);
}

Result<ObjectPtr> FakeApi::bind(const ObjectKey& key, const json::value& binding) {
  const Resource& pods = api::resource_of<core::v1::Pod>();
  const ObjectPtr current = store_.find(pods, key);
  if (!current) return fail(Status::not_found("", "pods", key.name));
  core::v1::Pod pod = current->as<core::v1::Pod>();
  if (current->is_deleting()) {
    return fail(
        Status::conflict("", "pods/binding", key.name,
                         "pod " + key.name + " is being deleted, cannot be assigned to a host"));
  }
  if (!pod.spec.nodeName.empty()) {
    return fail(Status::conflict(
        "", "pods/binding", key.name,
        "pod " + key.name + " is already assigned to node \"" + pod.spec.nodeName + "\""));
  }
  pod.spec.nodeName = text_at(binding.at("target").as_object(), "name");
  std::erase_if(pod.status.conditions,
                [](const auto& condition) { return condition.type == "PodScheduled"; });
  auto& scheduled = pod.status.conditions.emplace_back();
  scheduled.type = "PodScheduled";
  scheduled.status = "True";
  scheduled.lastTransitionTime = api::Time(executor_.now());
  return overwrite(pods, key, api::encode_document(pod));
}

Result<ObjectPtr> FakeApi::overwrite(const Resource& resource, const ObjectKey& key,
                                     json::value object) {
  const ObjectPtr current = store_.find(resource, key);
  if (!current) return fail(Status::not_found(resource.group, resource.plural, key.name));
  object.as_object()["apiVersion"] = resource.api_version();
  object.as_object()["kind"] = resource.kind;
  return store_.put(resource, key, &object);
}

Result<ObjectPtr> FakeApi::do_update(const Resource& resource, const ObjectKey& key,
                                     json::value object, const WriteOptions& options) {
  const ObjectPtr current = store_.find(resource, key);
  if (!current) return fail(Status::not_found(resource.group, resource.plural, key.name));
  json::value before = document_of(*current);
  {
    const json::object& metadata = metadata_of(object);
    const std::string version = text_at(metadata, "resourceVersion");
    const std::string uid = text_at(metadata, "uid");
    if ((!version.empty() && version != std::to_string(current->resource_version())) ||
        (!uid.empty() && uid != current->uid())) {
      return fail(Status::conflict(resource.group, resource.plural, key.name,
                                   "the object has been modified; please apply your changes to the "
                                   "latest version and try again"));
    }
  }

  json::object& next = object.as_object();
  const auto keep = [&](json::object& to, const json::object& from, std::string_view field) {
    if (const json::value* value = from.if_contains(field)) {
      to[field] = *value;
    } else {
      to.erase(field);
    }
  };
  if (options.subresource == "status") {
    json::value merged = before;
    keep(merged.as_object(), next, "status");
    for (const auto field : {"annotations", "finalizers"}) {
      keep(metadata_of(merged), metadata_of(object), field);
    }
    object = std::move(merged);
  } else {
    if (resource.find_subresource("status")) keep(next, before.as_object(), "status");
    json::object& metadata = metadata_of(object);
    for (const auto field : {"name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
                             "deletionGracePeriodSeconds", "generation", "resourceVersion"}) {
      keep(metadata, metadata_of(before), field);
    }
    const json::value* spec = object.as_object().if_contains("spec");
    const json::value* spec_before = before.as_object().if_contains("spec");
    const bool changed = spec && spec_before ? *spec != *spec_before : spec != spec_before;
    if (resource.has_generation && changed) {
      const json::value* generation = metadata.if_contains("generation");
      metadata["generation"] = (generation ? generation->to_number<std::int64_t>() : 0) + 1;
    }
  }
  object.as_object()["apiVersion"] = resource.api_version();
  object.as_object()["kind"] = resource.kind;
  metadata_of(object)["resourceVersion"] = std::to_string(current->resource_version());

  // A pod with a grace period left waits for its kubelet.
  const json::value* grace = metadata_of(object).if_contains("deletionGracePeriodSeconds");
  const bool over = current->is_deleting() && !has_items(metadata_of(object), "finalizers") &&
                    has_items(metadata_of(before), "finalizers") &&
                    (!grace || grace->to_number<std::int64_t>() == 0);
  if (over) {
    store_.put(resource, key, &object);
    return store_.put(resource, key, nullptr);
  }
  if (object == before || options.dry_run) return current;
  return store_.put(resource, key, &object);
}

Result<ObjectPtr> FakeApi::do_remove(const Resource& resource, const ObjectKey& key,
                                     const DeleteOptions& options) {
  const ObjectPtr current = store_.find(resource, key);
  if (!current) return fail(Status::not_found(resource.group, resource.plural, key.name));
  const auto refuse = [&](std::string_view what, std::string_view wanted, std::string_view actual) {
    return fail(Status::conflict(
        resource.group, resource.plural, key.name,
        "Precondition failed: " + std::string(what) + " in precondition: " + std::string(wanted) +
            ", " + std::string(what) + " in object meta: " + std::string(actual)));
  };
  if (!options.precondition_uid.empty() && options.precondition_uid != current->uid()) {
    return refuse("UID", options.precondition_uid, current->uid());
  }
  const std::string version = std::to_string(current->resource_version());
  if (!options.precondition_resource_version.empty() &&
      options.precondition_resource_version != version) {
    return refuse("ResourceVersion", options.precondition_resource_version, version);
  }

  json::value object = document_of(*current);
  json::object& metadata = metadata_of(object);
  std::int64_t grace = 0;
  if (is_pod(resource)) {
    const auto& pod = current->as<core::v1::Pod>();
    grace = options.grace_period_seconds.value_or(
        pod.spec.terminationGracePeriodSeconds.value_or(kDefaultGraceSeconds));
    // A pod that no kubelet has started has nobody to wait for.
    if (pod.spec.nodeName.empty() || pod.status.phase == core::v1::PodPhase::Succeeded ||
        pod.status.phase == core::v1::PodPhase::Failed) {
      grace = 0;
    }
  }
  if (options.propagation == Propagation::Foreground ||
      options.propagation == Propagation::Orphan) {
    const std::string_view finalizer =
        options.propagation == Propagation::Foreground ? "foregroundDeletion" : "orphan";
    json::value& finalizers = metadata["finalizers"];
    if (!finalizers.is_array()) finalizers.emplace_array();
    if (std::ranges::find(finalizers.as_array(), json::value(finalizer)) ==
        finalizers.as_array().end()) {
      finalizers.as_array().push_back(json::value(finalizer));
    }
  }
  const bool waits = grace > 0 || has_items(metadata, "finalizers");
  if (options.dry_run) return current;
  if (!waits) return store_.put(resource, key, nullptr);

  if (!current->is_deleting()) {
    metadata["deletionTimestamp"] = api::Time(executor_.now() + std::chrono::seconds(grace)).text();
    metadata["deletionGracePeriodSeconds"] = grace;
  } else if (const json::value* earlier = metadata.if_contains("deletionGracePeriodSeconds");
             earlier && grace < earlier->to_number<std::int64_t>()) {
    metadata["deletionGracePeriodSeconds"] = grace;
  }
  if (object == document_of(*current)) return current;
  return store_.put(resource, key, &object);
}

Task<Result<ObjectPtr>> FakeApi::create(const Resource& resource, ObjectKey key, json::value object,
                                        WriteOptions options) {
  co_await yield_now();
  CO_TRY_OK(enter("create", resource, key, options.subresource));
  co_return do_create(resource, key, std::move(object), options);
}

Task<Result<ObjectPtr>> FakeApi::update(const Resource& resource, ObjectKey key, json::value object,
                                        WriteOptions options) {
  co_await yield_now();
  CO_TRY_OK(enter("update", resource, key, options.subresource));
  co_return do_update(resource, key, std::move(object), options);
}

Task<Result<ObjectPtr>> FakeApi::patch(const Resource& resource, ObjectKey key, PatchType type,
                                       std::string patch, WriteOptions options) {
  co_await yield_now();
  CO_TRY_OK(enter("patch", resource, key, options.subresource));
  const ObjectPtr current = store_.find(resource, key);
  if (!current) co_return fail(Status::not_found(resource.group, resource.plural, key.name));
  json::value document = document_of(*current);
  json::value change = json::parse(patch);
  switch (type) {
    case PatchType::Json: {
      CO_TRY(document, api::apply_json_patch(std::move(document), change));
      break;
    }
    case PatchType::Merge: {
      CO_TRY(document, api::apply_merge_patch(std::move(document), std::move(change)));
      break;
    }
    case PatchType::Strategic: {
      CO_TRY(document, api::apply_strategic_merge_patch(std::move(document), std::move(change),
                                                        *resource.type));
      break;
    }
    case PatchType::Apply:
      co_return fail(Reason::UnsupportedMediaType, "the fake server does not know apply");
  }
  co_return do_update(resource, key, std::move(document), options);
}

Task<Result<ObjectPtr>> FakeApi::remove(const Resource& resource, ObjectKey key,
                                        DeleteOptions options) {
  co_await yield_now();
  CO_TRY_OK(enter("delete", resource, key, {}));
  co_return do_remove(resource, key, options);
}

Task<Result<void>> FakeApi::remove_collection(const Resource& resource, std::string namespace_,
                                              DeleteOptions options, ListOptions selection) {
  co_await yield_now();
  CO_TRY_OK(enter("deletecollection", resource, {}, {}));
  const Selection selected{namespace_, selection.label_selector, selection.field_selector};
  for (const auto& object : store_.list(resource, namespace_)) {
    if (!selected.matches(*object)) continue;
    CO_TRY_OK(do_remove(resource, object->key(), options));
  }
  co_return Result<void>{};
}

}  // namespace keelson::client
