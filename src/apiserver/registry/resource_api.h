// SPDX-License-Identifier: Apache-2.0
// The API below the pipeline: which resources there are, and every verb on them and on their
// subresources. HTTP and in-process calls meet here. Thread-safe once set up.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "api/object.h"
#include "apiserver/registry/registry.h"

namespace keelson::apiserver {

// The resource that is served under that path; null if none is.
const api::Resource* find_served(std::string_view group, std::string_view version,
                                 std::string_view plural);

// Answers a POST of something that is not stored: a review, a binding, a token request. The body
// has been accepted as the kind that the table names. Returns the answer's document (201).
using CreateHandler = std::function<Task<Result<api::Document>>(
    CallContext& call, const api::Resource& resource, api::ObjectKey key, api::Document body)>;

class ResourceApi {
 public:
  explicit ResourceApi(Registry& registry);

  Registry& registry() const { return registry_; }

  // Before the first call; `group_resource` is "pods" or
  // "subjectaccessreviews.authorization.k8s.io".
  void set_create_handler(std::string group_resource, std::string subresource,
                          CreateHandler handler);

  Task<Result<api::ObjectPtr>> get(const api::Resource& resource, api::ObjectKey key,
                                   std::string subresource, std::string resource_version);
  Task<Result<Written>> create(CallContext& call, const api::Resource& resource, api::ObjectKey key,
                               std::string subresource, Body body);
  Task<Result<Written>> update(CallContext& call, const api::Resource& resource, api::ObjectKey key,
                               std::string subresource, Body body);
  Task<Result<Written>> patch(CallContext& call, const api::Resource& resource, api::ObjectKey key,
                              std::string subresource, PatchKind kind, std::string patch);

 private:
  Registry& registry_;
  std::map<std::pair<std::string, std::string>, CreateHandler, std::less<>> create_handlers_;
};

}  // namespace keelson::apiserver
