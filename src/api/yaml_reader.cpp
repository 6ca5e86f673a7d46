// SPDX-License-Identifier: Apache-2.0
// The text becomes a flat list of nodes first, then documents: so an alias is read again where it
// stands, under limits on what that may cost, and nothing is copied beforehand.
#include <libfyaml.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "api/quote.h"
#include "api/utf8.h"
#include "api/yaml.h"
#include "api/yaml_flow.h"
#include "api/yaml_scalar.h"
#include "base/base64.h"

namespace keelson::api {
namespace {

constexpr std::string_view kContext = "error converting YAML to JSON: ";
constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

enum class NodeKind : std::uint8_t { Scalar, Map, List, Alias };

struct Node {
  NodeKind kind;
  bool plain = false;      // A scalar without quotes.
  std::size_t line = 0;    // Counted from one.
  std::size_t end = 0;     // Index behind the last node of this one's subtree.
  std::size_t target = 0;  // Alias: the node it stands for.
  std::string text;        // Scalar; alias: the anchor's name.
  std::string tag;         // "!!str", "!mine"; empty: none.
};

std::unexpected<Status> error(std::string_view message) {
  return fail(Reason::BadRequest, std::string(kContext).append("yaml: ").append(message));
}

std::unexpected<Status> error_at(std::size_t line, std::string_view message) {
  return error("line " + std::to_string(line) + ": " + std::string(message));
}

// UTF-8 without control characters, as YAML wants it.
Result<void> check_characters(std::string_view text) {
  std::size_t line = 1;
  while (!text.empty()) {
    const Rune rune = first_rune(text);
    text.remove_prefix(rune.size);
    if (!rune.valid) return error_at(line, "invalid UTF-8");
    if (rune.code == '\n') ++line;
    const bool control =
        (rune.code < 0x20 && rune.code != '\n' && rune.code != '\r' && rune.code != '\t') ||
        rune.code == 0x7F || (rune.code >= 0x80 && rune.code < 0xA0 && rune.code != 0x85) ||
        rune.code == 0xFFFE || rune.code == 0xFFFF;
    if (control) return error_at(line, "control characters are not allowed");
  }
  return {};
}

struct TokenIterDeleter {
  void operator()(fy_token_iter* iterator) const { fy_token_iter_destroy(iterator); }
};

// Piece by piece: fy_token_get_text() of libfyaml 0.7.12 trusts a length it has guessed, which is
// too long for some scalars, and returns memory that was never written.
std::string text_of(fy_token* token) {
  std::string text;
  if (!token) return text;
  const std::unique_ptr<fy_token_iter, TokenIterDeleter> iterator(fy_token_iter_create(token));
  if (!iterator) return text;
  int failed = 0;
  const fy_iter_chunk* chunk = nullptr;
  while ((chunk = fy_token_iter_chunk_next(iterator.get(), chunk, &failed))) {
    text.append(chunk->str, chunk->len);
  }
  return text;
}

std::string_view trimmed(std::string_view line, bool front, bool back) {
  constexpr std::string_view kBlank = " \t\r";
  if (front) line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  if (back) line = line.substr(0, line.find_last_not_of(kBlank) + 1);
  return line;
}

// What stands between single quotes: lines folded, pairs of quotes made one. Done here because
// libfyaml 0.7.12 reads four quotes in a row as three.
std::string read_single_quoted(std::string_view raw) {
  std::string folded;
  std::size_t breaks = 0;
  for (bool first = true;; first = false) {
    const std::size_t end = raw.find('\n');
    const bool last = end == raw.npos;
    const std::string_view line = trimmed(raw.substr(0, end), !first, !last);
    if (!first) ++breaks;
    if (breaks > 0 && (last || !line.empty())) {
      folded += breaks == 1 ? " " : std::string(breaks - 1, '\n');
      breaks = 0;
    }
    folded += line;
    if (last) break;
    raw.remove_prefix(end + 1);
  }
  std::string text;
  for (std::size_t i = 0; i < folded.size(); ++i) {
    text += folded[i];
    if (folded[i] == '\'') ++i;
  }
  return text;
}

// "!!str", "!mine", "!"; the core schema's long form is shortened.
std::string tag_of(fy_token* token) {
  if (!token) return {};
  std::size_t size = 0;
  const char* text = fy_token_get_text(token, &size);
  std::string tag = text ? std::string(text, size) : std::string();
  if (tag.starts_with(kTagPrefix)) return "!!" + tag.substr(kTagPrefix.size());
  return tag;
}

struct WordingRow {
  std::string_view prefix, familiar;
};

// Mistakes that people look up by the words that kubectl has for them.
constexpr WordingRow kWordings[] = {
    {"invalid nested block mapping", "mapping values are not allowed in this context"},
    {"invalid multiline plain key", "mapping values are not allowed in this context"},
    {"tab character may not", "found character that cannot start any token"},
    {"plain scalar cannot start with", "found character that cannot start any token"},
    {"invalid indentation in mapping", "did not find expected key"},
    {"invalid scalar at the end of block sequence", "did not find expected '-' indicator"},
    {"flow sequence without", "did not find expected ',' or ']'"},
    {"flow mapping without", "did not find expected ',' or '}'"},
    {"double-quoted scalar without closing", "found unexpected end of stream"},
    {"single-quoted scalar without closing", "found unexpected end of stream"},
};

std::string_view familiar(std::string_view message) {
  for (const WordingRow& row : kWordings) {
    if (message.starts_with(row.prefix)) return row.familiar;
  }
  return message;
}

// A whole number reads the same as an integer, and is one in the JSON that upstream makes.
Document shortest_number(double number) {
  constexpr double kWholeMax = 9'007'199'254'740'992.0;  // 2^53
  if (number == std::floor(number) && std::fabs(number) <= kWholeMax) {
    return Document(static_cast<std::int64_t>(number));
  }
  return Document(number);
}

// Runs libfyaml over the text and keeps the nodes of one document after another.
class Loader {
 public:
  Loader(std::string_view text, const YamlOptions& options) : text_(text), options_(options) {
    fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = nullptr;
    diag_config.output_fn = [](fy_diag*, void*, const char*, std::size_t) {};
    diag_.reset(fy_diag_create(&diag_config));
    fy_diag_set_collect_errors(diag_.get(), true);
    const fy_parse_cfg config{
        .search_path = nullptr,
        .flags = static_cast<fy_parse_cfg_flags>(FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE |
                                                 FYPCF_DEFAULT_VERSION_1_2 |
                                                 FYPCF_SLOPPY_FLOW_INDENTATION),
        .userdata = nullptr,
        .diag = diag_.get(),
    };
    parser_.reset(fy_parser_create(&config));
    if (parser_) fy_parser_set_string(parser_.get(), text.data(), text.size());
  }

  // The nodes of the next document; empty at the end of the text.
  Result<std::vector<Node>> next() {
    nodes_.clear();
    anchors_.clear();
    open_.clear();
    while (true) {
      const Event event = take_event();
      if (!event) return syntax_error();
      switch (event->type) {
        case FYET_STREAM_END:
          return std::vector<Node>();
        case FYET_DOCUMENT_END:
          return std::move(nodes_);
        case FYET_SCALAR:
          add_scalar(*event);
          break;
        case FYET_MAPPING_START:
          if (!begin(NodeKind::Map, *event, event->mapping_start.anchor,
                     event->mapping_start.tag)) {
            return too_deep();
          }
          break;
        case FYET_SEQUENCE_START:
          if (!begin(NodeKind::List, *event, event->sequence_start.anchor,
                     event->sequence_start.tag)) {
            return too_deep();
          }
          break;
        case FYET_MAPPING_END:
        case FYET_SEQUENCE_END:
          nodes_[open_.back()].end = nodes_.size();
          open_.pop_back();
          break;
        case FYET_ALIAS: {
          Node node{.kind = NodeKind::Alias, .line = line_of(*event)};
          node.text = text_of(event->alias.anchor);
          const auto anchor = anchors_.find(node.text);
          if (anchor == anchors_.end()) {
            return error("unknown anchor '" + node.text + "' referenced");
          }
          node.target = anchor->second;
          node.end = nodes_.size() + 1;
          nodes_.push_back(std::move(node));
          break;
        }
        default:
          break;
      }
    }
  }

 private:
  struct EventDeleter {
    fy_parser* parser;
    void operator()(fy_event* event) const { fy_parser_event_free(parser, event); }
  };
  using Event = std::unique_ptr<fy_event, EventDeleter>;

  Event take_event() {
    return Event(parser_ ? fy_parser_parse(parser_.get()) : nullptr, {parser_.get()});
  }

  static std::size_t line_of(fy_event& event) {
    const fy_mark* mark = fy_event_start_mark(&event);
    return mark ? static_cast<std::size_t>(mark->line) + 1 : 0;
  }

  void remember_anchor(fy_token* anchor) {
    if (anchor) anchors_.insert_or_assign(text_of(anchor), nodes_.size());
  }

  void add_scalar(fy_event& event) {
    remember_anchor(event.scalar.anchor);
    Node node{.kind = NodeKind::Scalar, .line = line_of(event), .end = nodes_.size() + 1};
    node.plain = !event.scalar.value || fy_token_scalar_style(event.scalar.value) == FYSS_PLAIN;
    node.text = scalar_text(event.scalar.value);
    node.tag = tag_of(event.scalar.tag);
    nodes_.push_back(std::move(node));
  }

  std::string scalar_text(fy_token* token) const {
    if (!token || fy_token_scalar_style(token) != FYSS_SINGLE_QUOTED) return text_of(token);
    const fy_mark* start = fy_token_start_mark(token);
    const fy_mark* end = fy_token_end_mark(token);
    if (!start || !end || start->input_pos > end->input_pos || end->input_pos > text_.size()) {
      return text_of(token);
    }
    return read_single_quoted(text_.substr(start->input_pos, end->input_pos - start->input_pos));
  }

  bool begin(NodeKind kind, fy_event& event, fy_token* anchor, fy_token* tag) {
    if (open_.size() >= static_cast<std::size_t>(options_.depth_max)) return false;
    remember_anchor(anchor);
    open_.push_back(nodes_.size());
    nodes_.push_back({.kind = kind, .line = line_of(event), .tag = tag_of(tag)});
    return true;
  }

  std::unexpected<Status> too_deep() const {
    return error("exceeded max depth of " + std::to_string(options_.depth_max));
  }

  std::unexpected<Status> syntax_error() const {
    void* previous = nullptr;
    while (const fy_diag_error* problem = fy_diag_errors_iterate(diag_.get(), &previous)) {
      if (!problem->msg) continue;
      const auto line = static_cast<std::size_t>(std::max(problem->line, 1));
      return error_at(line, familiar(problem->msg));
    }
    return error("unknown problem parsing YAML content");
  }

  struct DiagDeleter {
    void operator()(fy_diag* diag) const { fy_diag_destroy(diag); }
  };
  struct ParserDeleter {
    void operator()(fy_parser* parser) const { fy_parser_destroy(parser); }
  };

  std::string_view text_;
  const YamlOptions& options_;
  std::unique_ptr<fy_diag, DiagDeleter> diag_;
  std::unique_ptr<fy_parser, ParserDeleter> parser_;
  std::vector<Node> nodes_;
  std::unordered_map<std::string, std::size_t> anchors_;
  std::vector<std::size_t> open_;  // Maps and lists that have not ended.
};

// Makes JSON of one document's nodes.
class Converter {
 public:
  Converter(const std::vector<Node>& nodes, const YamlOptions& options)
      : nodes_(nodes), options_(options) {}

  Result<Document> convert() { return convert(0, 1); }
  const std::vector<std::string>& duplicates() const { return duplicates_; }

 private:
  Result<Document> convert(std::size_t index, int depth) {
    const Node& node = nodes_[index];
    TRY_OK(count(node));
    if (depth > options_.depth_max + 1) {
      return error("exceeded max depth of " + std::to_string(options_.depth_max));
    }
    switch (node.kind) {
      case NodeKind::Scalar: {
        TRY(auto value, scalar(node));
        if (!value.is_double()) return value;
        if (!std::isfinite(value.get_double())) {
          return fail(Reason::BadRequest, std::string(kContext) + "json: unsupported value: " +
                                              go_value(value.get_double()));
        }
        return shortest_number(value.get_double());
      }
      case NodeKind::Map:
        return convert_map(index, depth);
      case NodeKind::List: {
        boost::json::array list;
        for (std::size_t child = index + 1; child < node.end; child = nodes_[child].end) {
          TRY(auto element, convert(child, depth + 1));
          list.push_back(std::move(element));
        }
        return Document(std::move(list));
      }
      case NodeKind::Alias:
        return convert_alias(index, depth);
    }
    return Document();
  }

  Result<Document> convert_alias(std::size_t index, int depth) {
    const Node& node = nodes_[index];
    if (!active_.insert(index).second) {
      return error("anchor '" + node.text + "' value contains itself");
    }
    ++alias_depth_;
    auto value = convert(node.target, depth);
    --alias_depth_;
    active_.erase(index);
    return value;
  }

  // Upstream's bound on what aliases may blow a document up to, by nodes; and one by bytes.
  Result<void> count(const Node& node) {
    ++nodes_read_;
    if (alias_depth_ == 0) return {};
    ++alias_nodes_;
    alias_bytes_ += node.text.size();
    constexpr double kLow = 400'000, kHigh = 4'000'000;
    const double read = static_cast<double>(nodes_read_);
    const double allowed = read <= kLow    ? 0.99
                           : read >= kHigh ? 0.10
                                           : 0.99 - 0.89 * ((read - kLow) / (kHigh - kLow));
    const bool too_many = alias_nodes_ > 100 && nodes_read_ > 1000 &&
                          static_cast<double>(alias_nodes_) / read > allowed;
    if (too_many || alias_bytes_ > kYamlAliasBytesMax) {
      return error("document contains excessive aliasing");
    }
    return {};
  }

  Result<Document> convert_map(std::size_t index, int depth) {
    const Node& node = nodes_[index];
    boost::json::object map;
    std::vector<std::size_t> merges;
    for (std::size_t key = index + 1; key < node.end;) {
      const std::size_t value = nodes_[key].end;
      if (is_merge(nodes_[key])) {
        merges.push_back(value);
      } else {
        TRY(auto name, convert_key(key));
        TRY(auto element, convert(value, depth + 1));
        if (map.contains(name.text) && duplicates_.size() < kFindingsMax) {
          duplicates_.push_back("line " + std::to_string(nodes_[value].line) + ": key " +
                                name.shown + " already set in map");
        }
        map.insert_or_assign(name.text, std::move(element));
      }
      key = nodes_[value].end;
    }
    for (const std::size_t merge : merges) TRY_OK(merge_into(map, merge, depth));
    return Document(std::move(map));
  }

  static bool is_merge(const Node& key) {
    return key.kind == NodeKind::Scalar && key.text == "<<" &&
           (key.plain ? key.tag.empty() || key.tag == "!!merge" : key.tag == "!!merge");
  }

  // "<<": what the map does not say itself comes from the maps named, the first of them first.
  Result<void> merge_into(boost::json::object& map, std::size_t index, int depth) {
    const Node* node = &nodes_[index];
    const Node* meant = node->kind == NodeKind::Alias ? &nodes_[node->target] : node;
    if (meant->kind == NodeKind::Map) {
      TRY(auto merged, convert(index, depth));
      for (auto& member : merged.get_object()) {
        map.emplace(member.key(), std::move(member.value()));
      }
      return {};
    }
    if (node->kind == NodeKind::List) {
      for (std::size_t child = index + 1; child < node->end; child = nodes_[child].end) {
        const Node& element = nodes_[child];
        const Node& target = element.kind == NodeKind::Alias ? nodes_[element.target] : element;
        if (target.kind != NodeKind::Map) break;
        TRY_OK(merge_into(map, child, depth));
        if (nodes_[child].end == node->end) return {};
      }
      if (node->end == index + 1) return {};
    }
    return error("map merge requires map or sequence of maps as the value");
  }

  struct Key {
    std::string text;
    std::string shown;  // As Go prints it with %#v.
  };

  Result<Key> convert_key(std::size_t index) {
    const Node* node = &nodes_[index];
    if (node->kind == NodeKind::Alias) node = &nodes_[node->target];
    TRY_OK(count(*node));
    if (node->kind != NodeKind::Scalar) return error_at(node->line, "invalid map key");
    TRY(auto value, scalar(*node));
    if (value.is_null() || value.is_uint64()) {
      return fail(Reason::BadRequest,
                  std::string(kContext) + "unsupported map key of type: " +
                      (value.is_null() ? "%!s(<nil>), key: <nil>" : "uint64, key: " + node->text));
    }
    if (value.is_string()) {
      std::string text(std::string_view(value.get_string()));
      std::string shown = quoted(text);
      return Key{std::move(text), std::move(shown)};
    }
    std::string text = value.is_double() ? float_key(value.get_double()) : go_value(value);
    return Key{text, text};
  }

  // As Go's format 'g' with the digits that a float of 32 bits needs.
  static std::string float_key(double number) {
    if (std::isnan(number)) return ".nan";
    const auto narrow = static_cast<float>(number);
    if (std::isinf(narrow)) return narrow > 0 ? ".inf" : "-.inf";
    const float magnitude = std::fabs(narrow);
    const auto format = magnitude != 0 && (magnitude < 1e-4F || magnitude >= 1e6F)
                            ? std::chars_format::scientific
                            : std::chars_format::fixed;
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, narrow, format).ptr;
    return std::string(buffer, end);
  }

  static std::string_view kind_of(const Document& value) {
    switch (value.kind()) {
      case boost::json::kind::null:
        return "!!null";
      case boost::json::kind::bool_:
        return "!!bool";
      case boost::json::kind::int64:
      case boost::json::kind::uint64:
        return "!!int";
      case boost::json::kind::double_:
        return "!!float";
      default:
        return "!!str";
    }
  }

  static Result<Document> scalar(const Node& node) {
    if (node.tag.empty()) {
      return node.plain ? resolve_plain_scalar(node.text) : Document(node.text);
    }
    if (node.tag == "!!binary") {
      auto bytes = base64_decode(node.text);
      if (!bytes) return error("!!binary value contains invalid base64 data");
      if (!is_utf8(*bytes)) return error_at(node.line, "!!binary value is not UTF-8");
      return Document(*std::move(bytes));
    }
    if (node.tag != "!!int" && node.tag != "!!float" && node.tag != "!!bool" &&
        node.tag != "!!null") {
      return Document(node.text);
    }
    Document value = resolve_plain_scalar(node.text);
    const std::string_view kind = kind_of(value);
    if (kind == node.tag) return value;
    if (node.tag == "!!float" && kind == "!!int") return value;
    return error("cannot decode " + std::string(kind) + " `" + node.text + "` as a " + node.tag);
  }

  const std::vector<Node>& nodes_;
  const YamlOptions& options_;
  std::vector<std::string> duplicates_;
  std::unordered_set<std::size_t> active_;  // Aliases being read.
  int alias_depth_ = 0;
  std::size_t nodes_read_ = 0, alias_nodes_ = 0, alias_bytes_ = 0;
};

void shorten_numbers(Document& document) {
  if (document.is_double()) {
    document = shortest_number(document.get_double());
  } else if (document.is_array()) {
    for (Document& element : document.get_array()) shorten_numbers(element);
  } else if (document.is_object()) {
    for (auto& member : document.get_object()) shorten_numbers(member.value());
  }
}

// Most of what programs send as YAML is one JSON object, which needs no YAML parser. Nothing if it
// is something else, or holds what only that parser reports as it should.
std::optional<Document> read_as_json(std::string_view text, const YamlOptions& options) {
  if (!text.starts_with('{')) return std::nullopt;
  ParseFindings findings;
  auto document = parse_json(text, {.depth_max = options.depth_max}, &findings);
  if (!document || !findings.duplicates.empty()) return std::nullopt;
  shorten_numbers(*document);
  return *std::move(document);
}

Result<std::vector<Document>> read(std::string_view text, const YamlOptions& options,
                                   bool only_first) {
  if (options.size_max && text.size() > options.size_max) {
    return fail(Reason::RequestEntityTooLarge,
                "limit is " + std::to_string(options.size_max) + " bytes");
  }
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  TRY_OK(check_characters(text));

  std::vector<Document> documents;
  if (auto json = read_as_json(text, options)) {
    if (options.duplicates) options.duplicates->clear();
    documents.push_back(*std::move(json));
    return documents;
  }
  if (auto affordable = check_yaml_flow(text, options.depth_max); !affordable) {
    return error(affordable.error().message());
  }

  std::vector<std::string> duplicates;
  Loader loader(text, options);
  while (true) {
    TRY(const auto nodes, loader.next());
    if (nodes.empty()) break;
    Converter converter(nodes, options);
    TRY(auto document, converter.convert());
    for (const std::string& duplicate : converter.duplicates()) {
      if (duplicates.size() < kFindingsMax) duplicates.push_back(duplicate);
    }
    if (only_first || !document.is_null()) documents.push_back(std::move(document));
    if (only_first) break;
  }
  if (options.duplicates) *options.duplicates = duplicates;
  if (options.strict && !duplicates.empty()) {
    std::string message = "unmarshal errors:";
    for (const std::string& duplicate : duplicates) message += "\n  " + duplicate;
    return error(message);
  }
  return documents;
}

}  // namespace

Result<Document> parse_yaml(std::string_view text, const YamlOptions& options) {
  TRY(auto documents, read(text, options, true));
  if (documents.empty()) return Document();
  return std::move(documents.front());
}

Result<std::vector<Document>> parse_yaml_all(std::string_view text, const YamlOptions& options) {
  return read(text, options, false);
}

}  // namespace keelson::api
