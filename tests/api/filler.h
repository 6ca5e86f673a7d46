// SPDX-License-Identifier: Apache-2.0
// Values of any type of the API with every field filled, each with something of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <vector>

#include "api/scalars.h"
#include "api/schema.h"

namespace keelson::api {

class Filler {
 public:
  void fill(const Type& type, void* object) {
    open_.push_back(&type);
    for (const Field& field : type.fields) {
      void* memory = static_cast<std::byte*>(object) + field.offset;
      if (is_open(field.value)) continue;
      if (field.pointer) memory = field.pointer->emplace(memory);
      value(field.value, memory);
    }
    open_.pop_back();
  }

 private:
  template <class T>
  static T& as(void* memory) {
    return *static_cast<T*>(memory);
  }

  // Types that hold themselves would never end.
  bool is_open(const TypeRef& type) const {
    if (type.element) return is_open(*type.element);
    return type.shape == Shape::Struct && std::ranges::find(open_, type.type) != open_.end();
  }

  void value(const TypeRef& type, void* memory) {
    ++count_;
    switch (type.shape) {
      case Shape::String:
        as<std::string>(memory) = type.enumeration ? std::string(type.enumeration->values.back())
                                                   : "text " + std::to_string(count_);
        if (as<std::string>(memory).empty()) as<std::string>(memory) = "\"other\"\n\u00e9";
        return;
      case Shape::Bool:
        as<bool>(memory) = true;
        return;
      case Shape::Int32:
        as<std::int32_t>(memory) = -count_;
        return;
      case Shape::Int64:
        as<std::int64_t>(memory) = (std::int64_t{1} << 60) + count_;
        return;
      case Shape::Double:
        as<double>(memory) = count_ + 0.25;
        return;
      case Shape::Bytes:
        as<Bytes>(memory) = Bytes(std::string("\0\xff", 2));
        return;
      case Shape::Time:
        as<Time>(memory) = Time(std::chrono::sys_seconds(seconds()));
        return;
      case Shape::MicroTime:
        as<MicroTime>(memory) = MicroTime(micros());
        return;
      case Shape::Duration:
        as<Duration>(memory).value = std::chrono::seconds(count_);
        return;
      case Shape::Quantity:
        as<Quantity>(memory) = Quantity::from_milli(count_);
        return;
      case Shape::IntOrString:
        as<IntOrString>(memory) = count_ % 2 ? IntOrString(count_) : IntOrString("half");
        return;
      case Shape::Json:
        as<RawJson>(memory).text = json(*type.type);
        return;
      case Shape::Struct:
        return fill(*type.type, memory);
      case Shape::List:
        // Two of everything, at each of many levels, would be far too much.
        for (int i = 0; i < (open_.size() < 3 ? 2 : 1); ++i) {
          value(*type.element, type.list->append(memory));
        }
        return;
      case Shape::Map:
        for (const std::string_view key : {"b/c", "a"}) {
          value(*type.element, type.map->insert(memory, key));
        }
        return;
    }
  }

  static std::string json(const Type& type) {
    switch (type.json_form) {
      case JsonForm::SchemaOrBool:
        return "true";
      case JsonForm::SchemaOrArray:
        return R"([{"type":"string"}])";
      case JsonForm::SchemaOrStringArray:
        return R"(["a","b"])";
      default:
        return R"({"z":1,"a":[null,true,"x",1.5]})";
    }
  }
  std::chrono::seconds seconds() const { return std::chrono::seconds(1'000'000'000 + count_); }
  std::chrono::sys_time<std::chrono::microseconds> micros() const {
    return std::chrono::sys_time<std::chrono::microseconds>(seconds() +
                                                            std::chrono::microseconds(count_));
  }

  int count_ = 0;
  std::vector<const Type*> open_;
};

// A default-constructed struct of a type known at run time.
class Value {
 public:
  explicit Value(const Type& type) : type_(type), memory_(::operator new(type.size)) {
    type_.construct(memory_);
  }
  ~Value() {
    type_.destroy(memory_);
    ::operator delete(memory_);
  }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;

  void* get() const { return memory_; }

 private:
  const Type& type_;
  void* memory_;
};

}  // namespace keelson::api
