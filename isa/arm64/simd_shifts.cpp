// Advanced SIMD shifts: by registers and by immediates.
#include "isa/arm64/lanes.h"

namespace deferscope::isa::arm64 {
namespace {

// x shifted left by n (right if negative), rounded if asked, without loss (128 bits hold any 64-bit lane shifted by up
// to 63; more to the left is cut to a value that still saturates).
template <class T>
i128 shifted(T x, int n, bool round) {
  constexpr int bits = 8 * sizeof(T);
  if (n >= 0) {
    if (x == 0) return 0;
    return n >= bits ? (x < 0 ? -(i128{1} << 100) : i128{1} << 100) : i128{x} * (i128{1} << n);
  }
  const int right = -n > 126 ? 126 : -n;
  return (i128{x} + (round ? i128{1} << (right - 1) : i128{0})) >> right;
}
// The count of a register shift: the low byte, signed.
template <class L>
int count(const L& l) {
  return static_cast<int8_t>(l.b);
}
// To the left the plain shifts lose bits; shifts by more than the lane give 0.
template <class T>
T wrapped(T x, int n, bool round) {
  if (n >= static_cast<int>(8 * sizeof(T))) return 0;
  return static_cast<T>(shifted(x, n, round));
}

template <class W>
using narrow_of =
    std::conditional_t<sizeof(W) == 2, std::conditional_t<std::is_signed_v<W>, int8_t, uint8_t>,
                       std::conditional_t<sizeof(W) == 4, std::conditional_t<std::is_signed_v<W>, int16_t, uint16_t>,
                                          std::conditional_t<std::is_signed_v<W>, int32_t, uint32_t>>>;

constexpr auto kPlainShift = [](auto l) { return wrapped(l.a, count(l), false); };
constexpr auto kRoundShift = [](auto l) { return wrapped(l.a, count(l), true); };
constexpr auto kSatShift = [](auto l) { return saturate<decltype(l.a)>(l.s, shifted(l.a, count(l), false)); };
constexpr auto kSatRoundShift = [](auto l) { return saturate<decltype(l.a)>(l.s, shifted(l.a, count(l), true)); };
constexpr auto kRight = [](auto l) { return shifted(l.a, -static_cast<int>(l.p), false); };
constexpr auto kRightRound = [](auto l) { return shifted(l.a, -static_cast<int>(l.p), true); };
constexpr auto kRightOnto = [](auto l) { return i128{l.d} + shifted(l.a, -static_cast<int>(l.p), false); };
constexpr auto kRightRoundOnto = [](auto l) { return i128{l.d} + shifted(l.a, -static_cast<int>(l.p), true); };
template <bool Round, bool ToUnsigned>
constexpr auto kSatNarrow = [](auto l) {
  using N = narrow_of<decltype(l.a)>;
  using To = std::conditional_t<ToUnsigned, std::make_unsigned_t<N>, N>;
  return saturate<To>(l.s, shifted(l.a, -static_cast<int>(l.p), Round));
};

}  // namespace

constexpr Set kSshl = make<Elementwise, "sshl", Signed>(kPlainShift);
constexpr Set kUshl = make<Elementwise, "ushl", Unsigned>(kPlainShift);
constexpr Set kSrshl = make<Elementwise, "srshl", Signed>(kRoundShift);
constexpr Set kUrshl = make<Elementwise, "urshl", Unsigned>(kRoundShift);
constexpr Set kSqshl = make<Elementwise, "sqshl", Signed, kState>(kSatShift);
constexpr Set kUqshl = make<Elementwise, "uqshl", Unsigned, kState>(kSatShift);
constexpr Set kSqrshl = make<Elementwise, "sqrshl", Signed, kState>(kSatRoundShift);
constexpr Set kUqrshl = make<Elementwise, "uqrshl", Unsigned, kState>(kSatRoundShift);

constexpr Set kSshr = make<Elementwise, "sshr", Signed>(kRight);
constexpr Set kUshr = make<Elementwise, "ushr", Unsigned>(kRight);
constexpr Set kSrshr = make<Elementwise, "srshr", Signed>(kRightRound);
constexpr Set kUrshr = make<Elementwise, "urshr", Unsigned>(kRightRound);
constexpr Set kSsra = make<Elementwise, "ssra", Signed, kReadsDst>(kRightOnto);
constexpr Set kUsra = make<Elementwise, "usra", Unsigned, kReadsDst>(kRightOnto);
constexpr Set kSrsra = make<Elementwise, "srsra", Signed, kReadsDst>(kRightRoundOnto);
constexpr Set kUrsra = make<Elementwise, "ursra", Unsigned, kReadsDst>(kRightRoundOnto);
constexpr Set kShl = make<Elementwise, "shl", Unsigned>([](auto l) { return uint64_t{l.a} << l.p; });
constexpr Set kSli = make<Elementwise, "sli", Unsigned, kReadsDst>(
    [](auto l) { return (uint64_t{l.a} << l.p) | (l.d & ((uint64_t{1} << l.p) - 1)); });
constexpr Set kSri = make<Elementwise, "sri", Unsigned, kReadsDst>([](auto l) {
  using T = decltype(l.a);
  if (l.p == 8 * sizeof(T)) return l.d;
  const T mask = static_cast<T>(static_cast<T>(~T{0}) >> l.p);
  return static_cast<T>((l.d & ~mask) | (l.a >> l.p));
});

constexpr auto kSatLeft = [](auto l) {
  return saturate<decltype(l.a)>(l.s, shifted(l.a, static_cast<int>(l.p), false));
};
constexpr Set kSqshlImm = make<Elementwise, "sqshl.i", Signed, kState>(kSatLeft);
constexpr Set kUqshlImm = make<Elementwise, "uqshl.i", Unsigned, kState>(kSatLeft);
constexpr Set kSqshlu = make<Elementwise, "sqshlu", Signed, kState>([](auto l) {
  return saturate<std::make_unsigned_t<decltype(l.a)>>(l.s, shifted(l.a, static_cast<int>(l.p), false));
});

constexpr Set kShrn = make<Narrow, "shrn", UnsignedBhs>(kRight);
constexpr Set kRshrn = make<Narrow, "rshrn", UnsignedBhs>(kRightRound);
constexpr Set kSqshrn = make<Narrow, "sqshrn", SignedBhs, kState>(kSatNarrow<false, false>);
constexpr Set kUqshrn = make<Narrow, "uqshrn", UnsignedBhs, kState>(kSatNarrow<false, false>);
constexpr Set kSqshrun = make<Narrow, "sqshrun", SignedBhs, kState>(kSatNarrow<false, true>);
constexpr Set kSqrshrn = make<Narrow, "sqrshrn", SignedBhs, kState>(kSatNarrow<true, false>);
constexpr Set kUqrshrn = make<Narrow, "uqrshrn", UnsignedBhs, kState>(kSatNarrow<true, false>);
constexpr Set kSqrshrun = make<Narrow, "sqrshrun", SignedBhs, kState>(kSatNarrow<true, true>);

constexpr Set kSshll = make<Lengthen, "sshll", SignedBhs>([](auto l) { return i128{l.a} * (i128{1} << l.p); });
constexpr Set kUshll = make<Lengthen, "ushll", UnsignedBhs>([](auto l) { return uint64_t{l.a} << l.p; });

}  // namespace deferscope::isa::arm64
