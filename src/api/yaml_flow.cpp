// SPDX-License-Identifier: Apache-2.0
#include "api/yaml_flow.h"

#include <string>

namespace keelson::api {
namespace {

constexpr std::string_view kFlowIndicators = ",[]{}";

class FlowScan {
 public:
  FlowScan(std::string_view text, int depth_max)
      : text_(text), depth_max_(depth_max), has_directive_(text.contains("%YAML")) {}

  Result<void> run() {
    while (!done()) TRY_OK(line());
    return {};
  }

 private:
  // The column of what a scalar belongs to; its further lines are deeper. -1: the document.
  using Column = std::ptrdiff_t;

  bool done() const { return at_ >= text_.size(); }
  char here() const { return text_[at_]; }

  // Bytes of the line break at `at`; 0: none. YAML 1.1, which a directive asks for, has some more.
  std::size_t break_at(std::size_t at) const {
    const std::string_view rest = text_.substr(at);
    if (rest.starts_with('\n') || rest.starts_with('\r')) return 1;
    if (!has_directive_) return 0;
    if (rest.starts_with("\xC2\x85")) return 2;
    return rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9") ? 3 : 0;
  }
  bool blank_at(std::size_t at) const { return text_[at] == ' ' || text_[at] == '\t'; }
  // Where an indicator such as ':' or '-' has to be followed by white space.
  bool space_at(std::size_t at) const {
    return at >= text_.size() || blank_at(at) || break_at(at) > 0;
  }
  Column column() const { return static_cast<Column>(at_ - line_start_); }

  void take_break() {
    if (here() == '\n') ++line_;
    at_ += break_at(at_);
    line_start_ = at_;
  }
  void skip_blanks() {
    while (!done() && blank_at(at_)) ++at_;
  }
  void skip_to_break() {
    while (!done() && break_at(at_) == 0) ++at_;
  }
  void skip_tag() {
    while (!space_at(at_)) ++at_;
  }
  // No space need part one from a flow collection.
  void skip_anchor() {
    while (!space_at(at_) && !kFlowIndicators.contains(here())) ++at_;
  }
  bool comment_here() const { return here() == '#' && (column() == 0 || space_at(at_ - 1)); }

  Result<void> line() {
    if (marker()) {
      parent_ = -1;
      in_plain_ = false;
      at_ += 3;
    } else {
      while (!done() && here() == ' ') ++at_;
      if (in_plain_ && column() > parent_) {
        further_plain_line();
        return {};
      }
      if (!ends_here()) in_plain_ = false;
      if (!done() && here() == '%' && column() == 0) {
        end_line();  // A directive.
        return {};
      }
    }
    return block_tokens();
  }

  bool ends_here() const {
    std::size_t at = at_;
    while (at < text_.size() && blank_at(at)) ++at;
    return at >= text_.size() || break_at(at) > 0;
  }

  bool marker() const {
    const std::string_view rest = text_.substr(at_);
    return (rest.starts_with("---") || rest.starts_with("...")) && space_at(at_ + 3);
  }

  void end_line() {
    skip_to_break();
    if (!done()) take_break();
  }

  void further_plain_line() {
    while (!done() && break_at(at_) == 0) {
      if (comment_here()) in_plain_ = false;
      ++at_;
    }
    if (!done()) take_break();
  }

  // What is left of a line, outside of all flow collections; past its break.
  Result<void> block_tokens() {
    Column node = -1;  // Where the node that has begun does, with its properties; -1: none has.
    while (true) {
      skip_blanks();
      if (done()) return {};
      if (break_at(at_) > 0 || comment_here()) {
        end_line();
        return {};
      }
      const char first = here();
      if ((first == '-' || first == '?' || first == ':') && space_at(at_ + 1)) {
        parent_ = column();
        node = -1;
        ++at_;
        continue;
      }
      if (node < 0) node = column();
      switch (first) {
        case '&':
          skip_anchor();
          continue;
        case '!':
          skip_tag();
          continue;
        case '|':
        case '>':
          block_scalar();
          return {};
        case '[':
        case '{':
          TRY_OK(flow());
          break;
        case '"':
        case '\'':
          quoted();
          break;
        default:
          plain();
          break;
      }
      skip_blanks();
      if (!done() && here() == ':' && space_at(at_ + 1)) {
        parent_ = node;
        in_plain_ = false;
        ++at_;
      }
      node = -1;
    }
  }

  // Up to ": ", " #" or the end of the line.
  void plain() {
    while (!done() && break_at(at_) == 0) {
      if ((here() == ':' && space_at(at_ + 1)) || comment_here()) return;
      ++at_;
    }
    in_plain_ = true;
  }

  void block_scalar() {
    end_line();
    while (!done() && !marker()) {
      std::size_t text = at_;
      while (text < text_.size() && text_[text] == ' ') ++text;
      const bool inside = static_cast<Column>(text - at_) > parent_;
      if (!inside && !ends_here()) return;
      end_line();
    }
  }

  void quoted() {
    const char quote = here();
    for (++at_; !done();) {
      if (break_at(at_) > 0) {
        take_break();
        continue;
      }
      const bool escape =
          quote == '"' ? here() == '\\' : here() == '\'' && text_.substr(at_ + 1).starts_with('\'');
      if (escape) {
        // An escaped break still counts as a line.
        at_ += break_at(at_ + 1) > 0 ? 1 : 2;
        continue;
      }
      if (text_[at_++] == quote) return;
    }
  }

  // One outermost flow collection; past its end.
  Result<void> flow() {
    int depth = 0;
    std::size_t tokens = 0;
    bool in_plain = false, after_key = false;  // after_key: ':' needs no space behind it.
    while (!done()) {
      if (break_at(at_) > 0) {
        take_break();
        continue;
      }
      if (blank_at(at_)) {
        ++at_;
        continue;
      }
      if (comment_here()) {
        skip_to_break();
        continue;
      }
      const char c = here();
      const bool indicator = kFlowIndicators.contains(c);
      const bool value =
          c == ':' && (space_at(at_ + 1) || kFlowIndicators.contains(text_[at_ + 1]));
      if (in_plain && !indicator && !value) {
        ++at_;
        continue;
      }
      in_plain = false;
      if (++tokens > kYamlFlowTokensMax) return too_many();
      const bool key = after_key;
      after_key = false;
      if (c == '[' || c == '{') {
        if (++depth > depth_max_) {
          return fail(Reason::BadRequest, "exceeded max depth of " + std::to_string(depth_max_));
        }
        ++at_;
      } else if (c == ']' || c == '}') {
        ++at_;
        after_key = true;
        if (--depth == 0) return {};
      } else if (c == '"' || c == '\'') {
        quoted();
        after_key = true;
      } else if (c == '&' || c == '!' || c == '*') {
        skip_anchor();
      } else {
        in_plain = !indicator && !value && !(c == ':' && key) &&
                   !((c == '?' || c == '-') && space_at(at_ + 1));
        ++at_;
      }
    }
    return {};
  }

  std::unexpected<Status> too_many() const {
    return fail(Reason::BadRequest,
                "line " + std::to_string(line_) + ": more than " +
                    std::to_string(kYamlFlowTokensMax) +
                    " tokens in a flow collection; use block style, or JSON alone");
  }

  std::string_view text_;
  int depth_max_;
  bool has_directive_;
  std::size_t at_ = 0, line_start_ = 0, line_ = 1;
  Column parent_ = -1;
  bool in_plain_ = false;  // A plain scalar that may go on in the next line.
};

}  // namespace

Result<void> check_yaml_flow(std::string_view text, int depth_max) {
  return FlowScan(text, depth_max).run();
}

}  // namespace keelson::api
