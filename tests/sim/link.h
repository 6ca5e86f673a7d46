// SPDX-License-Identifier: Apache-2.0
// One component's way to the API server, which can lose requests, lose answers, break watches, or
// be cut; and a record of all that went over all of them.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/random.h"
#include "client/client.h"

namespace keelson::sim {

// What happened, folded into one number: two runs with the same number went the same way.
class RunRecord {
 public:
  void add(std::string_view text);
  std::uint64_t hash() const { return hash_; }
  std::uint64_t entries() const { return entries_; }

 private:
  std::uint64_t hash_ = 14695981039346656037u;
  std::uint64_t entries_ = 0;
};

// Chances of one call, shared by all links so that a test can turn them on and off.
struct Faults {
  double lost_request = 0;  // The server never sees it.
  double lost_answer = 0;   // The server has done it; the caller hears of a failure.
  double broken_watch = 0;  // Of one batch of events; they are lost with the watch.
};

struct LinkParts {
  std::unique_ptr<client::Client> server;
  std::string name;
  Executor& executor;
  Random& random;
  const Faults& faults;
  RunRecord& record;
};

class Link final : public client::Client {
 public:
  explicit Link(LinkParts parts);

  // From now on all calls fail, and the watches under way as well; until restored.
  void cut();
  void restore();

  using Client::create;
  using Client::get;
  using Client::list;
  using Client::patch;
  using Client::remove;
  using Client::update;

  Task<Result<client::ObjectPtr>> get(const api::Resource& resource, api::ObjectKey key,
                                      std::string subresource = {}) override;
  Task<Result<client::ObjectList>> list(const api::Resource& resource, std::string namespace_,
                                        client::ListOptions options) override;
  Task<Result<std::unique_ptr<client::WatchStream>>> watch(const api::Resource& resource,
                                                           std::string namespace_,
                                                           client::WatchOptions options) override;
  Task<Result<client::ObjectPtr>> create(const api::Resource& resource, api::ObjectKey key,
                                         boost::json::value object,
                                         client::WriteOptions options) override;
  Task<Result<client::ObjectPtr>> update(const api::Resource& resource, api::ObjectKey key,
                                         boost::json::value object,
                                         client::WriteOptions options) override;
  Task<Result<client::ObjectPtr>> patch(const api::Resource& resource, api::ObjectKey key,
                                        client::PatchType type, std::string patch,
                                        client::WriteOptions options) override;
  Task<Result<client::ObjectPtr>> remove(const api::Resource& resource, api::ObjectKey key,
                                         client::DeleteOptions options) override;
  Task<Result<void>> remove_collection(const api::Resource& resource, std::string namespace_,
                                       client::DeleteOptions options,
                                       client::ListOptions selection) override;

 private:
  friend class LinkedWatch;

  template <class T>
  Task<Result<T>> pass(std::string what, Task<Result<T>> call);
  bool happens(double chance) { return chance > 0 && parts_.random.unit() < chance; }

  LinkParts parts_;
  std::stop_source up_;  // Stopped by cut().
  bool cut_ = false;
};

}  // namespace keelson::sim
