// Moves between vectors, memory and general registers.
#include "isa/x86_64/sse.h"
#include "isa/x86_64/system.h"

namespace deferscope::isa::x86_64 {

namespace {

unsigned memory_bytes(const Builder& b) { return b.row.param ? static_cast<unsigned>(b.row.param) : 16; }

Uop& binary(Builder& b, Op o) {
  const VReg s = b.source_v(1, memory_bytes(b));
  Uop& u = b.emit(o, 16);
  u.dst = u.a = b.xmm(0), u.b = s, u.helper = b.helper;
  return u;
}

int64_t last_imm(const Builder& b) { return b.imm(b.in.operand_count_visible - 1) & 0xff; }

}  // namespace

void vec_binary(Builder& b) { binary(b, Op::VecOp); }
void vec_binary_imm(Builder& b) { binary(b, Op::VecOp).imm = last_imm(b); }
void fp_binary(Builder& b) { binary(b, Op::VecFp); }
void fp_binary_imm(Builder& b) { binary(b, Op::VecFp).imm = last_imm(b); }
void fp_compare(Builder& b) { binary(b, Op::FpCompare).dst = kSink; }

namespace {

void mask_blend(Vec& d, const Vec& a, const Vec& mask, uint64_t) {
  for (unsigned i = 0; i < 16; ++i)
    if (mask.lane<int8_t>(i) < 0) d.set(i, a.lane<uint8_t>(i));
}

constexpr Helper kHelpers[] = {{.name = "get", .get = [](const Vec& a, uint64_t) { return a.lo; }},
                               {.name = "put32",
                                .put =
                                    [](Vec& d, uint64_t x, uint64_t) {
                                      d = Vec{x & 0xffffffff, 0};
                                    }},
                               {.name = "put64",
                                .put =
                                    [](Vec& d, uint64_t x, uint64_t) {
                                      d = Vec{x, 0};
                                    }},
                               {.name = "high_to_low",
                                .vec =
                                    [](Vec& d, const Vec&, const Vec& s, uint64_t) {
                                      d = Vec{s.hi, 0};
                                    }},
                               {.name = "mask_blend", .vec = mask_blend, .reads_dst = true}};
constexpr const Helper &kPut32 = kHelpers[1], &kPut64 = kHelpers[2], &kHighToLow = kHelpers[3],
                       &kMaskBlend = kHelpers[4];

void load_v(Builder& b, VReg dst, unsigned bytes, bool align) {
  const Mem m = b.mem(1);
  Uop& u = b.emit(Op::LoadV, bytes);
  u.dst = dst, u.mem = m, u.aligned = align;
}

void store_v(Builder& b, VReg src, unsigned bytes, bool align) {
  const Mem m = b.mem(0);
  Uop& u = b.emit(Op::StoreV, bytes);
  u.a = src, u.mem = m, u.aligned = align;
}

// The row's helper on registers: op0 = helper(op0, op1).
void move(Builder& b, VReg dst, VReg src) {
  Uop& u = b.emit(Op::VecOp, 16);
  u.dst = dst, u.a = dst, u.b = src, u.helper = b.helper;
}

// MOVAPS, MOVUPS, …: param = bytes if from or to memory, + 1000 if that must be aligned
void mov_full(Builder& b) {
  const bool align = b.row.param >= 1000;
  const auto bytes = static_cast<unsigned>(b.row.param % 1000);
  if (b.is_mem(1)) return load_v(b, b.xmm(0), bytes, align);
  if (b.is_mem(0)) return store_v(b, b.xmm(1), bytes, align);
  move(b, b.xmm(0), b.xmm(1));
}

void movsd(Builder& b) {
  if (!lift_shared_string(b)) mov_full(b);
}

// MOVD, MOVQ between general registers, memory and vectors

void movd_q(Builder& b) {
  const auto bytes = static_cast<unsigned>(b.row.param);
  if (b.is_xmm(0) && b.is_xmm(1)) return move(b, b.xmm(0), b.xmm(1));
  if (b.is_mem(1)) return load_v(b, b.xmm(0), bytes, false);
  if (b.is_mem(0)) return store_v(b, b.xmm(1), bytes, false);
  if (b.is_xmm(0)) {
    Uop& u = b.emit(Op::VecPut, bytes);
    u.dst = b.xmm(0), u.b = b.reg(1), u.helper = bytes == 8 ? &kPut64 : &kPut32;
    return;
  }
  Uop& u = b.emit(Op::VecGet, bytes);
  u.dst = b.reg(0), u.a = b.xmm(1), u.helper = &kGetLow;
}

// MOVLPS, MOVHPS, …: memory only. param 1: the high half
void mov_half(Builder& b) {
  if (b.is_mem(1)) {
    const VReg t = b.vtemp();
    load_v(b, t, 8, false);
    return move(b, b.xmm(0), t);
  }
  if (b.row.param == 0) return store_v(b, b.xmm(1), 8, false);
  const VReg t = b.vtemp();
  Uop& u = b.emit(Op::VecOp, 16);
  u.dst = u.a = t, u.b = b.xmm(1), u.helper = &kHighToLow;
  store_v(b, t, 8, false);
}

// Bits of a vector's lanes to a general register (MOVMSKPS, PMOVMSKB, PEXTRW, …). A register destination of 4 bytes
// gives the same value in one of 8: the rest is zero.
void vec_get(Builder& b, unsigned width, int64_t imm) {
  const bool to_memory = b.is_mem(0);
  const Mem m = to_memory ? b.mem(0) : Mem{};
  const Reg dst = to_memory ? b.temp() : b.reg(0);
  Uop& u = b.emit(Op::VecGet, to_memory ? 8 : width);
  u.dst = dst, u.a = b.xmm(1), u.imm = imm, u.helper = b.helper;
  if (to_memory) b.store(m, from(dst), b.width(0));
}

void mov_mask(Builder& b) { vec_get(b, 8, 0); }
void pextr(Builder& b) { vec_get(b, 8, last_imm(b)); }

// PINSRB, …: param = bytes
void pinsr(Builder& b) {
  Reg s;
  if (b.is_mem(1)) {
    const Mem m = b.mem(1);
    s = b.temp();
    b.load(s, m, static_cast<unsigned>(b.row.param));
  } else {
    s = b.reg(1);
  }
  Uop& u = b.emit(Op::VecPut, 16);
  u.dst = b.xmm(0), u.b = s, u.imm = last_imm(b), u.helper = b.helper;
}

// MASKMOVDQU: bytes of op0 whose mask has its top bit set go to [RDI]. The others are rewritten with themselves, so all
// 16 must be writable.
void maskmov(Builder& b) {
  Mem m = b.implicit_mem(kRdi);
  for (const int64_t half : {0, 8}) {  // the first page that cannot be written faults
    Uop& check = b.emit(Op::StoreCheck, 8);
    check.mem = m, check.mem.disp += half;
  }
  const VReg t = b.vtemp();
  Uop& load = b.emit(Op::LoadV, 16);
  load.dst = t, load.mem = m;
  Uop& blend = b.emit(Op::VecOp, 16);
  blend.dst = t, blend.a = b.xmm(0), blend.b = b.xmm(1), blend.helper = &kMaskBlend;
  Uop& store = b.emit(Op::StoreV, 16);
  store.a = t, store.mem = m;
}

// ---- the functions

void mov128(Vec& d, const Vec&, const Vec& s, uint64_t) { d = s; }
void low32(Vec& d, const Vec&, const Vec& s, uint64_t) { d.set(0, s.lane<uint32_t>(0)); }
void low64(Vec& d, const Vec&, const Vec& s, uint64_t) { d.lo = s.lo; }
void low64_zero(Vec& d, const Vec&, const Vec& s, uint64_t) { d = Vec{s.lo, 0}; }
void low_to_high(Vec& d, const Vec&, const Vec& s, uint64_t) { d.hi = s.lo; }
void high_into_low(Vec& d, const Vec&, const Vec& s, uint64_t) { d.lo = s.hi; }
void both_low(Vec& d, const Vec&, const Vec& s, uint64_t) { d = Vec{s.lo, s.lo}; }
void pairs(Vec& d, const Vec&, const Vec& s, uint64_t, unsigned which) {
  const uint32_t x = s.lane<uint32_t>(which), y = s.lane<uint32_t>(2 + which);
  for (unsigned i = 0; i < 4; ++i) d.set(i, i < 2 ? x : y);
}
void even_pairs(Vec& d, const Vec& a, const Vec& s, uint64_t i) { pairs(d, a, s, i, 0); }
void odd_pairs(Vec& d, const Vec& a, const Vec& s, uint64_t i) { pairs(d, a, s, i, 1); }

template <class T>
uint64_t sign_mask(const Vec& a, uint64_t) {
  uint64_t m = 0;
  for (unsigned i = 0; i < kLanes<T>; ++i) m |= static_cast<uint64_t>(a.lane<T>(i) < 0) << i;
  return m;
}
template <class T>
uint64_t get_lane(const Vec& a, uint64_t i) {
  return a.lane<T>(i & (kLanes<T> - 1));
}
template <class T>
void put_lane(Vec& d, uint64_t x, uint64_t i) {
  d.set(i & (kLanes<T> - 1), static_cast<T>(x));
}

constexpr int64_t kAligned = 1000;
constexpr Helper kMov128 = {.name = "mov128", .vec = mov128};

// clang-format off
const Row kSseMoveRows[] = {
    sse(ZYDIS_MNEMONIC_MOVAPS, mov_full, kMov128, kAligned + 16),
    sse(ZYDIS_MNEMONIC_MOVAPD, mov_full, kMov128, kAligned + 16),
    sse(ZYDIS_MNEMONIC_MOVDQA, mov_full, kMov128, kAligned + 16),
    sse(ZYDIS_MNEMONIC_MOVUPS, mov_full, kMov128, 16),
    sse(ZYDIS_MNEMONIC_MOVUPD, mov_full, kMov128, 16),
    sse(ZYDIS_MNEMONIC_MOVDQU, mov_full, kMov128, 16),
    sse(ZYDIS_MNEMONIC_LDDQU, mov_full, kMov128, 16),
    sse(ZYDIS_MNEMONIC_MOVNTPS, mov_full, kMov128, kAligned + 16),
    sse(ZYDIS_MNEMONIC_MOVNTPD, mov_full, kMov128, kAligned + 16),
    sse(ZYDIS_MNEMONIC_MOVNTDQ, mov_full, kMov128, kAligned + 16),
    sse(ZYDIS_MNEMONIC_MOVNTDQA, mov_full, kMov128, kAligned + 16),
    sse(ZYDIS_MNEMONIC_MOVSS, mov_full, {.name = "movss", .vec = low32, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_MOVSD, movsd, {.name = "movsd", .vec = low64, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_MOVD, movd_q, kMov128, 4),
    sse(ZYDIS_MNEMONIC_MOVQ, movd_q, {.name = "movq", .vec = low64_zero}, 8),
    sse(ZYDIS_MNEMONIC_MOVLPS, mov_half, {.name = "movlps", .vec = low64, .reads_dst = true}, 0),
    sse(ZYDIS_MNEMONIC_MOVLPD, mov_half, {.name = "movlps", .vec = low64, .reads_dst = true}, 0),
    sse(ZYDIS_MNEMONIC_MOVHPS, mov_half, {.name = "movhps", .vec = low_to_high, .reads_dst = true}, 1),
    sse(ZYDIS_MNEMONIC_MOVHPD, mov_half, {.name = "movhps", .vec = low_to_high, .reads_dst = true}, 1),
    sse(ZYDIS_MNEMONIC_MOVLHPS, vec_binary, {.name = "movhps", .vec = low_to_high, .reads_dst = true}),
    sse(ZYDIS_MNEMONIC_MOVHLPS, vec_binary, {.name = "movhlps", .vec = high_into_low, .reads_dst = true}),
    sse(ZYDIS_MNEMONIC_MOVDDUP, vec_binary, {.name = "movddup", .vec = both_low}, 8),
    sse(ZYDIS_MNEMONIC_MOVSLDUP, vec_binary, {.name = "movsldup", .vec = even_pairs}),
    sse(ZYDIS_MNEMONIC_MOVSHDUP, vec_binary, {.name = "movshdup", .vec = odd_pairs}),
    sse(ZYDIS_MNEMONIC_MOVMSKPS, mov_mask, {.name = "movmskps", .get = sign_mask<int32_t>}),
    sse(ZYDIS_MNEMONIC_MOVMSKPD, mov_mask, {.name = "movmskpd", .get = sign_mask<int64_t>}),
    sse(ZYDIS_MNEMONIC_PMOVMSKB, mov_mask, {.name = "pmovmskb", .get = sign_mask<int8_t>}),
    sse(ZYDIS_MNEMONIC_PEXTRB, pextr, {.name = "pextrb", .get = get_lane<uint8_t>}),
    sse(ZYDIS_MNEMONIC_PEXTRW, pextr, {.name = "pextrw", .get = get_lane<uint16_t>}),
    sse(ZYDIS_MNEMONIC_PEXTRD, pextr, {.name = "pextrd", .get = get_lane<uint32_t>}),
    sse(ZYDIS_MNEMONIC_PEXTRQ, pextr, {.name = "pextrq", .get = get_lane<uint64_t>}),
    sse(ZYDIS_MNEMONIC_EXTRACTPS, pextr, {.name = "extractps", .get = get_lane<uint32_t>}),
    sse(ZYDIS_MNEMONIC_PINSRB, pinsr, {.name = "pinsrb", .put = put_lane<uint8_t>, .reads_dst = true}, 1),
    sse(ZYDIS_MNEMONIC_PINSRW, pinsr, {.name = "pinsrw", .put = put_lane<uint16_t>, .reads_dst = true}, 2),
    sse(ZYDIS_MNEMONIC_PINSRD, pinsr, {.name = "pinsrd", .put = put_lane<uint32_t>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_PINSRQ, pinsr, {.name = "pinsrq", .put = put_lane<uint64_t>, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_MASKMOVDQU, maskmov, {nullptr}),
};
// clang-format on

}  // namespace

const Helper& kGetLow = kHelpers[0];

std::span<const Helper> move_helpers() { return kHelpers; }

std::span<const Row> sse_move_rows() { return kSseMoveRows; }

}  // namespace deferscope::isa::x86_64
