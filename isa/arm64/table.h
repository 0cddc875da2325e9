// The ISA as a table: one row an instruction, in table.inc. Decoder, coverage report and the tests' random words all
// come from it.
//
// A row's bit string has 32 characters, bit 31 first:
//   0 1     fixed
//   letter  one field; its letters stand together. The fields go to the lift function in the string's order, each as
//           Bits<width>: a lift that takes other fields than its row has does not compile.
//   -       ignored ("should be" bits)
// Where two rows match the same word, one must fix all that the other fixes and more: the more special row wins.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "isa/arm64/emit.h"

namespace deferscope::isa::arm64 {

enum class Class : uint8_t {
  DataProcessingImm,
  DataProcessingReg,
  Branch,
  System,
  LoadStore,
  Atomic,
  FpScalar,
  Simd,
  SimdFp,
  SimdLoadStore,
  Crypto
};

struct Row {
  const char* name;  // as in the Arm Architecture Reference Manual, with the form where one name has several
  const char* bits;
  uint32_t mask, value;  // the fixed bits
  void (*lift)(Emit& e, uint32_t word);
  Class cls;
  uint8_t first;  // the Level whose model reports it; kNoModel
};
inline constexpr uint8_t kNoModel = 255;  // the text of an instruction knows it

// All rows, in table.inc's order.
std::span<const Row> rows();
// The row of a word, or nullptr: no instruction of ours. (A row's lift may still say Undefined: reserved fields.)
const Row* find(uint32_t word);

// --- the check of the strings, at compile time ---

struct Pattern {
  char text[33] = {};
  consteval Pattern(const char (&s)[33]) {
    for (int i = 0; i < 33; ++i) text[i] = s[i];
  }
};

struct Fields {
  uint32_t mask = 0, value = 0;
  unsigned count = 0;
  std::array<unsigned, 12> low{}, width{};
  constexpr uint32_t field(size_t i, uint32_t word) const {
    return word >> low[i] & static_cast<uint32_t>((uint64_t{1} << width[i]) - 1);
  }
};

// The fields of a pattern. A malformed one does not compile (the throw is no constant expression).
consteval Fields parse(const char* text) {
  Fields f;
  std::array<char, 12> letters{};
  for (unsigned i = 0; i < 32; ++i) {
    const char c = text[i];
    const unsigned bit = 31 - i;
    if (c == '0' || c == '1') {
      f.mask |= 1u << bit;
      f.value |= (c == '1' ? 1u : 0u) << bit;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      if (i > 0 && text[i - 1] == c) {
        f.low[f.count - 1] = bit, ++f.width[f.count - 1];
        continue;
      }
      for (unsigned k = 0; k < f.count; ++k)
        if (letters[k] == c) throw "a field's letters must stand together";
      letters[f.count] = c, f.low[f.count] = bit, f.width[f.count] = 1, ++f.count;
    } else if (c != '-') {
      throw "only 0, 1, letters and - stand in a bit string";
    }
  }
  if (text[32] != 0) throw "a bit string has 32 characters";
  return f;
}

template <Pattern P>
inline constexpr Fields kFields = parse(P.text);

// The type of a row's lift function: void(Emit&, Bits<w>...).
template <Pattern P, size_t... I>
auto signature(std::index_sequence<I...>) -> std::type_identity<void(Emit&, Bits<kFields<P>.width[I]>...)>;
template <Pattern P>
using Signature = typename decltype(signature<P>(std::make_index_sequence<kFields<P>.count>{}))::type;

// Takes a word's fields apart and calls the lift function.
template <Pattern P, Signature<P>* F, class = std::make_index_sequence<kFields<P>.count>>
struct CallLift;
template <Pattern P, Signature<P>* F, size_t... I>
struct CallLift<P, F, std::index_sequence<I...>> {
  static void call(Emit& e, [[maybe_unused]] uint32_t word) {
    F(e, Bits<kFields<P>.width[I]>{kFields<P>.field(I, word)}...);
  }
};

}  // namespace deferscope::isa::arm64
