// Texts kept once, as small numbers: what a long trace repeats costs four bytes each time.
#pragma once
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace deferscope::traces {

class Texts {
 public:
  Texts() { id(""); }
  // The same for equal texts; 0: the empty one. Cost: a hash, and the text's bytes when it is new.
  uint32_t id(std::string_view text) {
    if (2 * texts_.size() >= slots_.size()) grow();
    uint32_t& slot = slots_[slot_of(text)];
    if (slot == kFree) {
      slot = static_cast<uint32_t>(texts_.size());
      texts_.push_back(keep(text));
    }
    return slot;
  }
  // Valid as long as this is.
  std::string_view operator[](uint32_t id) const {
    uint32_t size;
    std::memcpy(&size, texts_[id], sizeof size);
    return {texts_[id] + sizeof size, size};
  }
  size_t size() const { return texts_.size(); }

 private:
  static constexpr uint32_t kFree = UINT32_MAX;
  static constexpr size_t kPiece = 1 << 18;

  // Its size, then its bytes.
  const char* keep(std::string_view text) {
    const auto size = static_cast<uint32_t>(text.size());
    const size_t whole = sizeof size + size;
    if (left_ < whole) {
      left_ = whole > kPiece ? whole : kPiece;
      pieces_.push_back(std::make_unique_for_overwrite<char[]>(left_));
      free_ = pieces_.back().get();
    }
    char* const at = free_;
    std::memcpy(at, &size, sizeof size);
    if (size) std::memcpy(at + sizeof size, text.data(), size);
    free_ += whole, left_ -= whole;
    return at;
  }
  size_t slot_of(std::string_view text) const {
    size_t i = std::hash<std::string_view>()(text) & (slots_.size() - 1);
    while (slots_[i] != kFree && (*this)[slots_[i]] != text) i = (i + 1) & (slots_.size() - 1);
    return i;
  }
  void grow() {
    slots_.assign(2 * slots_.size(), kFree);
    for (uint32_t i = 0; i < texts_.size(); ++i) slots_[slot_of((*this)[i])] = i;
  }

  std::vector<std::unique_ptr<char[]>> pieces_;
  char* free_ = nullptr;
  size_t left_ = 0;
  std::vector<const char*> texts_;
  std::vector<uint32_t> slots_ = std::vector<uint32_t>(64, kFree);
};

}  // namespace deferscope::traces
