// Conversions between integers, floats and doubles.
#include "isa/x86_64/sse_fp.h"

namespace deferscope::isa::x86_64 {
namespace {

// ---- between formats
float narrow(uint32_t mxcsr, double x) {
  x = operand(mxcsr, x);
  if (!is_nan(x)) return delivered(mxcsr, static_cast<float>(x));
  if (is_signalling(x)) raise_invalid();
  const uint64_t b = bits(x);
  return value<float>(static_cast<uint32_t>(b >> 32 & 0x80000000) | static_cast<uint32_t>(b >> 29 & 0x3fffff) |
                      0x7fc00000);
}

double widen(uint32_t mxcsr, float x) {
  x = operand(mxcsr, x);
  if (!is_nan(x)) return x;
  if (is_signalling(x)) raise_invalid();
  const uint64_t b = bits(x);
  return value<double>((b & 0x80000000) << 32 | (b & 0x3fffff) << 29 | 0x7ff8000000000000);
}

void sd2ss(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t) { d.set(0, narrow(s.mxcsr, b.lane<double>(0))); }
void ss2sd(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t) { d.set(0, widen(s.mxcsr, b.lane<float>(0))); }
void pd2ps(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t) {
  Vec r;
  for (unsigned i = 0; i < 2; ++i) r.set(i, narrow(s.mxcsr, b.lane<double>(i)));
  d = r;
}
void ps2pd(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t) {
  Vec r;
  for (unsigned i = 0; i < 2; ++i) r.set(i, widen(s.mxcsr, b.lane<float>(i)));
  d = r;
}

// ---- from vectors of integers
void dq2ps(CpuState&, Vec& d, const Vec&, const Vec& b, uint64_t) {
  for (unsigned i = 0; i < 4; ++i) d.set(i, static_cast<float>(b.lane<int32_t>(i)));
}
void dq2pd(CpuState&, Vec& d, const Vec&, const Vec& b, uint64_t) {
  const int32_t x = b.lane<int32_t>(0), y = b.lane<int32_t>(1);
  d.set(0, static_cast<double>(x)), d.set(1, static_cast<double>(y));
}

// ---- to vectors of integers; two doubles give two integers and zeros
template <class T, bool truncate>
void to_dq(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t) {
  Vec r;
  for (unsigned i = 0; i < kLanes<T>; ++i)
    r.set(i, to_integer<int32_t>(operand(s.mxcsr, b.lane<T>(i)), truncate ? Rounding::Zero : rounding_of(s.mxcsr)));
  d = r;
}

// ---- from general registers: one op for each of the two widths
template <class I, class T>
void from_integer(Vec& d, uint64_t x, uint64_t) {
  d.set(0, static_cast<T>(static_cast<I>(x)));
}
// ---- to general registers. Truncation needs no state: one VecGet. (Under DAZ a denormal operand should not set PE; it
// does.) Rounding reads MXCSR: a VecFp into a temporary, then a VecGet.
template <class I, class T>
uint64_t truncated(const Vec& a, uint64_t) {
  constexpr T limit = static_cast<T>(uint64_t{1} << (sizeof(I) * 8 - 1));
  const T x = a.lane<T>(0);
  bool fits = !is_nan(x) && x < limit;
  if constexpr (sizeof(T) > sizeof(I))
    fits = fits && x > -limit - 1;
  else
    fits = fits && x >= -limit;
  if (!fits) {
    raise_invalid();
    return static_cast<std::make_unsigned_t<I>>(std::numeric_limits<I>::min());
  }
  return static_cast<std::make_unsigned_t<I>>(static_cast<I>(x));
}
template <class I, class T>
void rounded(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t) {
  const I r = to_integer<I>(operand(s.mxcsr, b.lane<T>(0)), rounding_of(s.mxcsr));
  d = Vec{static_cast<std::make_unsigned_t<I>>(r), 0};
}
// By conversion, then by width of the integer, then by format
constexpr Helper kHelpers[] = {
    {.name = "cvtsi2ss32", .put = from_integer<int32_t, float>, .reads_dst = true},
    {.name = "cvtsi2sd32", .put = from_integer<int32_t, double>, .reads_dst = true},
    {.name = "cvtsi2ss64", .put = from_integer<int64_t, float>, .reads_dst = true},
    {.name = "cvtsi2sd64", .put = from_integer<int64_t, double>, .reads_dst = true},
    {.name = "cvttss2si32", .get = truncated<int32_t, float>},
    {.name = "cvttsd2si32", .get = truncated<int32_t, double>},
    {.name = "cvttss2si64", .get = truncated<int64_t, float>},
    {.name = "cvttsd2si64", .get = truncated<int64_t, double>},
    {.name = "cvtss2si32", .fp = rounded<int32_t, float>},
    {.name = "cvtsd2si32", .fp = rounded<int32_t, double>},
    {.name = "cvtss2si64", .fp = rounded<int64_t, float>},
    {.name = "cvtsd2si64", .fp = rounded<int64_t, double>},
};
enum Conversion { kFrom = 0, kTruncate = 4, kRound = 8 };
template <class T>
const Helper* chosen(Conversion c, bool wide) {
  return &kHelpers[c + (wide ? 2 : 0) + (sizeof(T) == 8 ? 1 : 0)];
}

template <class T>
void from_general(Builder& b) {
  const Source s = b.source(1);
  const bool wide = b.width(1) == 8;
  Uop& u = b.emit(Op::VecPut, wide ? 8 : 4);
  u.dst = b.xmm(0), u.b = s.reg, u.helper = chosen<T>(kFrom, wide);
}

template <class T>
void truncate_to_general(Builder& b) {
  const VReg s = b.source_v(1, sizeof(T));
  const bool wide = b.width(0) == 8;
  Uop& u = b.emit(Op::VecGet, wide ? 8 : 4);
  u.dst = b.reg(0), u.a = s, u.helper = chosen<T>(kTruncate, wide);
}
template <class T>
void round_to_general(Builder& b) {
  const VReg s = b.source_v(1, sizeof(T)), t = b.vtemp();
  const bool wide = b.width(0) == 8;
  Uop& u = b.emit(Op::VecFp, 16);
  u.dst = u.a = t, u.b = s, u.helper = chosen<T>(kRound, wide);
  Uop& get = b.emit(Op::VecGet, wide ? 8 : 4);
  get.dst = b.reg(0), get.a = t, get.helper = &kGetLow;
}

// clang-format off
const Row kSseConvertRows[] = {
    sse(ZYDIS_MNEMONIC_CVTSD2SS, fp_binary, {.name = "cvtsd2ss", .fp = sd2ss, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_CVTSS2SD, fp_binary, {.name = "cvtss2sd", .fp = ss2sd, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_CVTPD2PS, fp_binary, {.name = "cvtpd2ps", .fp = pd2ps}),
    sse(ZYDIS_MNEMONIC_CVTPS2PD, fp_binary, {.name = "cvtps2pd", .fp = ps2pd}, 8),
    sse(ZYDIS_MNEMONIC_CVTDQ2PS, fp_binary, {.name = "cvtdq2ps", .fp = dq2ps}),
    sse(ZYDIS_MNEMONIC_CVTDQ2PD, fp_binary, {.name = "cvtdq2pd", .fp = dq2pd}, 8),
    sse(ZYDIS_MNEMONIC_CVTPS2DQ, fp_binary, {.name = "cvtps2dq", .fp = to_dq<float, false>}),
    sse(ZYDIS_MNEMONIC_CVTTPS2DQ, fp_binary, {.name = "cvttps2dq", .fp = to_dq<float, true>}),
    sse(ZYDIS_MNEMONIC_CVTPD2DQ, fp_binary, {.name = "cvtpd2dq", .fp = to_dq<double, false>}),
    sse(ZYDIS_MNEMONIC_CVTTPD2DQ, fp_binary, {.name = "cvttpd2dq", .fp = to_dq<double, true>}),
    sse(ZYDIS_MNEMONIC_CVTSI2SD, from_general<double>, {nullptr}),
    sse(ZYDIS_MNEMONIC_CVTSI2SS, from_general<float>, {nullptr}),
    sse(ZYDIS_MNEMONIC_CVTTSD2SI, truncate_to_general<double>, {nullptr}),
    sse(ZYDIS_MNEMONIC_CVTTSS2SI, truncate_to_general<float>, {nullptr}),
    sse(ZYDIS_MNEMONIC_CVTSD2SI, round_to_general<double>, {nullptr}),
    sse(ZYDIS_MNEMONIC_CVTSS2SI, round_to_general<float>, {nullptr}),
};
// clang-format on

}  // namespace

std::span<const Helper> convert_helpers() { return kHelpers; }

std::span<const Row> sse_convert_rows() { return kSseConvertRows; }

}  // namespace deferscope::isa::x86_64
