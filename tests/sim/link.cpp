// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include <boost/json.hpp>

namespace keelson::sim {

using client::ObjectPtr;

void RunRecord::add(std::string_view text) {
  // FNV-1a; the end of each entry counts too.
  for (const char byte : text) hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  hash_ = (hash_ ^ 0xff) * 1099511628211u;
  ++entries_;
}

// Ends with an error when its link is cut, or by chance.
class LinkedWatch final : public client::WatchStream {
 public:
  LinkedWatch(Link* link, std::unique_ptr<WatchStream> stream)
      : link_(link), up_(link->up_.get_token()), stream_(std::move(stream)) {}

  Task<Result<std::optional<std::vector<client::WatchEvent>>>> next() override {
    const TaskContext& here = co_await this_context();
    std::stop_source either;
    std::stop_callback stopped(here.stop, [&either] { either.request_stop(); });
    std::stop_callback broken(up_, [&either] { either.request_stop(); });
    auto events = co_await run_in(TaskContext{here.executor, either.get_token()}, stream_->next());
    if (up_.stop_requested()) co_return fail(Status::unavailable("the link is cut"));
    if (link_->happens(link_->parts_.faults.broken_watch))
      co_return fail(Status::unavailable("the watch broke"));
    co_return events;
  }

 private:
  Link* const link_;
  const std::stop_token up_;
  const std::unique_ptr<WatchStream> stream_;
};

Link::Link(LinkParts parts) : parts_(std::move(parts)) {}

void Link::cut() {
  cut_ = true;
  up_.request_stop();
}

void Link::restore() {
  cut_ = false;
  up_ = std::stop_source();
}

template <class T>
Task<Result<T>> Link::pass(std::string what, Task<Result<T>> call) {
  what +=
      " " + parts_.name + " " + std::to_string(parts_.executor.now().time_since_epoch().count());
  if (cut_ || happens(parts_.faults.lost_request)) {
    parts_.record.add(what + " lost");
    // As long as it takes to notice.
    CO_TRY_OK(co_await sleep_for(std::chrono::milliseconds(100)));
    co_return fail(Status::unavailable("the request was lost"));
  }
  auto result = co_await std::move(call);
  parts_.record.add(what + (result ? " ok" : std::string(reason_name(result.error().reason()))));
  if (cut_ || happens(parts_.faults.lost_answer))
    co_return fail(Status::unavailable("the answer was lost"));
  co_return result;
}

namespace {

std::string describe(std::string_view verb, const api::Resource& resource,
                     const api::ObjectKey& key, const std::string& subresource = {}) {
  return std::string(verb) + " " + resource.group_resource() + " " + key.text() + " " + subresource;
}

}  // namespace

Task<Result<ObjectPtr>> Link::get(const api::Resource& resource, api::ObjectKey key,
                                  std::string subresource) {
  std::string what = describe("get", resource, key, subresource);
  return pass(std::move(what),
              parts_.server->get(resource, std::move(key), std::move(subresource)));
}

Task<Result<client::ObjectList>> Link::list(const api::Resource& resource, std::string namespace_,
                                            client::ListOptions options) {
  std::string what = describe("list", resource, {namespace_, ""});
  return pass(std::move(what),
              parts_.server->list(resource, std::move(namespace_), std::move(options)));
}

Task<Result<std::unique_ptr<client::WatchStream>>> Link::watch(const api::Resource& resource,
                                                               std::string namespace_,
                                                               client::WatchOptions options) {
  CO_TRY(auto stream, co_await pass(describe("watch", resource, {namespace_, ""}),
                                    parts_.server->watch(resource, namespace_, options)));
  std::unique_ptr<client::WatchStream> linked =
      std::make_unique<LinkedWatch>(this, std::move(stream));
  co_return linked;
}

Task<Result<ObjectPtr>> Link::create(const api::Resource& resource, api::ObjectKey key,
                                     boost::json::value object, client::WriteOptions options) {
  std::string what = describe("create", resource, key, options.subresource);
  return pass(std::move(what), parts_.server->create(resource, std::move(key), std::move(object),
                                                     std::move(options)));
}

Task<Result<ObjectPtr>> Link::update(const api::Resource& resource, api::ObjectKey key,
                                     boost::json::value object, client::WriteOptions options) {
  std::string what = describe("update", resource, key, options.subresource);
  return pass(std::move(what), parts_.server->update(resource, std::move(key), std::move(object),
                                                     std::move(options)));
}

Task<Result<ObjectPtr>> Link::patch(const api::Resource& resource, api::ObjectKey key,
                                    client::PatchType type, std::string patch,
                                    client::WriteOptions options) {
  std::string what = describe("patch", resource, key, options.subresource);
  return pass(std::move(what), parts_.server->patch(resource, std::move(key), type,
                                                    std::move(patch), std::move(options)));
}

Task<Result<ObjectPtr>> Link::remove(const api::Resource& resource, api::ObjectKey key,
                                     client::DeleteOptions options) {
  std::string what = describe("delete", resource, key);
  return pass(std::move(what), parts_.server->remove(resource, std::move(key), std::move(options)));
}

Task<Result<void>> Link::remove_collection(const api::Resource& resource, std::string namespace_,
                                           client::DeleteOptions options,
                                           client::ListOptions selection) {
  std::string what = describe("deletecollection", resource, {namespace_, ""});
  return pass(std::move(what),
              parts_.server->remove_collection(resource, std::move(namespace_), std::move(options),
                                               std::move(selection)));
}

}  // namespace keelson::sim
