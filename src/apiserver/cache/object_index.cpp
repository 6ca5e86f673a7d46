// SPDX-License-Identifier: Apache-2.0
#include "apiserver/cache/object_index.h"

#include <algorithm>

namespace keelson::apiserver {
namespace {

bool object_less(const api::ObjectPtr& object, const api::ObjectKey& key) {
  return key_less(object->key(), key);
}

}  // namespace

bool key_less(const api::ObjectKey& a, const api::ObjectKey& b) {
  const std::string& x = a.namespace_;
  const std::string& y = b.namespace_;
  if (x == y) return a.name < b.name;
  const std::size_t common = std::min(x.size(), y.size());
  if (const int order = x.compare(0, common, y, 0, common); order != 0) return order < 0;
  // One is a prefix of the other: the slash behind it stands against the other's next character.
  if (x.size() < y.size()) return x.empty() || '/' < y[common];
  return !y.empty() && x[common] < '/';
}

std::size_t ObjectIndex::chunk_of(const Chunks& chunks, const api::ObjectKey& key) {
  const auto after = std::upper_bound(chunks.list.begin(), chunks.list.end(), key,
                                      [](const api::ObjectKey& k, const auto& chunk) {
                                        return key_less(k, chunk->objects.front()->key());
                                      });
  return after == chunks.list.begin() ? 0
                                      : static_cast<std::size_t>(after - chunks.list.begin()) - 1;
}

std::size_t ObjectIndex::place_in(const std::vector<api::ObjectPtr>& objects,
                                  const api::ObjectKey& key) {
  const auto place = std::lower_bound(objects.begin(), objects.end(), key, object_less);
  return static_cast<std::size_t>(place - objects.begin());
}

std::size_t ObjectIndex::Snapshot::count_below(const api::ObjectKey& key) const {
  if (!chunks_ || chunks_->list.empty()) return 0;
  const std::size_t last = chunk_of(*chunks_, key);
  std::size_t count = place_in(chunks_->list[last]->objects, key);
  for (std::size_t i = 0; i < last; ++i) count += chunks_->list[i]->objects.size();
  return count;
}

std::size_t ObjectIndex::Snapshot::size() const {
  std::size_t count = 0;
  if (chunks_) {
    for (const auto& chunk : chunks_->list) count += chunk->objects.size();
  }
  return count;
}

ObjectIndex::Chunks& ObjectIndex::own_chunks() {
  if (chunks_->generation != generation_) {
    chunks_ = std::make_shared<Chunks>(*chunks_);
    chunks_->generation = generation_;
  }
  return *chunks_;
}

ObjectIndex::Chunk& ObjectIndex::own_chunk(std::size_t index) {
  auto& chunk = own_chunks().list[index];
  if (chunk->generation != generation_) {
    auto copy = std::make_shared<Chunk>();
    copy->generation = generation_;
    copy->objects.reserve(kChunkMax);
    copy->objects = chunk->objects;
    chunk = std::move(copy);
  }
  return *chunk;
}

api::ObjectPtr ObjectIndex::find(const api::ObjectKey& key) const {
  if (chunks_->list.empty()) return nullptr;
  const auto& objects = chunks_->list[chunk_of(*chunks_, key)]->objects;
  const auto place = std::lower_bound(objects.begin(), objects.end(), key, object_less);
  return place != objects.end() && (*place)->key() == key ? *place : nullptr;
}

api::ObjectPtr ObjectIndex::set(api::ObjectPtr object) {
  const api::ObjectKey& key = object->key();
  if (chunks_->list.empty()) {
    auto chunk = std::make_shared<Chunk>();
    chunk->generation = generation_;
    chunk->objects.push_back(std::move(object));
    own_chunks().list.push_back(std::move(chunk));
    ++size_;
    return nullptr;
  }
  const std::size_t index = chunk_of(*chunks_, key);
  auto& objects = own_chunk(index).objects;
  const auto place = std::lower_bound(objects.begin(), objects.end(), key, object_less);
  if (place != objects.end() && (*place)->key() == key) {
    return std::exchange(*place, std::move(object));
  }
  objects.insert(place, std::move(object));
  ++size_;
  if (objects.size() > kChunkMax) {
    // Keys that grow fill the last chunk: leave it full and begin the next one.
    const bool growing = index + 1 == chunks_->list.size();
    const auto keep = static_cast<std::ptrdiff_t>(growing ? kChunkMax : kChunkMax / 2);
    auto rest = std::make_shared<Chunk>();
    rest->generation = generation_;
    rest->objects.assign(std::make_move_iterator(objects.begin() + keep),
                         std::make_move_iterator(objects.end()));
    objects.erase(objects.begin() + keep, objects.end());
    auto& list = own_chunks().list;
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(index) + 1, std::move(rest));
  }
  return nullptr;
}

api::ObjectPtr ObjectIndex::remove(const api::ObjectKey& key) {
  if (!find(key)) return nullptr;
  const std::size_t index = chunk_of(*chunks_, key);
  auto& objects = own_chunk(index).objects;
  const auto place = std::lower_bound(objects.begin(), objects.end(), key, object_less);
  api::ObjectPtr removed = std::move(*place);
  objects.erase(place);
  --size_;
  if (objects.empty()) {
    auto& list = own_chunks().list;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
  }
  return removed;
}

void ObjectIndex::clear() {
  chunks_ = std::make_shared<Chunks>();
  chunks_->generation = generation_;
  size_ = 0;
}

ObjectIndex::Snapshot ObjectIndex::snapshot() {
  // Without a change since the last snapshot nothing of this generation was made that this one
  // could not share.
  ++generation_;
  return Snapshot(chunks_);
}

}  // namespace keelson::apiserver
