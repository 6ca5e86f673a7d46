// SPDX-License-Identifier: Apache-2.0
// What is particular about one kind; everything else about its verbs is generic (registry.h).
// Documents have been normalised and defaulted by their schema before any of these functions sees
// them. Source: apiserver pkg/registry/rest, RESTCreateStrategy and its kin.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "api/document.h"
#include "api/object.h"
#include "api/validation/field_error.h"
#include "apiserver/context/request.h"
#include "base/task.h"

namespace keelson::apiserver {

class Strategy {
 public:
  virtual ~Strategy() = default;

  // Brings a new object into its first state: drops what clients may not set. The generic part has
  // dropped `status` of kinds with a status subresource (unless keeps_status_of_new()), and set
  // generation 1, uid and times.
  virtual void prepare_for_create(api::Document& object, const CallContext& call) const;
  // Carries over what an update may not change. The generic part has kept `status` (or, for an
  // update of /status, everything else) and system metadata; it raises generation when this returns
  // true. The default: anything outside metadata and status changed.
  virtual bool prepare_for_update(api::Document& now, const api::Document& before,
                                  const CallContext& call) const;

  // Likewise for an update of /status.
  virtual void prepare_for_status_update(api::Document& now, const api::Document& before) const;

  // Name rules for this kind; messages, empty when fine. Default: DNS-1123 subdomain.
  virtual std::vector<std::string> validate_name(std::string_view name, bool prefix) const;

  // The generic part validates metadata. Typed work: api::decode<T>(object). Default: what the
  // tables of the API say (kinds/schema_check.h).
  virtual api::FieldErrors validate(const api::Document& object) const;
  virtual api::FieldErrors validate_update(const api::Document& now,
                                           const api::Document& before) const;
  // Where some rules hold for new objects only, or for some versions of the API only. Default: as
  // the two above.
  virtual api::FieldErrors validate_create(const api::Document& object,
                                           const CallContext& call) const;
  virtual api::FieldErrors validate_update_by(const api::Document& now, const api::Document& before,
                                              const CallContext& call) const;
  virtual api::FieldErrors validate_status_update(const api::Document& now,
                                                  const api::Document& before) const;
  // An update through a subresource whose body is the object itself, other than /status, or that
  // changes the object, as a binding does. Default: as any other update.
  virtual api::FieldErrors validate_subresource_update(const api::Document& now,
                                                       const api::Document& before,
                                                       std::string_view subresource) const;
  // Shown to the client as Warning headers.
  virtual std::vector<std::string> warnings(const api::Document& object) const;

  // Graceful deletion: how long the object stays with a deletionTimestamp; nothing: no grace.
  // `requested` is the client's gracePeriodSeconds.
  virtual std::optional<std::int64_t> grace_period(const api::Object& object,
                                                   std::optional<std::int64_t> requested) const;
  // Propagation where the client names none.
  enum class Dependents : std::uint8_t { Background, Orphan };
  virtual Dependents default_dependents() const { return Dependents::Background; }

  // Keeps a deleted object for another reason than metadata.finalizers (a namespace: its
  // spec.finalizers). May change it, to show that it is going. False: nothing keeps it.
  virtual bool holds_deletion(api::Document& object) const;
  // Whether a new object may say how it is: its creator is who knows.
  virtual bool keeps_status_of_new() const { return false; }
  // Whether an update of /status may change labels, annotations and finalizers, as most of
  // upstream's kinds let it.
  virtual bool status_updates_metadata(const api::Resource& resource) const;
  // Answered with the object as it was instead of a Status when it is gone at once.
  virtual bool returns_deleted(const api::Resource& resource) const;
};

// What a kind reserves outside itself: cluster IPs, node ports. Called around the write.
class Allocation {
 public:
  virtual ~Allocation() = default;
  // `before` null: create; `now` null: delete. May change *now. Returns an undo for when the write
  // fails.
  virtual Task<Result<std::function<void()>>> reserve(api::Document* now, const api::Object* before,
                                                      const CallContext& call) = 0;
  // After the write (an object deleted or changed): gives back what is not used any more.
  virtual void written(const api::Object* now, const api::Object* before) = 0;
};

// The strategy of a kind; the generic one for kinds that need none. Never fails.
const Strategy& strategy_for(const api::Resource& resource);

}  // namespace keelson::apiserver
