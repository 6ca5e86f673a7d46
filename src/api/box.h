// SPDX-License-Identifier: Apache-2.0
// An optional value on the heap, for fields of API objects that may be unset: costs one pointer
// when it is, and may hold a type that is not complete yet. Copies deeply, compares by value.
#pragma once

#include <cstddef>
#include <utility>

namespace keelson::api {

template <class T>
class Box {
 public:
  // The special members are written out, and a plain pointer is held, so that using a Box<T> in an
  // expression that is not evaluated does not ask for a complete T.
  Box() {}
  Box(std::nullptr_t) {}
  Box(T value) : pointer_(new T(std::move(value))) {}
  Box(const Box& other) : pointer_(other.pointer_ ? new T(*other.pointer_) : nullptr) {}
  Box(Box&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  Box& operator=(Box other) noexcept {
    std::swap(pointer_, other.pointer_);
    return *this;
  }
  ~Box() { delete pointer_; }

  explicit operator bool() const { return pointer_ != nullptr; }
  bool has_value() const { return pointer_ != nullptr; }

  // The value; it must be set.
  T& operator*() { return *pointer_; }
  const T& operator*() const { return *pointer_; }
  T* operator->() { return pointer_; }
  const T* operator->() const { return pointer_; }

  // The value, or null if unset.
  T* get() { return pointer_; }
  const T* get() const { return pointer_; }

  // Replaces the value by a new one.
  template <class... Args>
  T& emplace(Args&&... args) {
    T* replacement = new T(std::forward<Args>(args)...);
    delete std::exchange(pointer_, replacement);
    return *replacement;
  }
  // The value; a default one is made if it was unset.
  T& ensure() { return pointer_ ? *pointer_ : emplace(); }
  void reset() { delete std::exchange(pointer_, nullptr); }

  friend bool operator==(const Box& a, const Box& b) {
    return a.pointer_ && b.pointer_ ? *a.pointer_ == *b.pointer_ : a.pointer_ == b.pointer_;
  }
  friend bool operator==(const Box& a, std::nullptr_t) { return !a.pointer_; }

 private:
  T* pointer_ = nullptr;
};

}  // namespace keelson::api
