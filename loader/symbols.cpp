// Symbol lookups by address and by name.
#include "loader/symbols.h"

#include <algorithm>
#include <functional>
#include <tuple>

namespace deferscope::loader {

SymbolTable::SymbolTable(std::vector<Symbol> symbols) : by_address_(std::move(symbols)) {
  std::stable_sort(by_address_.begin(), by_address_.end(), [](const Symbol& a, const Symbol& b) {
    return std::tuple(a.address, a.size == 0) < std::tuple(b.address, b.size == 0);
  });
  by_hash_.reserve(by_address_.size());
  for (uint32_t i = 0; i < by_address_.size(); i++)
    by_hash_.emplace_back(std::hash<std::string_view>{}(by_address_[i].name), i);
  std::sort(by_hash_.begin(), by_hash_.end());
}

std::optional<Symbol> SymbolTable::at(uint64_t address) const {
  auto i = std::upper_bound(by_address_.begin(), by_address_.end(), address,
                            [](uint64_t a, const Symbol& s) { return a < s.address; });
  // A covering symbol is at the nearest address below, or a little further: carriers such as runtime.types hold others.
  std::optional<Symbol> marker;
  for (int tries = 0; i != by_address_.begin() && tries < 16; tries++) {
    --i;
    if (address - i->address < i->size) return *i;
    if (i->address == address && !marker) marker = *i;
  }
  return marker;
}

std::optional<Symbol> SymbolTable::find(std::string_view name) const {
  std::pair<uint64_t, uint32_t> key{std::hash<std::string_view>{}(name), 0};
  for (auto i = std::lower_bound(by_hash_.begin(), by_hash_.end(), key); i != by_hash_.end() && i->first == key.first;
       ++i)
    if (by_address_[i->second].name == name) return by_address_[i->second];
  return std::nullopt;
}

}  // namespace deferscope::loader
