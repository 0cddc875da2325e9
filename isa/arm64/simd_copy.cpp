// Advanced SIMD that moves lanes: copies, permutations, table look-up, immediates.
#include <bit>

#include "isa/arm64/fp.h"
#include "isa/arm64/lanes.h"
#include "isa/arm64/lifts.h"

namespace deferscope::isa::arm64 {
namespace {

template <class T>
void insert(Vec& d, uint64_t x, uint64_t imm) {
  d.set<T>(imm & (16 / sizeof(T) - 1), static_cast<T>(x));
}
template <class T>
uint64_t extract(const Vec& a, uint64_t imm) {
  return static_cast<uint64_t>(static_cast<int64_t>(a.lane<T>(imm & (16 / sizeof(T) - 1))));
}
template <class T>
void fill(Vec& d, T x, uint64_t imm) {
  Vec r;
  for (unsigned i = 0; i < 16 / sizeof(T); ++i) r.set<T>(i, x);
  d = trimmed<T>(r, imm);
}
template <class T>
void dup_lane(Vec& d, const Vec& a, const Vec&, uint64_t imm) {
  fill(d, a.lane<T>(parameter(imm)), imm);
}
template <class T>
void dup_reg(Vec& d, uint64_t x, uint64_t imm) {
  fill(d, static_cast<T>(x), imm);
}

// part 0 or 1: UZP1, UZP2 take the even, odd lanes of a then b; ZIP1, ZIP2 interleave the lower, upper halves; TRN1,
// TRN2 the even, odd lanes.
template <class T, unsigned Part>
void unzip(Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  const unsigned n = lanes<T>(imm);
  Vec r;
  for (unsigned i = 0; i < n; ++i) {
    const unsigned k = 2 * i + Part;
    r.set<T>(i, k < n ? a.lane<T>(k) : b.lane<T>(k - n));
  }
  d = r;
}
template <class T, unsigned Part>
void zip(Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  const unsigned n = lanes<T>(imm), from = Part * n / 2;
  Vec r;
  for (unsigned i = 0; i < n / 2; ++i) {
    r.set<T>(2 * i, a.lane<T>(from + i));
    r.set<T>(2 * i + 1, b.lane<T>(from + i));
  }
  d = r;
}
template <class T, unsigned Part>
void transpose(Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  Vec r;
  for (unsigned i = 0; i < lanes<T>(imm); i += 2) {
    r.set<T>(i, a.lane<T>(i + Part));
    r.set<T>(i + 1, b.lane<T>(i + Part));
  }
  d = r;
}

// EXT: bytes from the pair a:b, starting at the parameter.
void extract_bytes(Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  const unsigned n = lanes<uint8_t>(imm), from = parameter(imm);
  Vec r;
  for (unsigned i = 0; i < n; ++i) {
    const unsigned k = from + i;
    r.set<uint8_t>(i, k < n ? a.lane<uint8_t>(k) : b.lane<uint8_t>(k - n));
  }
  d = r;
}
constexpr Helper kExt{.name = "ext", .vec = extract_bytes};

// One table register of TBL and TBX: bytes of b that point into its 16 bytes replace d's. The parameter is the table's
// number.
void table_step(Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  Vec r;
  for (unsigned i = 0; i < lanes<uint8_t>(imm); ++i) {
    const unsigned k = b.lane<uint8_t>(i) - 16 * parameter(imm);
    r.set<uint8_t>(i, k < 16 ? a.lane<uint8_t>(k) : d.lane<uint8_t>(i));
  }
  d = r;
}
void clear(Vec& d, const Vec&, const Vec&, uint64_t) { d = Vec{}; }
void copy(Vec& d, const Vec& a, const Vec&, uint64_t) { d = a; }
constexpr Helper kTableStep{.name = "tbx", .vec = table_step, .reads_dst = true};
constexpr Helper kClear{.name = "zero.v", .vec = clear};

// In a temporary: the destination may be one of the tables or the indices.
void table(Emit& e, bool extend, uint32_t q, unsigned count, B5 m, B5 n, B5 d) {
  e.vec_op(extend ? kMovV : kClear, kVT0, vec(d), vec(d), 0);
  for (unsigned i = 0; i < count; ++i) e.vec_op(kTableStep, kVT0, vec(n + i), vec(m), q | uint64_t{i} << 8);
  e.vec_op(kMovV, vec(d), kVT0, kVT0, 0);
}

// The element of a copy's imm5: its lowest set bit is the size, the bits above are the index. False if reserved.
bool element(uint32_t imm5, uint32_t& log, uint32_t& index) {
  if ((imm5 & 15) == 0) return false;
  log = static_cast<uint32_t>(std::countr_zero(imm5));
  index = imm5 >> (log + 1);
  return true;
}

// AdvSIMDExpandImm of all cmode but FMOV.
uint64_t expand(uint32_t op, uint32_t cmode, uint64_t i) {
  const auto twice = [](uint64_t x) { return x << 32 | x; };
  if (cmode < 8) return twice(i << (8 * (cmode >> 1)));
  if (cmode < 12) {
    const uint64_t h = i << (8 * (cmode >> 1 & 1));
    return twice(h << 16 | h);
  }
  if (cmode == 12) return twice(i << 8 | 0xff);
  if (cmode == 13) return twice(i << 16 | 0xffff);
  if (!op) return i * 0x0101010101010101;
  uint64_t x = 0;
  for (unsigned b = 0; b < 8; ++b)
    if (i >> b & 1) x |= uint64_t{0xff} << (8 * b);
  return x;
}
// d = both halves OP imm (imm itself; d or imm; d and not imm).
void put_imm(Vec& d, uint64_t x, uint64_t q) { d = Vec{x, q ? x : 0}; }
void or_imm(Vec& d, uint64_t x, uint64_t q) { d = Vec{d.lo | x, q ? d.hi | x : 0}; }
void bic_imm(Vec& d, uint64_t x, uint64_t q) { d = Vec{d.lo & ~x, q ? d.hi & ~x : 0}; }
constexpr Helper kPutImm{.name = "movi", .put = put_imm};
constexpr Helper kOrImm{.name = "orr.i", .put = or_imm, .reads_dst = true};
constexpr Helper kBicImm{.name = "bic.i", .put = bic_imm, .reads_dst = true};

void immediate(Emit& e, const Helper& h, uint64_t x, uint32_t q, B5 d) {
  if (x != 0) e.mov_imm(8, kT0, static_cast<int64_t>(x));
  e.vec_put(h, vec(d), x != 0 ? kT0 : kZero, q);
}

}  // namespace

constexpr Helper kMovV{.name = "mov.v", .vec = copy};
constexpr Helper kInsert[4] = {{.name = "ins.b", .put = insert<uint8_t>, .reads_dst = true},
                               {.name = "ins.h", .put = insert<uint16_t>, .reads_dst = true},
                               {.name = "ins.s", .put = insert<uint32_t>, .reads_dst = true},
                               {.name = "ins.d", .put = insert<uint64_t>, .reads_dst = true}};
constexpr Helper kExtract[4] = {{.name = "umov.b", .get = extract<uint8_t>},
                                {.name = "umov.h", .get = extract<uint16_t>},
                                {.name = "umov.s", .get = extract<uint32_t>},
                                {.name = "umov.d", .get = extract<uint64_t>}};
constexpr Helper kExtractSigned[3] = {{.name = "smov.b", .get = extract<int8_t>},
                                      {.name = "smov.h", .get = extract<int16_t>},
                                      {.name = "smov.s", .get = extract<int32_t>}};
constexpr Helper kDupLane[4] = {{.name = "dup.b", .vec = dup_lane<uint8_t>},
                                {.name = "dup.h", .vec = dup_lane<uint16_t>},
                                {.name = "dup.s", .vec = dup_lane<uint32_t>},
                                {.name = "dup.d", .vec = dup_lane<uint64_t>}};
constexpr Helper kDupReg[4] = {{.name = "dupr.b", .put = dup_reg<uint8_t>},
                               {.name = "dupr.h", .put = dup_reg<uint16_t>},
                               {.name = "dupr.s", .put = dup_reg<uint32_t>},
                               {.name = "dupr.d", .put = dup_reg<uint64_t>}};
constexpr Helper kUzp1[4] = {{.name = "uzp1.b", .vec = unzip<uint8_t, 0>},
                             {.name = "uzp1.h", .vec = unzip<uint16_t, 0>},
                             {.name = "uzp1.s", .vec = unzip<uint32_t, 0>},
                             {.name = "uzp1.d", .vec = unzip<uint64_t, 0>}};
constexpr Helper kUzp2[4] = {{.name = "uzp2.b", .vec = unzip<uint8_t, 1>},
                             {.name = "uzp2.h", .vec = unzip<uint16_t, 1>},
                             {.name = "uzp2.s", .vec = unzip<uint32_t, 1>},
                             {.name = "uzp2.d", .vec = unzip<uint64_t, 1>}};
constexpr Helper kZip1[4] = {{.name = "zip1.b", .vec = zip<uint8_t, 0>},
                             {.name = "zip1.h", .vec = zip<uint16_t, 0>},
                             {.name = "zip1.s", .vec = zip<uint32_t, 0>},
                             {.name = "zip1.d", .vec = zip<uint64_t, 0>}};
constexpr Helper kZip2[4] = {{.name = "zip2.b", .vec = zip<uint8_t, 1>},
                             {.name = "zip2.h", .vec = zip<uint16_t, 1>},
                             {.name = "zip2.s", .vec = zip<uint32_t, 1>},
                             {.name = "zip2.d", .vec = zip<uint64_t, 1>}};
constexpr Helper kTrn1[4] = {{.name = "trn1.b", .vec = transpose<uint8_t, 0>},
                             {.name = "trn1.h", .vec = transpose<uint16_t, 0>},
                             {.name = "trn1.s", .vec = transpose<uint32_t, 0>},
                             {.name = "trn1.d", .vec = transpose<uint64_t, 0>}};
constexpr Helper kTrn2[4] = {{.name = "trn2.b", .vec = transpose<uint8_t, 1>},
                             {.name = "trn2.h", .vec = transpose<uint16_t, 1>},
                             {.name = "trn2.s", .vec = transpose<uint32_t, 1>},
                             {.name = "trn2.d", .vec = transpose<uint64_t, 1>}};

static void permute(Emit& e, const Helper (&set)[4], Bit q, B2 size, B5 m, B5 n, B5 d) {
  if (size == 3 && !q) return e.undefined();
  e.vec_op(set[size], vec(d), vec(n), vec(m), q);
}
void UZP1(Emit& e, Bit q, B2 s, B5 m, B5 n, B5 d) { permute(e, kUzp1, q, s, m, n, d); }
void UZP2(Emit& e, Bit q, B2 s, B5 m, B5 n, B5 d) { permute(e, kUzp2, q, s, m, n, d); }
void ZIP1(Emit& e, Bit q, B2 s, B5 m, B5 n, B5 d) { permute(e, kZip1, q, s, m, n, d); }
void ZIP2(Emit& e, Bit q, B2 s, B5 m, B5 n, B5 d) { permute(e, kZip2, q, s, m, n, d); }
void TRN1(Emit& e, Bit q, B2 s, B5 m, B5 n, B5 d) { permute(e, kTrn1, q, s, m, n, d); }
void TRN2(Emit& e, Bit q, B2 s, B5 m, B5 n, B5 d) { permute(e, kTrn2, q, s, m, n, d); }

void EXT(Emit& e, Bit q, B5 m, B4 i, B5 n, B5 d) {
  if (!q && i >= 8) return e.undefined();
  e.vec_op(kExt, vec(d), vec(n), vec(m), q | uint64_t{i} << 8);
}
void TBL(Emit& e, Bit q, B5 m, B2 len, B5 n, B5 d) { table(e, false, q, len + 1, m, n, d); }
void TBX(Emit& e, Bit q, B5 m, B2 len, B5 n, B5 d) { table(e, true, q, len + 1, m, n, d); }

void DUP_element(Emit& e, Bit q, B5 i, B5 n, B5 d) {
  uint32_t log, index;
  if (!element(i, log, index) || (log == 3 && !q)) return e.undefined();
  e.vec_op(kDupLane[log], vec(d), vec(n), vec(n), q | uint64_t{index} << 8);
}
void DUP_element_scalar(Emit& e, B5 i, B5 n, B5 d) {
  uint32_t log, index;
  if (!element(i, log, index)) return e.undefined();
  e.vec_op(kDupLane[log], vec(d), vec(n), vec(n), kScalar | uint64_t{index} << 8);
}
void DUP_general(Emit& e, Bit q, B5 i, B5 n, B5 d) {
  uint32_t log, index;
  if (!element(i, log, index) || (log == 3 && !q)) return e.undefined();
  e.vec_put(kDupReg[log], vec(d), src(n), q);
}
void SMOV(Emit& e, Bit q, B5 i, B5 n, B5 d) {
  uint32_t log, index;
  if (!element(i, log, index) || log > (q ? 2u : 1u)) return e.undefined();
  e.vec_get(kExtractSigned[log], q ? 8 : 4, dest(d), vec(n), index);
}
void UMOV(Emit& e, Bit q, B5 i, B5 n, B5 d) {
  uint32_t log, index;
  if (!element(i, log, index) || (q ? log != 3 : log > 2)) return e.undefined();
  e.vec_get(kExtract[log], q ? 8 : 4, dest(d), vec(n), index);
}
void INS_general(Emit& e, B5 i, B5 n, B5 d) {
  uint32_t log, index;
  if (!element(i, log, index)) return e.undefined();
  e.vec_put(kInsert[log], vec(d), src(n), index);
}
void INS_element(Emit& e, B5 i, B4 from, B5 n, B5 d) {
  uint32_t log, index;
  if (!element(i, log, index)) return e.undefined();
  e.vec_get(kExtract[log], 8, kT0, vec(n), from >> log);
  e.vec_put(kInsert[log], vec(d), kT0, index);
}

void MOVI(Emit& e, Bit q, Bit op, B3 abc, B4 cmode, B5 low, B5 d) {
  const uint32_t i = abc << 5 | low;
  const bool only_low_bit_clear = !(cmode & 1);
  if (cmode == 15) {  // FMOV
    if (op && !q) return e.undefined();
    const uint64_t s = fp::to_bits(fp::expand_imm<float>(i));
    return immediate(e, kPutImm, op ? fp::to_bits(fp::expand_imm<double>(i)) : s << 32 | s, q, d);
  }
  const uint64_t x = expand(op, cmode, i);
  if (cmode == 14 || cmode == 13 || cmode == 12 || only_low_bit_clear)
    return immediate(e, kPutImm, op && cmode != 14 ? ~x : x, q, d);  // MOVI, MVNI
  immediate(e, op ? kBicImm : kOrImm, x, q, d);
}

}  // namespace deferscope::isa::arm64
