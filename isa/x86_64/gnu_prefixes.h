// The prefix bytes of an x86-64 instruction as the GNU printer shows them: a prefix stands in front unless the
// instruction makes use of it. "Makes use" is what takes most of gnu_prefixes.cpp.
#pragma once
#include <algorithm>
#include <string>

#include "isa/x86_64/gnu_insn.h"

namespace deferscope::isa::x86_64::gnu {

enum class Meaning : std::uint8_t { plain, hint_not_taken, hint_taken, bound, acquire, release };

struct Prefix {
  std::uint8_t byte = 0;
  bool implied = false;  // by the rest of the text
  Meaning meaning = Meaning::plain;
};

struct Prefixes {
  std::array<Prefix, ZYDIS_MAX_INSTRUCTION_LENGTH> list;
  std::size_t count = 0;

  std::span<Prefix> all() { return {list.data(), count}; }
  std::span<const Prefix> all() const { return {list.data(), count}; }

  int times(std::uint8_t byte) const {
    return static_cast<int>(std::count_if(all().begin(), all().end(), [&](const Prefix& p) { return p.byte == byte; }));
  }
  Prefix* last(std::uint8_t byte) { return last_of(byte, byte); }
  Prefix* last_of(std::uint8_t a, std::uint8_t b) {
    for (std::size_t i = count; i-- > 0;)
      if (list[i].byte == a || list[i].byte == b) return &list[i];
    return nullptr;
  }
  bool imply_last(std::uint8_t byte) {
    Prefix* p = last(byte);
    if (p) p->implied = true;
    return p != nullptr;
  }
  void show_all(std::uint8_t byte) {
    for (Prefix& p : all())
      if (p.byte == byte) p.implied = false;
  }
};

Prefixes prefixes_of(const Insn& in, const Operands& args);

// "lock ", "data16 ", "rex.W ", … those that nothing implies.
void put_prefixes(const Prefixes& p, std::string& out);
// ",pn", ",pt" behind the mnemonic of a jump.
void put_hints(const Prefixes& p, std::string& out);

}  // namespace deferscope::isa::x86_64::gnu
