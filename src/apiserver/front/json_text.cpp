// SPDX-License-Identifier: Apache-2.0
#include "apiserver/front/json_text.h"

#include "api/codec/json.h"
#include "api/codec/json_reader.h"
#include "apiserver/printers/printer.h"

namespace keelson::apiserver {
namespace {

void append_list_metadata(std::string& out, const ListResult& list) {
  out.append("{\"resourceVersion\":\"").append(std::to_string(list.revision)).append("\"");
  if (!list.continue_.empty()) {
    out.append(",\"continue\":");
    api::append_json_string(out, list.continue_);
  }
  if (list.remaining) {
    out.append(",\"remainingItemCount\":").append(std::to_string(*list.remaining));
  }
  out.push_back('}');
}

void append_type(std::string& out, std::string_view kind, std::string_view api_version) {
  out.append("{\"kind\":\"").append(kind).append("\",\"apiVersion\":\"");
  out.append(api_version).append("\",\"metadata\":");
}

std::string meta_version(std::string_view version) { return "meta.k8s.io/" + std::string(version); }

void append_columns(std::string& out, const api::Resource& resource) {
  out.push_back('[');
  for (const auto& column : columns_of(resource)) {
    if (out.back() != '[') out.push_back(',');
    out.append("{\"name\":");
    api::append_json_string(out, column.name);
    out.append(",\"type\":");
    api::append_json_string(out, column.type);
    out.append(",\"format\":");
    api::append_json_string(out, column.format);
    out.append(",\"description\":");
    api::append_json_string(out, column.description);
    out.append(",\"priority\":").append(std::to_string(column.priority)).append("}");
  }
  out.push_back(']');
}

}  // namespace

std::string pretty_json(std::string_view json) {
  std::string out;
  out.reserve(json.size() * 2);
  std::size_t depth = 0;
  bool in_string = false;
  const auto new_line = [&] {
    out.push_back('\n');
    out.append(depth * 4, ' ');
  };
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      out.push_back(c);
      if (c == '\\' && i + 1 < json.size()) {
        out.push_back(json[++i]);
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    switch (c) {
      case '"':
        in_string = true;
        out.push_back(c);
        break;
      case '{':
      case '[': {
        const char closer = c == '{' ? '}' : ']';
        out.push_back(c);
        if (i + 1 < json.size() && json[i + 1] == closer) {
          out.push_back(json[++i]);
        } else {
          ++depth;
          new_line();
        }
        break;
      }
      case '}':
      case ']':
        if (depth > 0) --depth;
        new_line();
        out.push_back(c);
        break;
      case ',':
        out.push_back(c);
        new_line();
        break;
      case ':':
        out.append(": ");
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

SharedText list_text(const api::Resource& resource, const ListResult& list) {
  static const auto kComma = std::make_shared<const std::string>(",");
  static const auto kEnd = std::make_shared<const std::string>("]}");
  std::string head;
  append_type(head, resource.list_kind, resource.api_version());
  append_list_metadata(head, list);
  head.append(",\"items\":[");
  SharedText text;
  text.reserve(2 * list.items.size() + 2);
  text.push_back(std::make_shared<const std::string>(std::move(head)));
  for (const auto& item : list.items) {
    if (text.size() > 1) text.push_back(kComma);
    text.emplace_back(item, &item->json());
  }
  text.push_back(kEnd);
  return text;
}

std::size_t size_of(const SharedText& text) {
  std::size_t size = 0;
  for (const auto& piece : text) size += piece->size();
  return size;
}

std::string joined(const SharedText& text) {
  std::string out;
  out.reserve(size_of(text));
  for (const auto& piece : text) out.append(*piece);
  return out;
}

std::string_view metadata_text(const api::Object& object) {
  api::JsonReader reader(object.json(), api::kJsonDepthMax);
  reader.read_object();
  bool first = true;
  for (std::string_view name; reader.next_member(first, name);) {
    const bool wanted = name == "metadata";
    const std::string_view value = reader.skip_value();
    if (wanted && !reader.failed()) return value;
  }
  return "{}";
}

std::string partial_json(const api::Object& object, std::string_view version) {
  std::string out;
  append_type(out, "PartialObjectMetadata", meta_version(version));
  return out.append(metadata_text(object)).append("}");
}

std::string partial_list_json(const ListResult& list, std::string_view version) {
  std::string out;
  append_type(out, "PartialObjectMetadataList", meta_version(version));
  append_list_metadata(out, list);
  out.append(",\"items\":[");
  bool first = true;
  for (const auto& item : list.items) {
    if (!first) out.push_back(',');
    first = false;
    out.append(partial_json(*item, version));
  }
  return out.append("]}");
}

RowObject row_object(const net::Target& target) {
  const std::string_view include = target.get("includeObject");
  if (include == "None") return RowObject::None;
  return include == "Object" ? RowObject::Object : RowObject::Metadata;
}

std::string table_json(const api::Resource& resource, const ListResult& list, RowObject include,
                       Wall now, std::string_view version) {
  const api::Resource& shown =
      list.items.empty() ? resource : printed_as(resource, *list.items.front());
  std::string out;
  append_type(out, "Table", meta_version(version));
  append_list_metadata(out, list);
  out.append(",\"columnDefinitions\":");
  append_columns(out, shown);
  out.append(",\"rows\":[");
  bool first = true;
  for (const auto& item : list.items) {
    if (!first) out.push_back(',');
    first = false;
    out.append("{\"cells\":");
    api::append_json(out, cells_of(shown, *item, now));
    if (include == RowObject::Metadata) {
      out.append(",\"object\":").append(partial_json(*item, version));
    } else if (include == RowObject::Object) {
      out.append(",\"object\":").append(item->json());
    }
    out.push_back('}');
  }
  return out.append("]}");
}

}  // namespace keelson::apiserver
