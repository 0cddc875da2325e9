// Containers for what the machine's snapshots copy: a copy shares everything that neither side has changed since, so a
// snapshot of a million pending defers costs some kilobytes.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace deferscope::model {

namespace detail {

// The object for writing: its own copy if others share it.
template <class T>
T& own(std::shared_ptr<T>& p) {
  if (p.use_count() > 1) p = std::make_shared<T>(*p);
  return *p;
}

}  // namespace detail

// A stack in chunks. Its upper end changes; insertion and removal elsewhere cost what stands above.
template <class T>
class SharedStack {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](size_t i) const { return (*chunks_[i / kChunk])[i % kChunk]; }
  const T& back() const { return (*this)[size_ - 1]; }
  T& edit(size_t i) { return detail::own(chunks_[i / kChunk])[i % kChunk]; }

  void push_back(const T& v) { push_back(T(v)); }
  void push_back(T&& v) {
    const size_t at = size_ / kChunk;
    if (at == chunks_.size()) chunks_.push_back(std::make_shared<Chunk>());
    detail::own(chunks_[at]).push_back(std::move(v));
    ++size_;
  }
  void pop_back() {
    const size_t at = --size_ / kChunk;
    chunks_.resize(at + 1);
    detail::own(chunks_[at]).pop_back();
  }
  void resize_down(size_t n) {
    while (size_ > n) pop_back();
  }
  void erase(size_t i) {
    for (; i + 1 < size_; ++i) edit(i) = (*this)[i + 1];
    pop_back();
  }
  void insert(size_t i, T v) {
    push_back(v);
    for (size_t k = size_ - 1; k > i; --k) edit(k) = (*this)[k - 1];
    edit(i) = std::move(v);
  }
  // The element at i; it and all above are gone then.
  T take_down(size_t i) {
    std::shared_ptr<Chunk>& chunk = chunks_[i / kChunk];
    T& at = (*chunk)[i % kChunk];
    T out = chunk.use_count() > 1 ? T(std::as_const(at)) : T(std::move(at));
    resize_down(i);
    return out;
  }
  // Forgets the lower half of the chunks, at least one; how many elements those were.
  size_t forget_older_half() {
    const size_t chunks = (chunks_.size() + 1) / 2, before = size_;
    size_ -= std::min(size_, chunks * kChunk);
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<ptrdiff_t>(chunks));
    return before - size_;
  }

 private:
  static constexpr size_t kChunk = 1024;
  using Chunk = std::vector<T>;
  // All full but the last, or but the last two: one without elements stays, since stacks that come back to it do so
  // often.
  std::vector<std::shared_ptr<Chunk>> chunks_;
  size_t size_ = 0;
};

// A map by number, in buckets.
template <class T>
class SharedMap {
 public:
  const T* find(uint64_t key) const {
    const auto bucket = buckets_.find(key / kBucket);
    if (bucket == buckets_.end()) return nullptr;
    const auto it = bucket->second->find(key);
    return it == bucket->second->end() ? nullptr : &it->second;
  }
  // For writing; made by its default constructor if there is none, and whether it was. Valid until the map is copied or
  // changed.
  std::pair<T*, bool> edit(uint64_t key) {
    std::shared_ptr<Bucket>& bucket = buckets_[key / kBucket];
    if (!bucket) bucket = std::make_shared<Bucket>();
    const auto [it, fresh] = detail::own(bucket).try_emplace(key);
    return {&it->second, fresh};
  }
  T& operator[](uint64_t key) { return *edit(key).first; }
  void erase(uint64_t key) {
    const auto bucket = buckets_.find(key / kBucket);
    if (bucket == buckets_.end() || !bucket->second->count(key)) return;
    Bucket& b = detail::own(bucket->second);
    b.erase(key);
    if (b.empty()) buckets_.erase(bucket);
  }
  template <class Each>
  void each(Each call) const {  // call(key, value), in order
    for (const auto& [number, bucket] : buckets_)
      for (const auto& [key, value] : *bucket) call(key, value);
  }

 private:
  static constexpr uint64_t kBucket = 64;
  using Bucket = std::map<uint64_t, T>;
  std::map<uint64_t, std::shared_ptr<Bucket>> buckets_;
};

}  // namespace deferscope::model
