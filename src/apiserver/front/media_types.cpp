// SPDX-License-Identifier: Apache-2.0
#include "apiserver/front/media_types.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"

namespace keelson::apiserver {
namespace {

constexpr std::size_t kAcceptMax = 64;  // Entries that are looked at.

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view next_part(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return trim(part);
}

const Serializer* serializer_for(const MediaType& wanted) {
  if (wanted.type == "*/*" || wanted.type == "application/*") return &serializers().front();
  return find_serializer(wanted.type);
}

Status not_acceptable() {
  std::string text = "only the following media types are accepted: ";
  return Status(Reason::NotAcceptable, text + supported_media_types());
}

}  // namespace

std::string_view MediaType::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

MediaType parse_media_type(std::string_view text) {
  MediaType out;
  out.type = lower_case(next_part(text, ';'));
  while (!text.empty()) {
    std::string_view value = next_part(text, ';');
    const std::string_view name = next_part(value, '=');
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (name == "q") {
      double quality = 1;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), quality);
      out.quality = error == std::errc() ? quality : 0;
    } else if (!name.empty()) {
      out.parameters.emplace_back(lower_case(name), std::string(value));
    }
  }
  return out;
}

std::vector<MediaType> parse_accept(std::string_view header) {
  std::vector<MediaType> out;
  while (!header.empty() && out.size() < kAcceptMax) {
    const std::string_view part = next_part(header, ',');
    if (part.empty()) continue;
    MediaType type = parse_media_type(part);
    const auto place = std::ranges::find_if(
        out, [&](const MediaType& other) { return other.quality < type.quality; });
    out.insert(place, std::move(type));
  }
  return out;
}

Result<Output> negotiate(std::string_view accept, const Offer& offer) {
  Output output;
  if (trim(accept).empty()) {
    output.serializer = &serializers().front();
    return output;
  }
  for (const MediaType& wanted : parse_accept(accept)) {
    if (wanted.quality <= 0) continue;
    output.serializer = serializer_for(wanted);
    if (output.serializer == nullptr) continue;
    output.pretty = wanted.parameter("pretty") == "1" || wanted.parameter("pretty") == "true";
    const std::string_view as = wanted.parameter("as");
    const bool protobuf = output.serializer->form == WireForm::Protobuf;
    if (as.empty()) {
      if (protobuf && !offer.protobuf) continue;
      return output;
    }
    const std::string_view version = wanted.parameter("v");
    if (!offer.alternate || wanted.parameter("g") != "meta.k8s.io" ||
        (version != "v1" && version != "v1beta1")) {
      continue;
    }
    output.table_version = version;
    if (as == "Table" && !protobuf) {
      output.form = OutputForm::Table;
      return output;
    }
    if (as == "PartialObjectMetadata" || as == "PartialObjectMetadataList") {
      output.form = OutputForm::Partial;
      return output;
    }
  }
  return fail(not_acceptable());
}

}  // namespace keelson::apiserver
