// SPDX-License-Identifier: Apache-2.0
// Which objects of a resource a LIST or WATCH asks for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "api/selector.h"

namespace keelson::apiserver {

// The values of some selectable fields of an object, in the order of `paths` ("spec.nodeName"),
// read from its bytes in one pass. Fields that are absent have their zero value: "", "false" or
// "0".
std::vector<std::string> select_fields(const api::Resource& resource, const api::Object& object,
                                       const std::vector<std::string>& paths);

class Selection {
 public:
  // Everything of the resource, or of one namespace where that is not empty.
  Selection(const api::Resource& resource, std::string namespace_);

  // Errors: BadRequest with upstream's texts, for text that is no selector and for fields that the
  // resource does not select by.
  static Result<Selection> parse(const api::Resource& resource, std::string namespace_,
                                 std::string_view labels, std::string_view fields);

  bool matches(const api::Object& object) const;
  // True if more than the namespace decides.
  bool has_selectors() const { return !labels_.selects_everything() || !fields_.empty(); }

  const api::Resource& resource() const { return *resource_; }
  const std::string& namespace_() const { return in_namespace_; }
  // The only name that can match, if the field selector pins it.
  const std::optional<std::string>& name() const { return name_; }
  // The only spec.nodeName that can match, likewise.
  const std::optional<std::string>& node() const { return node_; }

 private:
  const api::Resource* resource_;
  std::string in_namespace_;
  api::LabelSelector labels_;
  std::vector<api::FieldRequirement> fields_;  // `field` is the path in the stored object.
  std::vector<std::string> paths_;  // Of those requirements that need the object's bytes.
  std::optional<std::string> name_, node_;
};

}  // namespace keelson::apiserver
