// MMX, by the helpers of SSE: a register of 64 bits is the lower half of a vector. MM0…MM7 are the significands of the
// x87's registers; every instruction but EMMS makes the x87's stack full and its top 0.
#include <algorithm>
#include <iterator>

#include "isa/x86_64/vex.h"

namespace deferscope::isa::x86_64 {
namespace {

// How SSE's helper is asked, of a and b
enum class Form : uint8_t {
  Lanes,    // of {a, 0} and {b, 0}: the lower half
  Upper,    // …: what is above, of the helper that interleaves the lower halves
  Joined,   // of {a, b}: the lower half
  Doubled,  // of {a, a} and {b, 0}: the lower half
  Single,   // of {b, 0}, with the immediate
  Shift,    // Lanes, or by the immediate
};
struct MmxRow {
  ZydisMnemonic mnemonic;
  Form form;
  const char* helper = nullptr;  // else the one of the mnemonic's row
};

// clang-format off
#define LANES(NAME) {ZYDIS_MNEMONIC_##NAME, Form::Lanes}
#define JOINED(NAME) {ZYDIS_MNEMONIC_##NAME, Form::Joined}
#define SHIFT(NAME) {ZYDIS_MNEMONIC_##NAME, Form::Shift}
constexpr MmxRow kMmxRows[] = {
    LANES(PADDB), LANES(PADDW), LANES(PADDD), LANES(PADDQ), LANES(PSUBB), LANES(PSUBW), LANES(PSUBD), LANES(PSUBQ),
    LANES(PADDSB), LANES(PADDSW), LANES(PADDUSB), LANES(PADDUSW), LANES(PSUBSB), LANES(PSUBSW), LANES(PSUBUSB), LANES(PSUBUSW),
    LANES(PMULLW), LANES(PMULHW), LANES(PMULHUW), LANES(PMULHRSW), LANES(PMULUDQ), LANES(PMADDWD), LANES(PMADDUBSW), LANES(PSADBW),
    LANES(PAVGB), LANES(PAVGW), LANES(PABSB), LANES(PABSW), LANES(PABSD), LANES(PSIGNB), LANES(PSIGNW), LANES(PSIGND),
    LANES(PCMPEQB), LANES(PCMPEQW), LANES(PCMPEQD), LANES(PCMPGTB), LANES(PCMPGTW), LANES(PCMPGTD),
    LANES(PMINUB), LANES(PMINSW), LANES(PMAXUB), LANES(PMAXSW), LANES(PAND), LANES(PANDN), LANES(POR), LANES(PXOR),
    LANES(PUNPCKLBW), LANES(PUNPCKLWD), LANES(PUNPCKLDQ),
    {ZYDIS_MNEMONIC_PUNPCKHBW, Form::Upper, "punpcklbw"}, {ZYDIS_MNEMONIC_PUNPCKHWD, Form::Upper, "punpcklwd"},
    {ZYDIS_MNEMONIC_PUNPCKHDQ, Form::Upper, "punpckldq"},
    JOINED(PACKSSWB), JOINED(PACKSSDW), JOINED(PACKUSWB), JOINED(PHADDW), JOINED(PHADDD), JOINED(PHADDSW),
    JOINED(PHSUBW), JOINED(PHSUBD), JOINED(PHSUBSW), {ZYDIS_MNEMONIC_PSHUFB, Form::Doubled},
    {ZYDIS_MNEMONIC_PSHUFW, Form::Single, "pshuflw"},
    SHIFT(PSLLW), SHIFT(PSLLD), SHIFT(PSLLQ), SHIFT(PSRLW), SHIFT(PSRLD), SHIFT(PSRLQ), SHIFT(PSRAW), SHIFT(PSRAD),
};
// clang-format on

void enter(X87& f) {
  f.set_top(0);
  f.full = 0xff;
}
Fault read(CpuState& s, const Uop& u) {
  enter(s.x87);
  s.v[u.dst] = Vec{s.x87.significand[static_cast<size_t>(u.imm)], 0};
  return Fault::None;
}
Fault write(CpuState& s, const Uop& u) {
  enter(s.x87);
  s.x87.significand[static_cast<size_t>(u.imm)] = s.v[u.a].lo;
  s.x87.exponent[static_cast<size_t>(u.imm)] = 0xffff;
  return Fault::None;
}
constexpr Helper kRead = {.name = "mmx.read", .any = read}, kWrite = {.name = "mmx.write", .any = write};

bool is_mm(const Builder& b, int i) {
  return b.is_reg(i) && b.op[i].reg.value >= ZYDIS_REGISTER_MM0 && b.op[i].reg.value <= ZYDIS_REGISTER_MM7;
}
int64_t number(const Builder& b, int i) { return b.op[i].reg.value - ZYDIS_REGISTER_MM0; }

VReg get(Builder& b, int i) {
  const VReg t = b.vtemp();
  Uop& u = b.emit(Op::Helper, 8);
  u.dst = t, u.imm = number(b, i), u.helper = &kRead;
  return t;
}
void put(Builder& b, int i, VReg from) {
  Uop& u = b.emit(Op::Helper, 8);
  u.a = from, u.imm = number(b, i), u.helper = &kWrite;
}
// Operand i, its `bytes` if it is memory
VReg source(Builder& b, int i, unsigned bytes = 8) {
  if (is_mm(b, i)) return get(b, i);
  const Mem m = b.mem(i);
  const VReg t = b.vtemp();
  Uop& u = b.emit(Op::LoadV, bytes);
  u.dst = t, u.mem = m;
  return t;
}

void join(Builder& b, VReg low, VReg high) {
  static const Helper* const f = find_helper("punpcklqdq");
  apply(b, f, low, low, high);
}

// The index in shift_helpers() stands in the row of SSE.
void shift_by_imm(Builder& b, const Row& sse) {
  const VReg a = get(b, 0);
  apply(b, &shift_helpers()[static_cast<size_t>(sse.param)], a, a, a, byte_imm(b));
  put(b, 0, a);
}

void lanes(Builder& b, const MmxRow& row) {
  static const Helper* const upper = find_helper("high_to_low");
  const Row& sse = row.helper ? b.row : *row_of(row.mnemonic);
  const Helper* const f = find_helper(row.helper ? row.helper : sse.helper.name);
  if (row.form == Form::Shift && b.is_imm(1)) return shift_by_imm(b, sse);
  // A load of 4 bytes does for what takes the lower halves.
  const bool half = row.form == Form::Lanes && b.is_mem(1) && b.width(1) == 4;
  const VReg c = source(b, 1, half ? 4 : 8), a = get(b, 0);
  if (row.form == Form::Joined) join(b, a, c);
  if (row.form == Form::Doubled) join(b, a, a);
  apply(b, f, a, row.form == Form::Single ? c : a, row.form == Form::Joined ? a : c, byte_imm(b));
  if (row.form == Form::Upper) apply(b, upper, a, a, a);
  put(b, 0, a);
}

// ---- moves

void store(Builder& b, VReg from, unsigned bytes) {
  const Mem m = b.mem(0);
  Uop& u = b.emit(Op::StoreV, bytes);
  u.a = from, u.mem = m;
}

// MOVD, MOVQ, MOVNTQ; with MOVQ of general registers
void move(Builder& b, unsigned bytes) {
  static const Helper *const put32 = find_helper("put32"), *const put64 = find_helper("put64");
  if (is_mm(b, 0) && !is_mm(b, 1) && !b.is_mem(1)) {
    const VReg t = b.vtemp();
    Uop& u = b.emit(Op::VecPut, bytes);
    u.dst = t, u.b = b.reg(1), u.helper = bytes == 8 ? put64 : put32;
    return put(b, 0, t);
  }
  if (is_mm(b, 0)) return put(b, 0, source(b, 1, bytes));
  if (b.is_mem(0)) {
    b.emit(Op::StoreCheck, bytes).mem = b.mem(0);
    return store(b, get(b, 1), bytes);
  }
  const VReg t = get(b, 1);
  Uop& u = b.emit(Op::VecGet, bytes);
  u.dst = b.reg(0), u.a = t, u.helper = &kGetLow;
}

// MOVQ2DQ, MOVDQ2Q
void between(Builder& b) {
  static const Helper* const movq = find_helper("movq");
  if (!is_mm(b, 0)) return apply(b, movq, b.xmm(0), b.xmm(0), get(b, 1));
  put(b, 0, b.xmm(1));
}

void mask(Builder& b) {
  static const Helper* const pmovmskb = find_helper("pmovmskb");
  const VReg t = get(b, 1);
  Uop& u = b.emit(Op::VecGet, 8);
  u.dst = b.reg(0), u.a = t, u.helper = pmovmskb;
}

void extract(Builder& b) {
  static const Helper* const pextrw = find_helper("pextrw");
  const VReg t = get(b, 1);
  Uop& u = b.emit(Op::VecGet, 8);
  u.dst = b.reg(0), u.a = t, u.imm = byte_imm(b) & 3, u.helper = pextrw;
}

void insert(Builder& b) {
  static const Helper* const pinsrw = find_helper("pinsrw");
  Reg s = b.is_mem(1) ? b.temp() : b.reg(1);
  if (b.is_mem(1)) b.load(s, b.mem(1), 2);
  const VReg t = get(b, 0);
  Uop& u = b.emit(Op::VecPut, 16);
  u.dst = t, u.b = s, u.imm = byte_imm(b) & 3, u.helper = pinsrw;
  put(b, 0, t);
}

// PALIGNR: eight bytes of {b, a}
void align(Builder& b) {
  static const Helper* const right = find_helper("psrldq");
  const VReg c = source(b, 1), a = get(b, 0);
  join(b, c, a);
  apply(b, right, a, c, c, byte_imm(b));
  put(b, 0, a);
}

// MASKMOVQ: as MASKMOVDQU, of 8 bytes
void masked_move(Builder& b) {
  static const Helper* const blend = find_helper("mask_blend");
  const Mem m = b.implicit_mem(kRdi);
  b.emit(Op::StoreCheck, 8).mem = m;
  const VReg from = get(b, 0), mask = get(b, 1), t = b.vtemp();
  Uop& load = b.emit(Op::LoadV, 8);
  load.dst = t, load.mem = m;
  Uop& u = b.emit(Op::VecOp, 16);
  u.dst = t, u.a = from, u.b = mask, u.helper = blend;
  Uop& to = b.emit(Op::StoreV, 8);
  to.a = t, to.mem = m;
}

// ---- conversions: MXCSR's exceptions and rounding, of two lanes; the lanes above are zeros, which raise nothing.

Uop& convert(Builder& b, const char* helper, VReg d, VReg from) {
  Uop& u = b.emit(Op::VecFp, 16);
  u.dst = u.a = d, u.b = from, u.helper = find_helper(helper);
  return u;
}
// CVTPI2PS keeps the upper half. From memory AMD's processors leave the x87's stack as it is.
void from_integers(Builder& b, const char* helper, bool whole) {
  static const Helper* const low = find_helper("movlps");
  const VReg from = source(b, 1), t = whole ? b.xmm(0) : b.vtemp();
  convert(b, helper, t, from);
  if (!whole) apply(b, low, b.xmm(0), b.xmm(0), t);
}
void to_integers(Builder& b, const char* helper, unsigned bytes) {
  static const Helper* const movq = find_helper("movq");
  VReg from = b.source_v(1, bytes);
  const VReg t = b.vtemp();
  if (bytes == 8 && !b.is_mem(1)) apply(b, movq, t, t, from), from = t;
  convert(b, helper, t, from);
  put(b, 0, t);
}

}  // namespace

void lift_mmx(Builder& b) {
  switch (b.in.mnemonic) {
    case ZYDIS_MNEMONIC_PALIGNR: return align(b);
    case ZYDIS_MNEMONIC_MASKMOVQ: return masked_move(b);
    case ZYDIS_MNEMONIC_CVTPI2PS: return from_integers(b, "cvtdq2ps", false);
    case ZYDIS_MNEMONIC_CVTPI2PD: return from_integers(b, "cvtdq2pd", true);
    case ZYDIS_MNEMONIC_CVTPS2PI: return to_integers(b, "cvtps2dq", 8);
    case ZYDIS_MNEMONIC_CVTTPS2PI: return to_integers(b, "cvttps2dq", 8);
    case ZYDIS_MNEMONIC_CVTPD2PI: return to_integers(b, "cvtpd2dq", 16);
    case ZYDIS_MNEMONIC_CVTTPD2PI: return to_integers(b, "cvttpd2dq", 16);
    case ZYDIS_MNEMONIC_MOVD: return move(b, 4);
    case ZYDIS_MNEMONIC_MOVQ:
    case ZYDIS_MNEMONIC_MOVNTQ: return move(b, 8);
    case ZYDIS_MNEMONIC_MOVQ2DQ:
    case ZYDIS_MNEMONIC_MOVDQ2Q: return between(b);
    case ZYDIS_MNEMONIC_PMOVMSKB: return mask(b);
    case ZYDIS_MNEMONIC_PEXTRW: return extract(b);
    case ZYDIS_MNEMONIC_PINSRW: return insert(b);
    default: break;
  }
  const auto row = std::find_if(std::begin(kMmxRows), std::end(kMmxRows),
                                [&](const MmxRow& r) { return r.mnemonic == b.in.mnemonic; });
  if (row == std::end(kMmxRows)) return b.fail(Fault::Unimplemented);
  lanes(b, *row);
}

}  // namespace deferscope::isa::x86_64
