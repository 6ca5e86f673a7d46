// SPDX-License-Identifier: Apache-2.0
// Objects in key order, with snapshots that cost nothing until the next change: a list of chunks,
// both copied on write only if a snapshot has been taken since they were made. So a long LIST reads
// one consistent state without holding up the writers. Not thread-safe; a snapshot is immutable and
// may be read by any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "api/object.h"

namespace keelson::apiserver {

// The order of "<namespace>/<name>", as the store has it: "a-b/x" comes before "a/x".
bool key_less(const api::ObjectKey& a, const api::ObjectKey& b);

class ObjectIndex {
 public:
  static constexpr std::size_t kChunkMax = 128;

  struct Chunk {
    std::uint64_t generation = 0;
    std::vector<api::ObjectPtr> objects;  // In key order, never empty.
  };
  struct Chunks {
    std::uint64_t generation = 0;
    std::vector<std::shared_ptr<Chunk>> list;
  };

  class Snapshot {
   public:
    Snapshot() = default;
    explicit Snapshot(std::shared_ptr<const Chunks> chunks) : chunks_(std::move(chunks)) {}

    // Calls visit(object) in key order for each object whose key is not less than `from`, until it
    // returns false.
    template <class Visit>
    void each_from(const api::ObjectKey& from, Visit visit) const {
      if (!chunks_) return;
      const std::size_t first = chunk_of(*chunks_, from);
      for (std::size_t i = first; i < chunks_->list.size(); ++i) {
        const auto& objects = chunks_->list[i]->objects;
        for (std::size_t j = i == first ? place_in(objects, from) : 0; j < objects.size(); ++j) {
          if (!visit(objects[j])) return;
        }
      }
    }

    // How many objects have a key less than `key`. Visits chunks, not objects.
    std::size_t count_below(const api::ObjectKey& key) const;
    std::size_t size() const;

   private:
    std::shared_ptr<const Chunks> chunks_;
  };

  ObjectIndex() : chunks_(std::make_shared<Chunks>()) {}

  api::ObjectPtr find(const api::ObjectKey& key) const;  // null if there is none
  // Returns what was there before, or null.
  api::ObjectPtr set(api::ObjectPtr object);
  api::ObjectPtr remove(const api::ObjectKey& key);
  void clear();
  std::size_t size() const { return size_; }
  Snapshot snapshot();

 private:
  // The last chunk that begins at or before `key`; 0 if none does.
  static std::size_t chunk_of(const Chunks& chunks, const api::ObjectKey& key);
  // Of the first object whose key is not less than `key`.
  static std::size_t place_in(const std::vector<api::ObjectPtr>& objects,
                              const api::ObjectKey& key);
  Chunks& own_chunks();
  Chunk& own_chunk(std::size_t index);

  std::shared_ptr<Chunks> chunks_;
  // What carries an older generation may be part of a snapshot.
  std::uint64_t generation_ = 0;
  std::size_t size_ = 0;
};

}  // namespace keelson::apiserver
