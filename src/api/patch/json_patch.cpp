// SPDX-License-Identifier: Apache-2.0
#include "api/patch/json_patch.h"

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "api/patch/depth.h"

namespace keelson::api {
namespace {

using boost::json::object;

// Why an operation does not apply.
using Failure = std::string;
template <class T>
using Try = std::expected<T, Failure>;

std::unexpected<Failure> failed(std::string text) { return std::unexpected(std::move(text)); }

constexpr std::string_view kMissing = ": missing value";
constexpr std::string_view kInvalidIndex = ": invalid index referenced";

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

// As the server answers when a patch does not apply: a general message, the text as a cause.
Status not_applicable(std::string text) {
  StatusDetails details;
  details.causes.push_back(
      {.reason = "FieldValueInvalid", .message = std::move(text), .field = "patch"});
  return Status(Reason::Invalid, "the server rejected our request due to an error in our request")
      .with_details(std::move(details));
}

// The reference tokens of a pointer, unescaped; nothing if it does not start with a slash.
std::optional<std::vector<std::string>> tokens_of(std::string_view pointer) {
  if (!pointer.starts_with('/')) return std::nullopt;
  std::vector<std::string> tokens;
  for (const char c : pointer) {
    if (c == '/') {
      tokens.emplace_back();
    } else {
      tokens.back() += c;
    }
  }
  for (std::string& token : tokens) {
    if (token.find('~') == token.npos) continue;
    std::string plain;
    for (std::size_t i = 0; i < token.size(); ++i) {
      const char next = token[i] == '~' && i + 1 < token.size() ? token[i + 1] : '\0';
      if (next == '0' || next == '1') {
        plain += next == '0' ? '~' : '/';
        ++i;
      } else {
        plain += token[i];
      }
    }
    token = std::move(plain);
  }
  return tokens;
}

// A position in a list of `size`; negative counts from the end.
Try<std::size_t> index_of(std::string_view token, std::size_t size) {
  std::string_view digits = token;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int64_t index = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (error != std::errc() || stop != digits.data() + digits.size() ||
      (digits.size() != token.size() && index < 0)) {
    return failed(
        "strconv.Atoi: parsing " + in_quotes(token) +
        (error == std::errc::result_out_of_range ? ": value out of range" : ": invalid syntax"));
  }
  const auto length = static_cast<std::int64_t>(size);
  if (index >= length || index < -length) {
    return failed("Unable to access invalid index: " + std::to_string(index) +
                  std::string(kInvalidIndex));
  }
  return static_cast<std::size_t>(index < 0 ? index + length : index);
}

// The object or list that holds the target of a pointer, and the last token. `parent` is null when
// there is no such place.
struct Place {
  Document* parent = nullptr;
  std::string key;
  int depth = 0;  // Of the target.
};

Place find_place(Document& document, std::string_view pointer) {
  auto tokens = tokens_of(pointer);
  if (!tokens) return {};
  Document* here = &document;
  for (std::size_t i = 0; i + 1 < tokens->size(); ++i) {
    const std::string& token = (*tokens)[i];
    if (auto* members = here->if_object()) {
      here = members->if_contains(token);
    } else {
      auto& elements = here->get_array();
      const auto index = index_of(token, elements.size());
      here = index ? &elements[*index] : nullptr;
    }
    if (!here || !here->is_structured()) return {};
  }
  const int depth = static_cast<int>(std::min<std::size_t>(tokens->size(), kJsonDepthMax + 1));
  return {here, std::move(tokens->back()), depth};
}

// The target; null for a member that the object lacks.
Try<Document*> get(const Place& place) {
  if (auto* members = place.parent->if_object()) return members->if_contains(place.key);
  auto& elements = place.parent->get_array();
  const auto index = index_of(place.key, elements.size());
  if (!index) return failed(index.error());
  return &elements[*index];
}

Try<void> add(const Place& place, Document value) {
  if (!fits_depth(value, place.depth)) return failed("the document would be nested too deep");
  if (auto* members = place.parent->if_object()) {
    members->insert_or_assign(place.key, std::move(value));
    return {};
  }
  auto& elements = place.parent->get_array();
  if (place.key == "-") {
    elements.push_back(std::move(value));
    return {};
  }
  const auto index = index_of(place.key, elements.size() + 1);
  if (!index) {
    if (index.error().starts_with("strconv")) {
      return failed("value was not a proper array index: '" + place.key + "': " + index.error());
    }
    return failed(index.error());
  }
  elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
  return {};
}

Try<void> remove(const Place& place) {
  if (auto* members = place.parent->if_object()) {
    const auto member = members->find(place.key);
    if (member == members->end()) {
      return failed("Unable to remove nonexistent key: " + place.key + std::string(kMissing));
    }
    members->erase(member);
    return {};
  }
  auto& elements = place.parent->get_array();
  const auto index = index_of(place.key, elements.size());
  if (!index) return failed(index.error());
  elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(*index));
  return {};
}

// Equal as JSON; 1 and 1.0 differ, as upstream compares them.
bool equal(const Document& a, const Document& b) { return a == b; }

// About the length of the value as compact JSON.
std::size_t size_of(const Document& value) {
  std::size_t size = 2;
  if (const auto* members = value.if_object()) {
    for (const auto& member : *members) size += member.key().size() + 4 + size_of(member.value());
  } else if (const auto* elements = value.if_array()) {
    for (const auto& element : *elements) size += 1 + size_of(element);
  } else if (const auto* text = value.if_string()) {
    size += text->size();
  } else {
    size += 4;
  }
  return size;
}

class Run {
 public:
  explicit Run(Document& document) : document_(document) {}

  Try<void> apply(const object& operation) {
    const auto op = member(operation, "op");
    const std::string name = op ? *op : "unknown";
    if (name == "add") return add_value(operation);
    if (name == "remove") return remove_value(operation);
    if (name == "replace") return replace_value(operation);
    if (name == "move") return move_value(operation);
    if (name == "copy") return copy_value(operation);
    if (name == "test") return test_value(operation);
    return failed("Unexpected kind: " + name);
  }

 private:
  static std::optional<std::string> member(const object& operation, std::string_view name) {
    const Document* value = operation.if_contains(name);
    if (!value || !value->is_string()) return std::nullopt;
    return std::string(std::string_view(value->get_string()));
  }

  static Try<std::string> path_of(const object& operation, std::string_view op) {
    if (auto path = member(operation, "path")) return *std::move(path);
    return failed(std::string(op) +
                  " operation failed to decode path: operation missing path field" +
                  std::string(kMissing));
  }

  static Try<std::string> from_of(const object& operation, std::string_view op) {
    if (auto from = member(operation, "from")) return *std::move(from);
    return failed(std::string(op) +
                  " operation failed to decode from: operation, missing from field" +
                  std::string(kMissing));
  }

  static Document value_of(const object& operation) {
    const Document* value = operation.if_contains("value");
    return value ? *value : Document();
  }

  Try<void> add_value(const object& operation) {
    const auto path = path_of(operation, "add");
    if (!path) return failed(path.error());
    const Place place = find_place(document_, *path);
    if (!place.parent) {
      return failed("add operation does not apply: doc is missing path: " + in_quotes(*path) +
                    std::string(kMissing));
    }
    if (auto done = add(place, value_of(operation)); !done) {
      return failed("error in add for path: '" + *path + "': " + done.error());
    }
    return {};
  }

  Try<void> remove_value(const object& operation) {
    const auto path = path_of(operation, "remove");
    if (!path) return failed(path.error());
    const Place place = find_place(document_, *path);
    if (!place.parent) {
      return failed("remove operation does not apply: doc is missing path: " + in_quotes(*path) +
                    std::string(kMissing));
    }
    if (auto done = remove(place); !done) {
      return failed("error in remove for path: '" + *path + "': " + done.error());
    }
    return {};
  }

  Try<void> replace_value(const object& operation) {
    const auto path = path_of(operation, "replace");
    if (!path) return failed(path.error());
    Document value = value_of(operation);
    if (path->empty()) {
      if (!value.is_structured()) {
        return failed("replace operation value must be object or array");
      }
      document_ = std::move(value);
      return {};
    }
    const Place place = find_place(document_, *path);
    if (!place.parent) {
      return failed("replace operation does not apply: doc is missing path: " + *path +
                    std::string(kMissing));
    }
    const auto target = get(place);
    if (!target) {
      return failed("replace operation does not apply: doc is missing key: " + *path +
                    std::string(kMissing));
    }
    if (!*target) return add(place, std::move(value));
    if (!fits_depth(value, place.depth)) return failed("the document would be nested too deep");
    **target = std::move(value);
    return {};
  }

  Try<void> move_value(const object& operation) {
    const auto from = from_of(operation, "move");
    if (!from) return failed(from.error());
    const Place source = find_place(document_, *from);
    if (!source.parent) {
      return failed("move operation does not apply: doc is missing from path: " + *from +
                    std::string(kMissing));
    }
    const auto target = get(source);
    if (!target) {
      return failed("error in move for path: '" + source.key + "': " + target.error());
    }
    Document value = *target ? std::move(**target) : Document();
    if (auto done = remove(source); !done) {
      return failed("error in move for path: '" + source.key + "': " + done.error());
    }
    const auto path = path_of(operation, "move");
    if (!path) return failed(path.error());
    const Place place = find_place(document_, *path);
    if (!place.parent) {
      return failed("move operation does not apply: doc is missing destination path: " + *path +
                    std::string(kMissing));
    }
    if (auto done = add(place, std::move(value)); !done) {
      return failed("error in move for path: '" + *path + "': " + done.error());
    }
    return {};
  }

  Try<void> copy_value(const object& operation) {
    const auto from = from_of(operation, "copy");
    if (!from) return failed(from.error());
    const Place source = find_place(document_, *from);
    if (!source.parent) {
      return failed("copy operation does not apply: doc is missing from path: " + *from +
                    std::string(kMissing));
    }
    const auto target = get(source);
    if (!target) {
      return failed("error in copy for from: '" + *from + "': " + target.error());
    }
    const auto path = path_of(operation, "copy");
    if (!path) return failed(path.error());
    const Place place = find_place(document_, *path);
    if (!place.parent) {
      return failed("copy operation does not apply: doc is missing destination path: " + *path +
                    std::string(kMissing));
    }
    if (*target) copied_bytes_ += size_of(**target);
    if (copied_bytes_ > kJsonPatchCopyBytesMax) {
      return failed("Unable to complete the copy, the accumulated size increase of copy is " +
                    std::to_string(copied_bytes_) + ", exceeding the limit " +
                    std::to_string(kJsonPatchCopyBytesMax));
    }
    if (auto done = add(place, *target ? **target : Document()); !done) {
      return failed("error while adding value during copy: " + done.error());
    }
    return {};
  }

  Try<void> test_value(const object& operation) {
    const auto path = path_of(operation, "test");
    if (!path) return failed(path.error());
    const Document value = value_of(operation);
    bool passed;
    if (path->empty()) {
      passed = equal(document_, value);
    } else {
      const Place place = find_place(document_, *path);
      if (!place.parent) {
        return failed("test operation does not apply: is missing path: " + *path +
                      std::string(kMissing));
      }
      const auto target = get(place);
      if (!target) return failed("error in test for path: '" + *path + "': " + target.error());
      passed = *target ? equal(**target, value) : value.is_null();
    }
    if (!passed) return failed("testing value " + *path + " failed: test failed");
    return {};
  }

  Document& document_;
  std::size_t copied_bytes_ = 0;
};

std::string_view json_type(const Document& value) {
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  if (value.is_string()) return "string";
  if (value.is_bool()) return "bool";
  return "number";
}

}  // namespace

Result<Document> apply_json_patch(Document document, const Document& patch) {
  const auto* operations = patch.if_array();
  if (!operations) {
    return fail(Reason::BadRequest, "json: cannot unmarshal " + std::string(json_type(patch)) +
                                        " into Go value of type jsonpatch.Patch");
  }
  if (operations->size() > kJsonPatchOperationsMax) {
    return fail(Reason::RequestEntityTooLarge,
                "The allowed maximum operations in a JSON patch is " +
                    std::to_string(kJsonPatchOperationsMax) + ", got " +
                    std::to_string(operations->size()));
  }
  for (const Document& operation : *operations) {
    if (!operation.is_object()) {
      return fail(Reason::BadRequest, "json: cannot unmarshal " +
                                          std::string(json_type(operation)) +
                                          " into Go value of type jsonpatch.Operation");
    }
  }
  if (!document.is_structured()) {
    return fail(Reason::BadRequest, "a patch applies to an object or a list");
  }
  Run run(document);
  for (const Document& operation : *operations) {
    if (auto done = run.apply(operation.get_object()); !done) {
      return fail(not_applicable(std::move(done).error()));
    }
  }
  return document;
}

}  // namespace keelson::api
