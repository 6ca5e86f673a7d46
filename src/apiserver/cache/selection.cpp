// SPDX-License-Identifier: Apache-2.0
#include "apiserver/cache/selection.h"

#include <algorithm>

#include "api/codec/json.h"
#include "api/codec/json_reader.h"

namespace keelson::apiserver {
namespace {

// Selectable fields that do not stand where their name says, or stand elsewhere in the stored
// version. Source: upstream's field label conversions.
struct Alias {
  std::string_view group, resource, field, path;
};
constexpr Alias kAliases[] = {
    {"", "events", "source", "source.component"},
    {"batch", "jobs", "status.successful", "status.succeeded"},
    {"events.k8s.io", "events", "regarding.kind", "involvedObject.kind"},
    {"events.k8s.io", "events", "regarding.namespace", "involvedObject.namespace"},
    {"events.k8s.io", "events", "regarding.name", "involvedObject.name"},
    {"events.k8s.io", "events", "regarding.uid", "involvedObject.uid"},
    {"events.k8s.io", "events", "regarding.apiVersion", "involvedObject.apiVersion"},
    {"events.k8s.io", "events", "regarding.resourceVersion", "involvedObject.resourceVersion"},
    {"events.k8s.io", "events", "regarding.fieldPath", "involvedObject.fieldPath"},
    {"events.k8s.io", "events", "reportingController", "reportingComponent"},
};

std::string path_of(const api::Resource& resource, const std::string& field) {
  for (const Alias& alias : kAliases) {
    if (alias.group == resource.group && alias.resource == resource.plural && alias.field == field)
      return std::string(alias.path);
  }
  return field;
}

// What an absent field counts as.
std::string zero_of(const api::Resource& resource, std::string_view path) {
  const api::Type* type = resource.type;
  while (type != nullptr) {
    const auto dot = path.find('.');
    const api::Field* field = type->find(path.substr(0, dot));
    if (field == nullptr) break;
    if (dot == std::string_view::npos) {
      switch (field->value.shape) {
        case api::Shape::Bool:
          return "false";
        case api::Shape::Int32:
        case api::Shape::Int64:
          return "0";
        default:
          return {};
      }
    }
    type = field->value.type;
    path.remove_prefix(dot + 1);
  }
  return {};
}

// One walk through an object's members, along all wanted paths at once.
class FieldReader {
 public:
  FieldReader(std::string_view json, const std::vector<std::string>& paths,
              std::vector<std::string>& values)
      : reader_(json, api::kJsonDepthMax), paths_(paths), values_(values) {}

  void run() { object(0, std::string()); }

 private:
  // `prefix` is where the object about to be read stands: "spec."
  void object(std::size_t depth, const std::string& prefix) {
    if (!reader_.read_object()) return;
    bool first = true;
    for (std::string_view name; reader_.next_member(first, name);) {
      const std::string path = prefix + std::string(name);
      bool leaf = false;
      bool inner = false;
      for (const auto& wanted : paths_) {
        if (wanted == path) leaf = true;
        if (wanted.size() > path.size() && wanted[path.size()] == '.' && wanted.starts_with(path)) {
          inner = true;
        }
      }
      if (reader_.skip_null()) continue;
      if (leaf) {
        read_leaf(path);
      } else if (inner && depth < kDepthMax) {
        object(depth + 1, path + ".");
      } else {
        reader_.skip_value();
      }
    }
  }

  void read_leaf(const std::string& path) {
    const bool text = reader_.peek() == api::JsonReader::Kind::String;
    const std::string value(text ? reader_.take_string() : reader_.skip_value());
    if (reader_.failed()) return;
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      if (paths_[i] == path) values_[i] = value;
    }
  }

  static constexpr std::size_t kDepthMax = 8;

  api::JsonReader reader_;
  const std::vector<std::string>& paths_;
  std::vector<std::string>& values_;
};

Status unknown_field(const api::Resource& resource, std::string_view field) {
  std::string text;
  if (resource.field_selectors.empty()) {
    text.append("\"").append(field).append("\" is not a known field selector: only ");
    text.append("\"metadata.name\", \"metadata.namespace\"");
  } else if (resource.group.empty()) {
    text.append("field label not supported: ").append(field);
  } else {
    text.append("field label \"").append(field).append("\" not supported for ");
    text.append(resource.kind);
  }
  return Status::bad_request(std::move(text));
}

}  // namespace

std::vector<std::string> select_fields(const api::Resource& resource, const api::Object& object,
                                       const std::vector<std::string>& paths) {
  std::vector<std::string> values;
  values.reserve(paths.size());
  for (const auto& path : paths) values.push_back(zero_of(resource, path));
  FieldReader(object.json(), paths, values).run();
  return values;
}

Selection::Selection(const api::Resource& resource, std::string namespace_)
    : resource_(&resource), in_namespace_(std::move(namespace_)) {}

Result<Selection> Selection::parse(const api::Resource& resource, std::string namespace_,
                                   std::string_view labels, std::string_view fields) {
  Selection selection(resource, std::move(namespace_));
  if (!labels.empty()) {
    TRY(selection.labels_, api::LabelSelector::parse(labels));
  }
  if (fields.empty()) return selection;
  TRY(const auto selector, api::FieldSelector::parse(fields));
  for (api::FieldRequirement requirement : selector.requirements()) {
    const bool metadata =
        requirement.field == "metadata.name" || requirement.field == "metadata.namespace";
    if (!metadata && std::ranges::find(resource.field_selectors, requirement.field) ==
                         resource.field_selectors.end()) {
      return fail(unknown_field(resource, requirement.field));
    }
    if (requirement.equal && requirement.field == "metadata.name") {
      selection.name_ = requirement.value;
    } else if (requirement.equal && requirement.field == "spec.nodeName" &&
               resource.group.empty() && resource.plural == "pods") {
      selection.node_ = requirement.value;
    }
    if (!metadata) {
      requirement.field = path_of(resource, requirement.field);
      selection.paths_.push_back(requirement.field);
    }
    selection.fields_.push_back(std::move(requirement));
  }
  return selection;
}

bool Selection::matches(const api::Object& object) const {
  if (!in_namespace_.empty() && object.namespace_() != in_namespace_) return false;
  if (!labels_.matches(object.labels())) return false;
  if (fields_.empty()) return true;
  std::vector<std::string> values;
  if (!paths_.empty()) values = select_fields(*resource_, object, paths_);
  std::size_t next = 0;
  for (const auto& requirement : fields_) {
    const std::string& value = requirement.field == "metadata.name"        ? object.name()
                               : requirement.field == "metadata.namespace" ? object.namespace_()
                                                                           : values[next++];
    if ((value == requirement.value) != requirement.equal) return false;
  }
  return true;
}

}  // namespace keelson::apiserver
