// Mixes plain values into a digest.
#pragma once
#include <string>
#include <type_traits>

#include "emu/hash.h"

namespace deferscope::emu::posix {

struct Digest {
  uint64_t& h;
  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void operator()(T x) { h = mix(h, static_cast<uint64_t>(x)); }
  void operator()(const std::string& s) { h = hash_bytes(mix(h, s.size()), s.data(), s.size()); }
  template <class... Ts>
  requires(sizeof...(Ts) > 1) void operator()(const Ts&... xs) { ((*this)(xs), ...); }
};

}  // namespace deferscope::emu::posix
