// SPDX-License-Identifier: Apache-2.0
// Where the parser finds flow collections, and how deep, so does what bounds them beforehand.
#include <libfyaml.h>

#include "api/utf8.h"
#include "api/yaml_flow.h"
#include "base/result.h"

namespace {

// Of the deepest flow collection; nothing if the text is not YAML.
std::optional<int> flow_depth(std::string_view text) {
  fy_diag_cfg diag_config;
  fy_diag_cfg_default(&diag_config);
  diag_config.fp = nullptr;
  diag_config.output_fn = [](fy_diag*, void*, const char*, std::size_t) {};
  fy_diag* diag = fy_diag_create(&diag_config);
  const fy_parse_cfg config{
      .search_path = nullptr,
      .flags = static_cast<fy_parse_cfg_flags>(FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2 |
                                               FYPCF_SLOPPY_FLOW_INDENTATION),
      .userdata = nullptr,
      .diag = diag,
  };
  fy_parser* parser = fy_parser_create(&config);
  fy_parser_set_string(parser, text.data(), text.size());
  int depth = 0, deepest = 0;
  std::vector<bool> open;  // Whether each is a flow collection.
  bool ended = false;
  // By its bracket: a pair in a list, [a: b], is a mapping without.
  const auto begin = [&](fy_token* start, fy_token_type flow, char bracket) {
    const fy_mark* mark = start ? fy_token_start_mark(start) : nullptr;
    open.push_back(mark && fy_token_get_type(start) == flow &&
                   text.substr(mark->input_pos).starts_with(bracket));
    if (open.back()) deepest = std::max(deepest, ++depth);
  };
  while (fy_event* event = fy_parser_parse(parser)) {
    switch (event->type) {
      case FYET_MAPPING_START:
        begin(event->mapping_start.mapping_start, FYTT_FLOW_MAPPING_START, '{');
        break;
      case FYET_SEQUENCE_START:
        begin(event->sequence_start.sequence_start, FYTT_FLOW_SEQUENCE_START, '[');
        break;
      case FYET_MAPPING_END:
      case FYET_SEQUENCE_END:
        if (open.back()) --depth;
        open.pop_back();
        break;
      case FYET_STREAM_END:
        ended = true;
        break;
      default:
        break;
    }
    fy_parser_event_free(parser, event);
    if (ended) break;
  }
  fy_parser_destroy(parser);
  fy_diag_destroy(diag);
  return ended ? std::optional(deepest) : std::nullopt;
}

bool has_controls(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using keelson::api::check_yaml_flow;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool nested = check_yaml_flow(text, 1).has_value();  // Must end, whatever the text.
  if (!keelson::api::is_utf8(text) || has_controls(text) || text.contains("%YAML")) return 0;
  const auto depth = flow_depth(text);
  if (!depth) return 0;
  const bool any = !check_yaml_flow(text, 0);
  CHECK(*depth <= 1 || !nested);
  CHECK(*depth == 0 || any);
  // The parser takes brackets for a part of some tags, tabs for indentation at times, and more so
  // where directives are broken.
  if (text.find_first_of("!\t%") != text.npos) return 0;
  CHECK(nested == (*depth <= 1));
  CHECK(any == (*depth > 0));
  return 0;
}
