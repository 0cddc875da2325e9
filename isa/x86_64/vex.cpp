// AVX and AVX2: what SSE's instructions do, with three operands, on one half or both.
#include "isa/x86_64/vex.h"

#include "isa/x86_64/sse_fp.h"

namespace deferscope::isa::x86_64 {

VReg vector_of(const Builder& b, int i) {
  const ZydisRegister r = b.op[i].reg.value;
  return static_cast<VReg>(r - (r >= ZYDIS_REGISTER_YMM0 ? ZYDIS_REGISTER_YMM0 : ZYDIS_REGISTER_XMM0));
}

Halves halves_of(const Builder& b, int i) {
  const VReg v = vector_of(b, i);
  return {v, static_cast<VReg>(v + kUpper)};
}

Halves read_halves(Builder& b, int i, unsigned bytes) {
  if (!b.is_mem(i)) return halves_of(b, i);
  const Mem m = b.mem(i);
  const bool pair = is_256(b) && bytes == 16;
  const Halves t{b.vtemp(), pair ? b.vtemp() : VReg{}};
  Uop& u = b.emit(pair ? Op::LoadVPair : Op::LoadV, bytes);
  u.dst = t.low, u.mem = m;
  if (pair) u.dst2 = t.high;
  return t;
}

int64_t byte_imm(const Builder& b) {
  const int last = b.in.operand_count_visible - 1;
  return b.is_imm(last) ? b.imm(last) & 0xff : 0;
}

void copy(Builder& b, VReg to, VReg from) {
  static const Helper* const mov = find_helper("mov128");
  if (to == from) return;
  Uop& u = b.emit(Op::VecOp, 16);
  u.dst = u.a = to, u.b = from, u.helper = mov;
}

void clear(Builder& b, VReg v) {
  static const Helper* const pxor = find_helper("pxor");
  Uop& u = b.emit(Op::VecOp, 16);
  u.dst = u.a = u.b = v, u.helper = pxor;
}

void apply(Builder& b, const Helper* helper, VReg d, VReg a, VReg c, int64_t imm) {
  if (helper->reads_dst && a != d) {
    if (c == d) {
      const VReg t = b.vtemp();
      copy(b, t, c);
      c = t;
    }
    copy(b, d, a);
    a = d;
  }
  Uop& u = b.emit(helper->vec ? Op::VecOp : Op::VecFp, 16);
  u.dst = d, u.a = a, u.b = c, u.imm = imm, u.helper = helper;
}

namespace {

// The last vector operand: op2 of three, op1 of two
int last_vector(const Builder& b) {
  const int n = b.in.operand_count_visible;
  return b.is_imm(n - 1) ? n - 2 : n - 1;
}

}  // namespace

void each_half(Builder& b) {
  const Halves d = halves_of(b, 0), c = read_halves(b, last_vector(b));
  const Halves a = last_vector(b) == 1 ? c : halves_of(b, 1);
  const int64_t imm = byte_imm(b);
  apply(b, b.helper, d.low, a.low, c.low, imm);
  if (is_256(b))
    apply(b, b.helper, d.high, a.high, c.high, imm >> b.row.param);
  else
    clear_upper(b, 0);
}

void low_half(Builder& b) {
  const auto bytes = static_cast<unsigned>(b.row.param ? b.row.param : 16);
  const bool scalar = bytes < 16;
  if (is_256(b) && !scalar) return b.fail(Fault::Undefined);
  const int last = last_vector(b);
  VReg c = vector_of(b, last);
  if (b.is_mem(last)) {
    const Mem m = b.mem(last);
    c = b.vtemp();
    Uop& u = b.emit(Op::LoadV, bytes);
    u.dst = c, u.mem = m;
  }
  apply(b, b.helper, vector_of(b, 0), last == 1 ? c : vector_of(b, 1), c, byte_imm(b));
  clear_upper(b, 0);
}

namespace {

// As the legacy instruction param does it; a vector destination's upper half is cleared.
void as_legacy(Builder& b) {
  const Row& row = *row_of(static_cast<ZydisMnemonic>(b.row.param));
  Builder legacy(b.in, b.op, row, row.helper.name ? find_helper(row.helper.name) : nullptr, b.next, b.out);
  row.lift(legacy);
  if (b.is_xmm(0) && b.row.helper.name) clear_upper(b, 0);
}
constexpr const char *kToVector = "mov128", *kToOthers = nullptr;

// ---- conversions between elements of two sizes

// op0 = helper(op1), twice as wide: row.param bytes of the operand make a half.
void widening(Builder& b) {
  const auto bytes = static_cast<unsigned>(b.row.param);
  const Halves d = halves_of(b, 0);
  VReg low = vector_of(b, 1), high = 0;
  const auto part = [&](Mem m, unsigned at) {
    const VReg t = b.vtemp();
    Uop& u = b.emit(Op::LoadV, bytes);
    u.dst = t, u.mem = m, u.mem.disp += at;
    return t;
  };
  if (b.is_mem(1)) {
    const Mem m = b.mem(1);
    low = part(m, 0);
    if (is_256(b)) high = part(m, bytes);
  } else if (is_256(b)) {
    static const Helper* const shift = find_helper("psrldq");
    high = b.vtemp();
    apply(b, shift, high, low, low, bytes);
  }
  apply(b, b.helper, d.low, low, low);
  if (is_256(b))
    apply(b, b.helper, d.high, high, high);
  else
    clear_upper(b, 0);
}

// op0 = helper(op1), half as wide: a half gives 64 bits.
void narrowing(Builder& b) {
  const VReg d = vector_of(b, 0);
  const Halves s = read_halves(b, 1);
  if (is_256(b)) {
    static const Helper* const join = find_helper("punpcklqdq");
    const VReg low = b.vtemp(), high = b.vtemp();
    apply(b, b.helper, low, s.low, s.low);
    apply(b, b.helper, high, s.high, s.high);
    apply(b, join, d, low, high);
  } else {
    apply(b, b.helper, d, s.low, s.low);
  }
  clear_upper(b, 0);
}

// VCVTSI2SD, VCVTSI2SS: param = bytes of the result
void from_general(Builder& b) {
  const Source s = b.source(2);
  const bool wide = b.width(2) == 8;
  static const Helper* const kinds[] = {find_helper("cvtsi2ss32"), find_helper("cvtsi2sd32"), find_helper("cvtsi2ss64"),
                                        find_helper("cvtsi2sd64")};
  copy(b, vector_of(b, 0), vector_of(b, 1));
  Uop& u = b.emit(Op::VecPut, wide ? 8 : 4);
  u.dst = vector_of(b, 0), u.b = s.reg, u.helper = kinds[(wide ? 2 : 0) + (b.row.param == 8 ? 1 : 0)];
  clear_upper(b, 0);
}

// ---- F16C
float from_half(uint16_t h) {
  const uint32_t sign = uint32_t{h} >> 15 << 31, exponent = h >> 10 & 31, fraction = h & 0x3ffu;
  if (exponent == 31) {
    const bool nan = fraction != 0;
    if (nan && !(fraction & 0x200)) raise_invalid();
    return value<float>(sign | 0x7f800000 | fraction << 13 | (nan ? kQuiet<float> : 0));
  }
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                        : value<float>((exponent + 112) << 23 | fraction << 13);
  return value<float>(sign | bits(magnitude));
}
void ph2ps(CpuState&, Vec& d, const Vec&, const Vec& b, uint64_t) {
  Vec r;
  for (unsigned i = 0; i < 4; ++i) r.set(i, from_half(b.lane<uint16_t>(i)));
  d = r;
}

// The magnitude m·2^-shift rounded to an integer
uint32_t round_shifted(uint64_t m, unsigned shift, Rounding mode, bool negative) {
  if (shift > 40) shift = 40;
  const uint64_t whole = m >> shift, rest = m & ((uint64_t{1} << shift) - 1), half = uint64_t{1} << shift >> 1;
  bool up = false;
  switch (mode) {
    case Rounding::Nearest: up = rest > half || (rest == half && rest != 0 && (whole & 1)); break;
    case Rounding::Down: up = negative && rest != 0; break;
    case Rounding::Up: up = !negative && rest != 0; break;
    case Rounding::Zero: break;
  }
  return static_cast<uint32_t>(whole + (up ? 1 : 0));
}

void raise_overflow() {  // and inexact
  volatile double huge = 1e300;
  [[maybe_unused]] volatile double r = huge * huge;
}

uint16_t to_half(uint32_t mxcsr, float x, Rounding mode) {
  x = operand(mxcsr, x);
  const uint32_t b = bits(x), magnitude = b & 0x7fffffff;
  const bool negative = b >> 31;
  const auto sign = static_cast<uint16_t>(b >> 16 & 0x8000);
  if (magnitude > 0x7f800000) {
    if (is_signalling(x)) raise_invalid();
    return static_cast<uint16_t>(sign | 0x7e00 | (b >> 13 & 0x1ff));
  }
  if (magnitude == 0x7f800000) return sign | 0x7c00;
  if (magnitude == 0) return sign;
  const int exponent = static_cast<int>(magnitude >> 23) - 127;
  const uint64_t m = (magnitude & 0x7fffff) | (magnitude >> 23 ? 0x800000u : 0u);
  const bool tiny = exponent < -14;
  const unsigned shift = tiny ? static_cast<unsigned>(13 + (-14 - (magnitude >> 23 ? exponent : -126))) : 13;
  const uint32_t r = round_shifted(m, shift, mode, negative);  // with the implicit bit, if there is one
  const bool exact = shift < 40 && uint64_t{r} << shift == m;
  const uint32_t result = tiny ? r : static_cast<uint32_t>(exponent + 14) * 1024 + r;
  if (result >= 0x7c00) {
    raise_overflow();
    const bool infinite = mode == Rounding::Nearest || mode == (negative ? Rounding::Down : Rounding::Up);
    return static_cast<uint16_t>(sign | (infinite ? 0x7c00 : 0x7bff));
  }
  if (!exact) {
    // Tiny is what would be so with an unbounded exponent.
    const bool was_tiny = tiny && (exponent < -15 || round_shifted(m, 13, mode, negative) < 0x800 || result < 0x400);
    was_tiny ? raise_underflow() : raise_inexact();
  }
  return static_cast<uint16_t>(sign | result);
}
void ps2ph(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t imm) {
  Vec r;
  const Rounding mode = imm & 4 ? rounding_of(s.mxcsr) : static_cast<Rounding>(imm & 3);
  for (unsigned i = 0; i < 4; ++i) r.set(i, to_half(s.mxcsr, b.lane<float>(i), mode));
  d = r;
}

// VCVTPS2PH: op0 (a vector, or memory) = op1 by the immediate
void to_halves(Builder& b) {
  static const Helper* const join = find_helper("punpcklqdq");
  const Halves s = halves_of(b, 1);
  const bool memory = b.is_mem(0), wide = is_256(b);
  const Mem m = memory ? b.mem(0) : Mem{};
  const VReg low = b.vtemp(), high = b.vtemp();
  if (memory) b.emit(Op::StoreCheck, wide ? 16 : 8).mem = m;  // a fault comes before the flags of rounding
  apply(b, b.helper, low, s.low, s.low, byte_imm(b));
  if (wide) {
    apply(b, b.helper, high, s.high, s.high, byte_imm(b));
    apply(b, join, low, low, high);
  }
  if (memory) {
    Uop& u = b.emit(Op::StoreV, wide ? 16 : 8);
    u.a = low, u.mem = m;
    return;
  }
  copy(b, vector_of(b, 0), low);
  clear_upper(b, 0);
}

constexpr int64_t legacy(ZydisMnemonic m) { return m; }

// clang-format off
const Row kVexRows[] = {
#define EACH(MNEMONIC, helper) vex(ZYDIS_MNEMONIC_##MNEMONIC, each_half, helper)
    // integers
    EACH(VPADDB, "paddb"), EACH(VPADDW, "paddw"), EACH(VPADDD, "paddd"), EACH(VPADDQ, "paddq"),
    EACH(VPSUBB, "psubb"), EACH(VPSUBW, "psubw"), EACH(VPSUBD, "psubd"), EACH(VPSUBQ, "psubq"),
    EACH(VPADDSB, "paddsb"), EACH(VPADDSW, "paddsw"), EACH(VPADDUSB, "paddusb"), EACH(VPADDUSW, "paddusw"),
    EACH(VPSUBSB, "psubsb"), EACH(VPSUBSW, "psubsw"), EACH(VPSUBUSB, "psubusb"), EACH(VPSUBUSW, "psubusw"),
    EACH(VPMULLW, "pmullw"), EACH(VPMULLD, "pmulld"), EACH(VPMULHW, "pmulhw"), EACH(VPMULHUW, "pmulhuw"),
    EACH(VPMULHRSW, "pmulhrsw"), EACH(VPMULUDQ, "pmuludq"), EACH(VPMULDQ, "pmuldq"),
    EACH(VPMADDWD, "pmaddwd"), EACH(VPMADDUBSW, "pmaddubsw"), EACH(VPSADBW, "psadbw"),
    EACH(VPAVGB, "pavgb"), EACH(VPAVGW, "pavgw"), EACH(VPABSB, "pabsb"), EACH(VPABSW, "pabsw"), EACH(VPABSD, "pabsd"),
    EACH(VPSIGNB, "psignb"), EACH(VPSIGNW, "psignw"), EACH(VPSIGND, "psignd"),
    EACH(VPCMPEQB, "pcmpeqb"), EACH(VPCMPEQW, "pcmpeqw"), EACH(VPCMPEQD, "pcmpeqd"), EACH(VPCMPEQQ, "pcmpeqq"),
    EACH(VPCMPGTB, "pcmpgtb"), EACH(VPCMPGTW, "pcmpgtw"), EACH(VPCMPGTD, "pcmpgtd"), EACH(VPCMPGTQ, "pcmpgtq"),
    EACH(VPMINUB, "pminub"), EACH(VPMINUW, "pminuw"), EACH(VPMINUD, "pminud"),
    EACH(VPMINSB, "pminsb"), EACH(VPMINSW, "pminsw"), EACH(VPMINSD, "pminsd"),
    EACH(VPMAXUB, "pmaxub"), EACH(VPMAXUW, "pmaxuw"), EACH(VPMAXUD, "pmaxud"),
    EACH(VPMAXSB, "pmaxsb"), EACH(VPMAXSW, "pmaxsw"), EACH(VPMAXSD, "pmaxsd"),
    EACH(VPAND, "pand"), EACH(VPANDN, "pandn"), EACH(VPOR, "por"), EACH(VPXOR, "pxor"),
    EACH(VANDPS, "pand"), EACH(VANDPD, "pand"), EACH(VANDNPS, "pandn"), EACH(VANDNPD, "pandn"),
    EACH(VORPS, "por"), EACH(VORPD, "por"), EACH(VXORPS, "pxor"), EACH(VXORPD, "pxor"),
    EACH(VPHADDW, "phaddw"), EACH(VPHADDD, "phaddd"), EACH(VPHADDSW, "phaddsw"),
    EACH(VPHSUBW, "phsubw"), EACH(VPHSUBD, "phsubd"), EACH(VPHSUBSW, "phsubsw"),
    vex(ZYDIS_MNEMONIC_VMPSADBW, each_half, "mpsadbw", 3),
    vex(ZYDIS_MNEMONIC_VPHMINPOSUW, low_half, "phminposuw"),
    // shuffles
    EACH(VPSHUFB, "pshufb"), EACH(VPSHUFD, "pshufd"), EACH(VPSHUFLW, "pshuflw"), EACH(VPSHUFHW, "pshufhw"),
    EACH(VSHUFPS, "shufps"), EACH(VPALIGNR, "palignr"), EACH(VPBLENDW, "pblendw"),
    EACH(VPUNPCKLBW, "punpcklbw"), EACH(VPUNPCKLWD, "punpcklwd"), EACH(VPUNPCKLDQ, "punpckldq"), EACH(VPUNPCKLQDQ, "punpcklqdq"),
    EACH(VPUNPCKHBW, "punpckhbw"), EACH(VPUNPCKHWD, "punpckhwd"), EACH(VPUNPCKHDQ, "punpckhdq"), EACH(VPUNPCKHQDQ, "punpckhqdq"),
    EACH(VUNPCKLPS, "punpckldq"), EACH(VUNPCKLPD, "punpcklqdq"), EACH(VUNPCKHPS, "punpckhdq"), EACH(VUNPCKHPD, "punpckhqdq"),
    EACH(VPACKSSWB, "packsswb"), EACH(VPACKSSDW, "packssdw"), EACH(VPACKUSWB, "packuswb"), EACH(VPACKUSDW, "packusdw"),
    EACH(VMOVSLDUP, "movsldup"), EACH(VMOVSHDUP, "movshdup"),
    vex(ZYDIS_MNEMONIC_VSHUFPD, each_half, "shufpd", 2),
    vex(ZYDIS_MNEMONIC_VBLENDPS, each_half, "blendps", 4),
    vex(ZYDIS_MNEMONIC_VBLENDPD, each_half, "blendpd", 2),
    vex(ZYDIS_MNEMONIC_VPBLENDD, each_half, "blendps", 4),
    vex(ZYDIS_MNEMONIC_VPMOVSXBW, widening, "pmovsxbw", 8), vex(ZYDIS_MNEMONIC_VPMOVSXBD, widening, "pmovsxbd", 4),
    vex(ZYDIS_MNEMONIC_VPMOVSXBQ, widening, "pmovsxbq", 2), vex(ZYDIS_MNEMONIC_VPMOVSXWD, widening, "pmovsxwd", 8),
    vex(ZYDIS_MNEMONIC_VPMOVSXWQ, widening, "pmovsxwq", 4), vex(ZYDIS_MNEMONIC_VPMOVSXDQ, widening, "pmovsxdq", 8),
    vex(ZYDIS_MNEMONIC_VPMOVZXBW, widening, "pmovzxbw", 8), vex(ZYDIS_MNEMONIC_VPMOVZXBD, widening, "pmovzxbd", 4),
    vex(ZYDIS_MNEMONIC_VPMOVZXBQ, widening, "pmovzxbq", 2), vex(ZYDIS_MNEMONIC_VPMOVZXWD, widening, "pmovzxwd", 8),
    vex(ZYDIS_MNEMONIC_VPMOVZXWQ, widening, "pmovzxwq", 4), vex(ZYDIS_MNEMONIC_VPMOVZXDQ, widening, "pmovzxdq", 8),
    // floating point
#define PACKED(V, name) EACH(V##PS, name "ps"), EACH(V##PD, name "pd")
#define SCALAR(V, name) vex(ZYDIS_MNEMONIC_##V##SS, low_half, name "ss", 4), vex(ZYDIS_MNEMONIC_##V##SD, low_half, name "sd", 8)
    PACKED(VADD, "add"), PACKED(VSUB, "sub"), PACKED(VMUL, "mul"), PACKED(VDIV, "div"), PACKED(VMIN, "min"), PACKED(VMAX, "max"),
    PACKED(VSQRT, "sqrt"), PACKED(VROUND, "round"), PACKED(VADDSUB, "addsub"), PACKED(VHADD, "hadd"), PACKED(VHSUB, "hsub"),
    SCALAR(VADD, "add"), SCALAR(VSUB, "sub"), SCALAR(VMUL, "mul"), SCALAR(VDIV, "div"), SCALAR(VMIN, "min"), SCALAR(VMAX, "max"),
    SCALAR(VSQRT, "sqrt"), SCALAR(VROUND, "round"),
    EACH(VRCPPS, "rcpps"), EACH(VRSQRTPS, "rsqrtps"), EACH(VDPPS, "dpps"), EACH(VDPPD, "dppd"),
    vex(ZYDIS_MNEMONIC_VRCPSS, low_half, "rcpss", 4), vex(ZYDIS_MNEMONIC_VRSQRTSS, low_half, "rsqrtss", 4),
    vex(ZYDIS_MNEMONIC_VCMPPS, each_half, "cmpps"), vex(ZYDIS_MNEMONIC_VCMPPD, each_half, "cmppd"),
    vex(ZYDIS_MNEMONIC_VCMPSS, low_half, "cmpss", 4), vex(ZYDIS_MNEMONIC_VCMPSD, low_half, "cmpsd", 8),
    // conversions
    EACH(VCVTDQ2PS, "cvtdq2ps"), EACH(VCVTPS2DQ, "cvtps2dq"), EACH(VCVTTPS2DQ, "cvttps2dq"),
    vex(ZYDIS_MNEMONIC_VCVTSD2SS, low_half, "cvtsd2ss", 8), vex(ZYDIS_MNEMONIC_VCVTSS2SD, low_half, "cvtss2sd", 4),
    vex(ZYDIS_MNEMONIC_VCVTPS2PD, widening, "cvtps2pd", 8), vex(ZYDIS_MNEMONIC_VCVTDQ2PD, widening, "cvtdq2pd", 8),
    vex(ZYDIS_MNEMONIC_VCVTPD2PS, narrowing, "cvtpd2ps"), vex(ZYDIS_MNEMONIC_VCVTPD2DQ, narrowing, "cvtpd2dq"),
    vex(ZYDIS_MNEMONIC_VCVTTPD2DQ, narrowing, "cvttpd2dq"),
    Row{ZYDIS_MNEMONIC_VCVTPH2PS, widening, Op::Nop, kKeep, 8, Cond::Always, {.name = "vcvtph2ps", .fp = ph2ps}},
    Row{ZYDIS_MNEMONIC_VCVTPS2PH, to_halves, Op::Nop, kKeep, 0, Cond::Always, {.name = "vcvtps2ph", .fp = ps2ph}},
    Row{ZYDIS_MNEMONIC_VCVTSI2SS, from_general, Op::Nop, kKeep, 4}, Row{ZYDIS_MNEMONIC_VCVTSI2SD, from_general, Op::Nop, kKeep, 8},
    // as they are
#define LIKE(MNEMONIC, to) vex(ZYDIS_MNEMONIC_V##MNEMONIC, as_legacy, to, legacy(ZYDIS_MNEMONIC_##MNEMONIC))
    LIKE(COMISS, kToOthers), LIKE(COMISD, kToOthers), LIKE(UCOMISS, kToOthers), LIKE(UCOMISD, kToOthers),
    LIKE(CVTTSS2SI, kToOthers), LIKE(CVTTSD2SI, kToOthers), LIKE(CVTSS2SI, kToOthers), LIKE(CVTSD2SI, kToOthers),
    LIKE(PCMPESTRI, kToOthers), LIKE(PCMPISTRI, kToOthers), LIKE(MASKMOVDQU, kToOthers),
    LIKE(PEXTRB, kToOthers), LIKE(PEXTRW, kToOthers), LIKE(PEXTRD, kToOthers), LIKE(PEXTRQ, kToOthers), LIKE(EXTRACTPS, kToOthers),
    LIKE(LDMXCSR, kToOthers), LIKE(STMXCSR, kToOthers), LIKE(MOVD, kToVector), LIKE(MOVQ, kToVector),
    // AES and PCLMULQDQ
    vex(ZYDIS_MNEMONIC_VAESENC, low_half, "aesenc"), vex(ZYDIS_MNEMONIC_VAESENCLAST, low_half, "aesenclast"),
    vex(ZYDIS_MNEMONIC_VAESDEC, low_half, "aesdec"), vex(ZYDIS_MNEMONIC_VAESDECLAST, low_half, "aesdeclast"),
    vex(ZYDIS_MNEMONIC_VAESIMC, low_half, "aesimc"), vex(ZYDIS_MNEMONIC_VAESKEYGENASSIST, low_half, "aeskeygenassist"),
    vex(ZYDIS_MNEMONIC_VPCLMULQDQ, low_half, "pclmulqdq"),
};
// clang-format on

}  // namespace

std::span<const Row> vex_rows() { return kVexRows; }

}  // namespace deferscope::isa::x86_64
