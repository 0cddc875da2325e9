// AVX: moves, broadcasts, halves inserted and taken out, lanes chosen by a mask, what reads or clears whole registers.
#include <algorithm>

#include "isa/x86_64/vex.h"

namespace deferscope::isa::x86_64 {
namespace {

const Helper* helper(const char* name) { return find_helper(name); }

// ---- moves

constexpr int64_t kAligned = 1;

void load(Builder& b, bool aligned) {
  const Halves d = halves_of(b, 0);
  const Mem m = b.mem(1);
  Uop& u = b.emit(is_256(b) ? Op::LoadVPair : Op::LoadV, 16);
  u.dst = d.low, u.mem = m, u.aligned = aligned;
  if (is_256(b))
    u.dst2 = d.high;
  else
    clear(b, d.high);
}

void store(Builder& b, bool aligned) {
  const Halves s = halves_of(b, 1);
  const Mem m = b.mem(0);
  Uop& u = b.emit(is_256(b) ? Op::StoreVPair : Op::StoreV, 16);
  u.a = s.low, u.mem = m, u.aligned = aligned;
  if (is_256(b)) u.b = s.high;
}

// VMOVAPS, VMOVUPS, …: all of it
void move(Builder& b) {
  const bool aligned = b.row.param == kAligned;
  if (b.is_mem(1)) return load(b, aligned);
  if (b.is_mem(0)) return store(b, aligned);
  const Halves d = halves_of(b, 0), s = halves_of(b, 1);
  copy(b, d.low, s.low);
  is_256(b) ? copy(b, d.high, s.high) : clear(b, d.high);
}

void load_low(Builder& b, unsigned bytes) {
  const Mem m = b.mem(1);
  Uop& u = b.emit(Op::LoadV, bytes);
  u.dst = vector_of(b, 0), u.mem = m;
  clear_upper(b, 0);
}

void store_low(Builder& b, VReg s, unsigned bytes) {
  const Mem m = b.mem(0);
  Uop& u = b.emit(Op::StoreV, bytes);
  u.a = s, u.mem = m;
}

// VMOVSS, VMOVSD: from and to memory; of registers op0 = op1 with the lowest lane of op2. param = bytes
void move_scalar(Builder& b) {
  const auto bytes = static_cast<unsigned>(b.row.param);
  if (b.is_mem(1)) return load_low(b, bytes);
  if (b.is_mem(0)) return store_low(b, vector_of(b, 1), bytes);
  low_half(b);
}

// VMOVLPS, VMOVHPS, …: 8 bytes to memory, or op0 = op1 with 8 bytes of memory as one of its halves
template <bool high>
void move_half(Builder& b) {
  if (!b.is_mem(0)) return low_half(b);
  VReg s = vector_of(b, 1);
  if (high) {
    static const Helper* const take = helper("high_to_low");
    const VReg t = b.vtemp();
    apply(b, take, t, s, s);
    s = t;
  }
  store_low(b, s, 8);
}

// VMOVDDUP: as a load of 128 bits it reads 8 only.
void move_double(Builder& b) { is_256(b) ? each_half(b) : low_half(b); }

// VPINSRB, …: op0 = op1 with op2 as one of its lanes. param = bytes
void insert_lane(Builder& b) {
  Reg s;
  if (b.is_mem(2)) {
    const Mem m = b.mem(2);
    s = b.temp();
    b.load(s, m, static_cast<unsigned>(b.row.param));
  } else {
    s = b.reg(2);
  }
  copy(b, vector_of(b, 0), vector_of(b, 1));
  Uop& u = b.emit(Op::VecPut, 16);
  u.dst = vector_of(b, 0), u.b = s, u.imm = byte_imm(b), u.helper = b.helper;
  clear_upper(b, 0);
}

// VINSERTPS: memory has only one lane.
void insert_float(Builder& b) {
  const bool memory = b.is_mem(2);
  const VReg s = read_halves(b, 2, 4).low;
  apply(b, b.helper, vector_of(b, 0), vector_of(b, 1), s, byte_imm(b) & (memory ? 0x3f : 0xff));
  clear_upper(b, 0);
}

// VMOVMSKPS, VMOVMSKPD, VPMOVMSKB: param = bits that a half gives
void move_mask(Builder& b) {
  const Halves s = halves_of(b, 1);
  const auto get = [&](Reg to, VReg from) {
    Uop& u = b.emit(Op::VecGet, 8);
    u.dst = to, u.a = from, u.helper = b.helper;
  };
  get(b.reg(0), s.low);
  if (!is_256(b)) return;
  const Reg t = b.temp();
  get(t, s.high);
  b.insert(b.reg(0), t, static_cast<unsigned>(b.row.param), static_cast<unsigned>(b.row.param));
}

// ---- broadcasts: param = bytes of the lane
void broadcast(Builder& b) {
  const Halves d = halves_of(b, 0);
  const VReg s = read_halves(b, 1, static_cast<unsigned>(b.row.param)).low;
  apply(b, b.helper, d.low, s, s);
  is_256(b) ? copy(b, d.high, d.low) : clear(b, d.high);
}

void broadcast_half(Builder& b) {
  const Halves d = halves_of(b, 0);
  const Mem m = b.mem(1);
  Uop& u = b.emit(Op::LoadV, 16);
  u.dst = d.low, u.mem = m;
  copy(b, d.high, d.low);
}

// Of a temporary, because a 128-bit operand of these is no half of 256 bits.
VReg read_128(Builder& b, int i) {
  if (!b.is_mem(i)) return vector_of(b, i);
  const Mem m = b.mem(i);
  const VReg t = b.vtemp();
  Uop& u = b.emit(Op::LoadV, 16);
  u.dst = t, u.mem = m;
  return t;
}

// VINSERTF128: op0 = op1 with op2 as the half that the immediate says
void insert_half(Builder& b) {
  const Halves d = halves_of(b, 0), a = halves_of(b, 1);
  const VReg s = read_128(b, 2);
  if (byte_imm(b) & 1) {
    copy(b, d.high, s);
    copy(b, d.low, a.low);
  } else {
    copy(b, d.high, a.high);
    copy(b, d.low, s);
  }
}

void extract_half(Builder& b) {
  const Halves s = halves_of(b, 1);
  const VReg half = byte_imm(b) & 1 ? s.high : s.low;
  if (b.is_mem(0)) return store_low(b, half, 16);
  copy(b, vector_of(b, 0), half);
  clear_upper(b, 0);
}

// VPERM2F128: each half is one of four, or zero.
void choose_halves(Builder& b) {
  const Halves d = halves_of(b, 0), x = halves_of(b, 1), y = read_halves(b, 2);
  const VReg from[4] = {x.low, x.high, y.low, y.high};
  const auto imm = static_cast<unsigned>(byte_imm(b));
  const VReg low = b.vtemp(), high = b.vtemp();
  imm & 8 ? clear(b, low) : copy(b, low, from[imm & 3]);
  imm & 0x80 ? clear(b, high) : copy(b, high, from[imm >> 4 & 3]);
  copy(b, d.low, low);
  copy(b, d.high, high);
}

// ---- lanes by a mask. param = bytes of a lane
void move_masked(Builder& b) {
  const bool load = b.is_mem(2), wide = is_256(b);
  const Mem m = b.mem(load ? 2 : 0);
  Uop& u = b.emit(load ? Op::LoadMasked : Op::StoreMasked, wide ? 32 : 16);
  u.mem = m, u.imm2 = static_cast<uint32_t>(b.row.param), u.b = vector_of(b, 1);
  if (!load) {
    u.a = vector_of(b, 2);
    return;
  }
  u.dst = vector_of(b, 0);
  if (!wide) clear_upper(b, 0);
}

// VPGATHERDD, …: param = bytes of a lane | bytes of an index << 8. The mask ends as zero.
void gather(Builder& b) {
  Mem m = b.mem(1);
  const uint8_t scale = static_cast<uint8_t>(b.op[1].mem.scale);
  m.index = kZero, m.shift = 0;
  const bool wide = is_256(b);
  Uop& u = b.emit(Op::Gather, wide ? 32 : 16);
  u.dst = vector_of(b, 0), u.b = vector_of(b, 2);
  u.a = static_cast<VReg>(b.op[1].mem.index -
                          (b.op[1].mem.index >= ZYDIS_REGISTER_YMM0 ? ZYDIS_REGISTER_YMM0 : ZYDIS_REGISTER_XMM0));
  u.mem = m, u.imm2 = static_cast<uint32_t>(b.row.param), u.imm = scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;
  if (!wide) clear_upper(b, 0);
  clear(b, vector_of(b, 2));
  clear_upper(b, 2);
}

// ---- tests: ZF = no bit in both, CF = none of op1 without op0; of all bits, or of the lanes' signs. What is in both,
// and what is alone, of the two halves together, are compared with nothing.
template <uint64_t mask>
uint32_t test_bits(CpuState&, const Vec& both, const Vec& alone, uint64_t) {
  return ((both.lo | both.hi) & mask ? 0 : flag::ZF) | ((alone.lo | alone.hi) & mask ? 0 : flag::CF);
}

void test(Builder& b) {
  static const Helper *const pand = helper("pand"), *const pandn = helper("pandn"), *const por = helper("por");
  const Halves x = halves_of(b, 0), y = read_halves(b, 1);
  const VReg both = b.vtemp(), alone = b.vtemp();
  apply(b, pand, both, x.low, y.low);
  apply(b, pandn, alone, x.low, y.low);
  if (is_256(b)) {
    const VReg t = b.vtemp();
    apply(b, pand, t, x.high, y.high);
    apply(b, por, both, both, t);
    apply(b, pandn, t, x.high, y.high);
    apply(b, por, alone, alone, t);
  }
  Uop& u = b.emit(Op::FpCompare, 16);
  u.a = both, u.b = alone, u.helper = b.helper;
}

// ---- all registers

void zero_upper(Builder& b) {
  for (VReg v = 0; v < 16; ++v) clear(b, static_cast<VReg>(v + kUpper));
}

Fault clear_all(CpuState& s, const Uop&) {
  std::fill_n(s.v.begin(), 32, Vec{});
  return Fault::None;
}

// VZEROUPPER and VZEROALL
void zero_all(Builder& b) {
  if (!is_256(b)) return zero_upper(b);
  b.emit(Op::Helper, 16).helper = b.helper;
}

// VPCMPESTRM, VPCMPISTRM: XMM0 is the result. param = the legacy mnemonic
void compare_to_mask(Builder& b) {
  const Row& row = *row_of(static_cast<ZydisMnemonic>(b.row.param));
  Builder legacy(b.in, b.op, row, helper(row.helper.name), b.next, b.out);
  row.lift(legacy);
  clear(b, kUpper);
}

template <class T>
void all_lanes(Vec& d, const Vec&, const Vec& b, uint64_t) {
  const T x = b.lane<T>(0);
  for (unsigned i = 0; i < kLanes<T>; ++i) d.set(i, x);
}

constexpr uint64_t kSigns32 = 0x8000000080000000, kSigns64 = 0x8000000000000000;

constexpr Row own(ZydisMnemonic m, void (*lift)(Builder&), int64_t param, Helper h) {
  return Row{m, lift, Op::Nop, FlagRule::None, param, Cond::Always, h};
}

// clang-format off
const Row kVexMoveRows[] = {
#define ROW(MNEMONIC, f, name, param) vex(ZYDIS_MNEMONIC_##MNEMONIC, f, name, param)
    ROW(VMOVAPS, move, nullptr, kAligned), ROW(VMOVAPD, move, nullptr, kAligned), ROW(VMOVDQA, move, nullptr, kAligned),
    ROW(VMOVUPS, move, nullptr, 0), ROW(VMOVUPD, move, nullptr, 0), ROW(VMOVDQU, move, nullptr, 0), ROW(VLDDQU, move, nullptr, 0),
    ROW(VMOVNTPS, move, nullptr, kAligned), ROW(VMOVNTPD, move, nullptr, kAligned), ROW(VMOVNTDQ, move, nullptr, kAligned),
    ROW(VMOVNTDQA, move, nullptr, kAligned),
    ROW(VMOVSS, move_scalar, "movss", 4), ROW(VMOVSD, move_scalar, "movsd", 8),
    ROW(VMOVLPS, move_half<false>, "movlps", 8), ROW(VMOVLPD, move_half<false>, "movlps", 8),
    ROW(VMOVHPS, move_half<true>, "movhps", 8), ROW(VMOVHPD, move_half<true>, "movhps", 8),
    ROW(VMOVLHPS, low_half, "movhps", 0), ROW(VMOVHLPS, low_half, "movhlps", 0), ROW(VMOVDDUP, move_double, "movddup", 8),
    ROW(VPINSRB, insert_lane, "pinsrb", 1), ROW(VPINSRW, insert_lane, "pinsrw", 2),
    ROW(VPINSRD, insert_lane, "pinsrd", 4), ROW(VPINSRQ, insert_lane, "pinsrq", 8), ROW(VINSERTPS, insert_float, "insertps", 0),
    ROW(VMOVMSKPS, move_mask, "movmskps", 4), ROW(VMOVMSKPD, move_mask, "movmskpd", 2), ROW(VPMOVMSKB, move_mask, "pmovmskb", 16),
    own(ZYDIS_MNEMONIC_VPBROADCASTB, broadcast, 1, {.name = "vpbroadcastb", .vec = all_lanes<uint8_t>}),
    own(ZYDIS_MNEMONIC_VPBROADCASTW, broadcast, 2, {.name = "vpbroadcastw", .vec = all_lanes<uint16_t>}),
    own(ZYDIS_MNEMONIC_VPBROADCASTD, broadcast, 4, {.name = "vpbroadcastd", .vec = all_lanes<uint32_t>}),
    own(ZYDIS_MNEMONIC_VPBROADCASTQ, broadcast, 8, {.name = "vpbroadcastq", .vec = all_lanes<uint64_t>}),
    ROW(VBROADCASTSS, broadcast, "vpbroadcastd", 4), ROW(VBROADCASTSD, broadcast, "vpbroadcastq", 8),
    ROW(VBROADCASTF128, broadcast_half, nullptr, 0), ROW(VBROADCASTI128, broadcast_half, nullptr, 0),
    ROW(VINSERTF128, insert_half, nullptr, 0), ROW(VINSERTI128, insert_half, nullptr, 0),
    ROW(VEXTRACTF128, extract_half, nullptr, 0), ROW(VEXTRACTI128, extract_half, nullptr, 0),
    ROW(VPERM2F128, choose_halves, nullptr, 0), ROW(VPERM2I128, choose_halves, nullptr, 0),
    ROW(VMASKMOVPS, move_masked, nullptr, 4), ROW(VMASKMOVPD, move_masked, nullptr, 8),
    ROW(VPMASKMOVD, move_masked, nullptr, 4), ROW(VPMASKMOVQ, move_masked, nullptr, 8),
    ROW(VPGATHERDD, gather, nullptr, 4 | 4 << 8), ROW(VPGATHERDQ, gather, nullptr, 8 | 4 << 8),
    ROW(VPGATHERQD, gather, nullptr, 4 | 8 << 8), ROW(VPGATHERQQ, gather, nullptr, 8 | 8 << 8),
    ROW(VGATHERDPS, gather, nullptr, 4 | 4 << 8), ROW(VGATHERDPD, gather, nullptr, 8 | 4 << 8),
    ROW(VGATHERQPS, gather, nullptr, 4 | 8 << 8), ROW(VGATHERQPD, gather, nullptr, 8 | 8 << 8),
    own(ZYDIS_MNEMONIC_VPTEST, test, 0, {.name = "vptest", .compare = test_bits<~uint64_t{0}>}),
    own(ZYDIS_MNEMONIC_VTESTPS, test, 0, {.name = "vtestps", .compare = test_bits<kSigns32>}),
    own(ZYDIS_MNEMONIC_VTESTPD, test, 0, {.name = "vtestpd", .compare = test_bits<kSigns64>}),
    own(ZYDIS_MNEMONIC_VZEROUPPER, zero_all, 0, {.name = nullptr}),
    own(ZYDIS_MNEMONIC_VZEROALL, zero_all, 0, {.name = "vzeroall", .any = clear_all}),
    ROW(VPCMPESTRM, compare_to_mask, nullptr, ZYDIS_MNEMONIC_PCMPESTRM), ROW(VPCMPISTRM, compare_to_mask, nullptr, ZYDIS_MNEMONIC_PCMPISTRM),
};
// clang-format on

}  // namespace

std::span<const Row> vex_move_rows() { return kVexMoveRows; }

}  // namespace deferscope::isa::x86_64
