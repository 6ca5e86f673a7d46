// SPDX-License-Identifier: Apache-2.0
// An optional value on the heap, for fields of API objects that may be unset: costs one pointer when
// it is, and may hold a type that is not complete yet. Copies deeply, compares by value.
#pragma once

#include <memory>
#include <utility>

namespace keelson::api {

template <class T>
class Box {
 public:
  using value_type = T;

  Box() = default;
  Box(std::nullptr_t) {}
  Box(T value) : pointer_(std::make_unique<T>(std::move(value))) {}
  Box(const Box& other) : pointer_(other.pointer_ ? std::make_unique<T>(*other) : nullptr) {}
  Box(Box&&) noexcept = default;
  Box& operator=(const Box& other) {
    if (this != &other) pointer_ = other.pointer_ ? std::make_unique<T>(*other) : nullptr;
    return *this;
  }
  Box& operator=(Box&&) noexcept = default;
  ~Box() = default;

  explicit operator bool() const { return pointer_ != nullptr; }
  bool has_value() const { return pointer_ != nullptr; }

  // The value; it must be set.
  T& operator*() { return *pointer_; }
  const T& operator*() const { return *pointer_; }
  T* operator->() { return pointer_.get(); }
  const T* operator->() const { return pointer_.get(); }

  // The value, or null if unset.
  T* get() { return pointer_.get(); }
  const T* get() const { return pointer_.get(); }

  // Replaces the value by a new one.
  template <class... Args>
  T& emplace(Args&&... args) {
    pointer_ = std::make_unique<T>(std::forward<Args>(args)...);
    return *pointer_;
  }
  // The value; a default one is made if it was unset.
  T& ensure() { return pointer_ ? *pointer_ : emplace(); }
  void reset() { pointer_.reset(); }

  friend bool operator==(const Box& a, const Box& b) {
    return a.pointer_ && b.pointer_ ? *a.pointer_ == *b.pointer_ : a.pointer_ == b.pointer_;
  }
  friend bool operator==(const Box& a, std::nullptr_t) { return !a.pointer_; }

 private:
  std::unique_ptr<T> pointer_;
};

}  // namespace keelson::api
