// SSE4.2 string comparison: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM. Names as in the SDM, volume 2, chapter 4.1.
//   imm  7 6 5 4 3 2 1 0
//          │ └┬┘ └┬┘ └┬┘ elements: u8 u16 i8 i16
//          │  │   └ aggregation: equal any, ranges, equal each, equal ordered
//          │  └ polarity: +, -, masked +, masked -
//          └ index: most significant; mask: of elements
#include <algorithm>
#include <bit>

#include "isa/x86_64/sse.h"

namespace deferscope::isa::x86_64 {
namespace {

struct Strings {
  int a[16] = {}, b[16] = {};  // elements
  unsigned n = 16;             // elements a vector
  unsigned length_a = 0, length_b = 0;
};

template <class T>
void split(Strings& s, const Vec& a, const Vec& b) {
  s.n = kLanes<T>;
  for (unsigned i = 0; i < s.n; ++i) s.a[i] = a.lane<T>(i), s.b[i] = b.lane<T>(i);
}

unsigned to_zero(const int* elements, unsigned n) {
  return static_cast<unsigned>(std::find(elements, elements + n, 0) - elements);
}

unsigned explicit_length(uint64_t r, bool wide, unsigned n) {
  const int64_t length = wide ? static_cast<int64_t>(r) : static_cast<int32_t>(r);
  const uint64_t size = length < 0 ? uint64_t{0} - static_cast<uint64_t>(length) : static_cast<uint64_t>(length);
  return static_cast<unsigned>(std::min<uint64_t>(size, n));
}

bool equal_any(const Strings& s, unsigned j) {
  return j < s.length_b && std::find(s.a, s.a + s.length_a, s.b[j]) != s.a + s.length_a;
}

bool in_ranges(const Strings& s, unsigned j) {
  if (j >= s.length_b) return false;
  for (unsigned i = 0; i + 1 < s.length_a; i += 2)
    if (s.a[i] <= s.b[j] && s.b[j] <= s.a[i + 1]) return true;
  return false;
}

bool equal_each(const Strings& s, unsigned j) {
  const bool in_a = j < s.length_a, in_b = j < s.length_b;
  return in_a && in_b ? s.a[j] == s.b[j] : in_a == in_b;
}

bool equal_ordered(const Strings& s, unsigned j) {
  for (unsigned i = 0; i < s.length_a && j + i < s.n; ++i)
    if (j + i >= s.length_b || s.a[i] != s.b[j + i]) return false;
  return true;
}

using Aggregation = bool (*)(const Strings&, unsigned);
constexpr Aggregation kAggregations[4] = {equal_any, in_ranges, equal_each, equal_ordered};

// IntRes2
uint32_t compare(const Strings& s, uint64_t imm) {
  uint32_t r = 0;
  for (unsigned j = 0; j < s.n; ++j) r |= static_cast<uint32_t>(kAggregations[imm >> 2 & 3](s, j)) << j;
  const uint32_t all = (uint32_t{1} << s.n) - 1, valid = (uint32_t{1} << s.length_b) - 1;
  if ((imm & 0x30) == 0x10) return r ^ all;
  if ((imm & 0x30) == 0x30) return r ^ valid;
  return r;
}

void put_index(CpuState& s, uint32_t r, unsigned n, uint64_t imm) {
  unsigned index = n;
  if (r != 0) index = static_cast<unsigned>(imm & 0x40 ? 31 - std::countl_zero(r) : std::countr_zero(r));
  s.r[kRcx] = index;
}

void put_mask(CpuState& s, uint32_t r, unsigned n, uint64_t imm) {
  Vec mask;
  if (imm & 0x40) {
    for (unsigned i = 0; i < n; ++i) {
      if (n == 16)
        mask.set(i, static_cast<uint8_t>(r >> i & 1 ? 0xff : 0));
      else
        mask.set(i, static_cast<uint16_t>(r >> i & 1 ? 0xffff : 0));
    }
  } else {
    mask.lo = r;
  }
  s.v[0] = mask;
}

// imm2: REX.W, the lengths are 64 bits wide
template <bool explicit_lengths, bool to_mask>
Fault run(CpuState& state, const Uop& u) {
  const auto imm = static_cast<uint64_t>(u.imm);
  const Vec &a = state.v[u.a], &b = state.v[u.b];
  Strings s;
  switch (imm & 3) {
    case 0: split<uint8_t>(s, a, b); break;
    case 1: split<uint16_t>(s, a, b); break;
    case 2: split<int8_t>(s, a, b); break;
    default: split<int16_t>(s, a, b); break;
  }
  if (explicit_lengths) {
    s.length_a = explicit_length(state.r[kRax], u.imm2 != 0, s.n);
    s.length_b = explicit_length(state.r[kRdx], u.imm2 != 0, s.n);
  } else {
    s.length_a = to_zero(s.a, s.n), s.length_b = to_zero(s.b, s.n);
  }
  const uint32_t r = compare(s, imm);
  to_mask ? put_mask(state, r, s.n, imm) : put_index(state, r, s.n, imm);
  state.set_flags((r != 0 ? flag::CF : 0) | (s.length_b < s.n ? flag::ZF : 0) | (s.length_a < s.n ? flag::SF : 0) |
                  (r & 1 ? flag::OF : 0));
  return Fault::None;
}

void lift_compare(Builder& b) {
  const VReg s = b.source_v(1, 16, false);
  Uop& u = b.emit(Op::Helper, 16);
  u.a = b.xmm(0), u.b = s, u.imm = b.imm(2) & 0xff, u.helper = b.helper;
  const bool vex = b.in.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
  u.imm2 = vex ? b.in.raw.vex.W : b.in.raw.rex.W;
}

constexpr uint64_t kLengths = 1u << kRax | 1u << kRdx, kIndex = 1u << kRcx;

const Row kSseStringRows[] = {
    sse(ZYDIS_MNEMONIC_PCMPESTRI, lift_compare,
        {.name = "pcmpestri", .any = run<true, false>, .reads = kLengths, .writes = kIndex, .writes_flags = true}),
    sse(ZYDIS_MNEMONIC_PCMPESTRM, lift_compare,
        {.name = "pcmpestrm", .any = run<true, true>, .reads = kLengths, .writes_flags = true}),
    sse(ZYDIS_MNEMONIC_PCMPISTRI, lift_compare,
        {.name = "pcmpistri", .any = run<false, false>, .writes = kIndex, .writes_flags = true}),
    sse(ZYDIS_MNEMONIC_PCMPISTRM, lift_compare, {.name = "pcmpistrm", .any = run<false, true>, .writes_flags = true}),
};

}  // namespace

std::span<const Row> sse_string_rows() { return kSseStringRows; }

}  // namespace deferscope::isa::x86_64
